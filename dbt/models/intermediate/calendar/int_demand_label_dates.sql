-- Built after store_category_features, whose entities the labels are of.
-- depends_on: {{ ref('store_category_features') }}

with as_of_dates as (

    select * from {{ ref('int_sales_as_of_dates') }}
    where not is_pending

),

sales_weeks as (

    select * from {{ ref('int_sales_weeks') }}
    where not is_pending

),

previous as (

    {{ previous_state('as_of_date') }}

),

windows as (

    select
        as_of_dates.as_of_date,
        sum(sales_weeks.delivered_days) as delivered_days,
        {{ code_version('demand_labels') }}
        + as_of_dates.inputs_version
        + sum(sales_weeks.inputs_version)
        + {{ snapshot_version(
            'products', 'as_of_dates.as_of_date', 'as_of_dates.as_of_date + ' ~ var('demand_horizon_days')
        ) }} as inputs_version
    from as_of_dates
    inner join sales_weeks
        on
            sales_weeks.week >= as_of_dates.as_of_date
            and sales_weeks.week < as_of_dates.as_of_date + {{ var('demand_horizon_days') }}
    group by as_of_dates.as_of_date, as_of_dates.inputs_version

),

final as (

    select
        windows.as_of_date,
        windows.inputs_version,
        coalesce(previous.is_pending or previous.inputs_version <> windows.inputs_version, true) as is_pending
    from windows
    left join previous on windows.as_of_date = previous.as_of_date
    where windows.delivered_days = {{ var('demand_horizon_days') }}

)

select * from final
