-- Built after int_store_product_weeks, so that only weeks that are in it count.
-- depends_on: {{ ref('int_store_product_weeks') }}

with sales_weeks as (

    select * from {{ ref('int_sales_weeks') }}
    where not is_pending

),

previous as (

    {{ previous_state('as_of_date') }}

),

bounds as (

    select min(week) + 56 as earliest
    from sales_weeks

),

-- The Monday after each week whose every day was delivered.
as_of_dates as (

    select sales_weeks.week + 7 as as_of_date
    from sales_weeks
    cross join bounds
    where sales_weeks.delivered_days = 7 and sales_weeks.week + 7 >= bounds.earliest

),

versions as (

    select
        as_of_dates.as_of_date,
        {{ code_version('store_category_features') }}
        + sum(sales_weeks.inputs_version)
        + {{ snapshot_version('products', 'as_of_dates.as_of_date') }} as inputs_version
    from as_of_dates
    inner join sales_weeks
        on
            sales_weeks.week < as_of_dates.as_of_date
            and sales_weeks.week >= as_of_dates.as_of_date - 56
    group by as_of_dates.as_of_date

),

final as (

    select
        versions.as_of_date,
        versions.inputs_version,
        coalesce(
            previous.is_pending or previous.inputs_version <> versions.inputs_version, true
        ) as is_pending
    from versions
    left join previous on versions.as_of_date = previous.as_of_date

)

select * from final
