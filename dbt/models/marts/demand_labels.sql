{{
    config(
        pre_hook="{{ drop_outdated(ref('int_demand_label_dates'), 'as_of_date') }}",
        post_hook="{{ mark_built(ref('int_demand_label_dates')) }}"
    )
}}

with label_dates as (

    select * from {{ ref('int_demand_label_dates') }}

),

entities as (

    select
        features.as_of_date,
        features.store_id,
        features.product_category
    from {{ ref('store_category_features') }} as features
    inner join label_dates on features.as_of_date = label_dates.as_of_date
    where label_dates.is_pending

),

products as (

    select
        *,
        coalesce(
            lag(valid_to) over (partition by product_id order by valid_from), '-infinity'::date
        ) as unlisted_from
    from {{ ref('stg_products') }}

),

-- Each step is made before the next one joins it. The planner expects few rows of a join by several columns:
-- it would pair all products with all dates, or all sales of a store with all categories there.
product_sales as materialized (

    select
        label_dates.as_of_date,
        weeks.store_id,
        weeks.product_id,
        weeks.quantity,
        weeks.lines
    from label_dates
    inner join {{ ref('int_store_product_weeks') }} as weeks
        on
            weeks.week >= label_dates.as_of_date
            and weeks.week < label_dates.as_of_date + {{ var('demand_horizon_days') }}
    where label_dates.is_pending

),

-- A product has its category by the list of the as-of date, as in the features, whatever later lists say;
-- one that came since, by the first list of the horizon that has it.
sales as materialized (

    select
        sold.as_of_date,
        sold.store_id,
        products.product_category,
        -- Fuel comes in thousandths of a unit of volume: a filling counts as one unit.
        sum(case when products.is_fuel then sold.lines else sold.quantity end)::bigint as units
    from product_sales as sold
    inner join products
        on
            sold.product_id = products.product_id
            and sold.as_of_date >= products.unlisted_from
            and sold.as_of_date < products.valid_to
            and sold.as_of_date + {{ var('demand_horizon_days') }} >= products.valid_from
    group by sold.as_of_date, sold.store_id, products.product_category

),

final as (

    select
        entities.as_of_date,
        entities.store_id,
        entities.product_category,
        coalesce(sales.units, 0) / ({{ var('demand_horizon_days') }} / 7.0)::double precision as weekly_units
    from entities
    left join sales
        on
            entities.as_of_date = sales.as_of_date
            and entities.store_id = sales.store_id
            and entities.product_category = sales.product_category

)

select * from final
