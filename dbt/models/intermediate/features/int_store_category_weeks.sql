with as_of_dates as (

    select * from {{ ref('int_pending_sales_dates') }}

),

products as (

    select * from {{ ref('stg_products') }}

),

-- The eight weeks before each as-of date, once for each product list.
list_weeks as (

    select distinct
        as_of_dates.product_list,
        as_of_dates.as_of_date - 7 * numbers.weeks_ago as week
    from as_of_dates
    cross join generate_series(1, 8) as numbers (weeks_ago)

),

final as (

    select
        list_weeks.product_list,
        weeks.week,
        weeks.store_id,
        products.product_category,
        -- Fuel comes in thousandths of a unit of volume: a filling counts as one unit.
        sum(case when products.is_fuel then weeks.lines else weeks.quantity end)::bigint as units,
        sum(weeks.lines)::integer as lines,
        sum(weeks.offer_lines)::integer as offer_lines
    from list_weeks
    inner join {{ ref('int_store_product_weeks') }} as weeks on list_weeks.week = weeks.week
    inner join products
        on
            weeks.product_id = products.product_id
            and list_weeks.product_list >= products.valid_from
            and list_weeks.product_list < products.valid_to
    where
        products.product_category is not null
        and weeks.week >= (select min(as_of_dates.as_of_date) - 56 from as_of_dates)
    group by list_weeks.product_list, weeks.week, weeks.store_id, products.product_category

)

select * from final
