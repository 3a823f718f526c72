{{
    config(
        pre_hook="{{ drop_outdated(ref('int_shop_days'), 'day') }}",
        post_hook="{{ mark_built(ref('int_shop_days'), 'household_id, day') }}",
        indexes=[{'columns': ['household_id', 'day'], 'unique': true}, {'columns': ['day']}]
    )
}}

with shop_days as (

    select * from {{ ref('int_shop_days') }}

),

arrivals as (

    select * from {{ ref('stg_arrivals') }}
    where source = 'transactions'

),

transactions as (

    select * from {{ ref('stg_transactions') }}

),

-- The deliveries that brought rows of pending days: of the others nothing is read.
deliveries as (

    select
        min(arrivals.batch_day) as first_day,
        max(arrivals.batch_day) as last_day
    from shop_days
    inner join arrivals on shop_days.day = arrivals.day
    where shop_days.is_pending

),

products as (

    select * from {{ ref('stg_products') }}

),

lines as (

    select
        transactions.day,
        transactions.household_id,
        transactions.basket_id,
        transactions.store_id,
        transactions.spend,
        transactions.discount,
        transactions.shelf_value,
        transactions.is_purchase,
        products.department,
        products.is_private_label,
        -- Fuel comes in thousandths of a unit of volume: a filling counts as one item.
        case when products.is_fuel then 1 else transactions.quantity end as items
    from shop_days
    inner join transactions on shop_days.day = transactions.day
    -- What was known the morning after, which is the first as-of date that sees the day.
    left join products
        on
            transactions.product_id = products.product_id
            and transactions.day + 1 >= products.valid_from
            and transactions.day + 1 < products.valid_to
    where
        shop_days.is_pending
        and transactions.batch_day >= (select deliveries.first_day from deliveries)
        and transactions.batch_day <= (select deliveries.last_day from deliveries)

),

household_days as (

    select
        day,
        household_id,
        count(distinct basket_id) filter (where is_purchase) as orders,
        count(distinct basket_id) filter (where is_purchase and spend is not null) as priced_orders,
        count(*) filter (where is_purchase) as lines,
        coalesce(sum(items), 0) as items,
        coalesce(sum(spend), 0) as spend,
        coalesce(sum(discount) filter (where shelf_value is not null), 0) as discount,
        coalesce(sum(shelf_value), 0) as shelf_value,
        coalesce(sum(spend) filter (where is_private_label), 0) as private_label_spend,
        array_agg(distinct store_id) filter (where is_purchase) as stores,
        coalesce(
            array_agg(distinct department) filter (where is_purchase and department is not null),
            array[]::text[]
        ) as departments
    from lines
    group by day, household_id

),

final as (

    select *
    from household_days
    where lines > 0

)

select * from final
