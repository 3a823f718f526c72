{{
    config(
        pre_hook="{{ drop_outdated(ref('int_sales_weeks'), 'week') }}",
        post_hook=["{{ mark_built(ref('int_sales_weeks')) }}", "analyze {{ this }} (week, store_id, product_category)"],
        indexes=[{'columns': ['week']}]
    )
}}

with sales_weeks as (

    select * from {{ ref('int_sales_weeks') }}

),

transactions as (

    select * from {{ ref('stg_transactions') }}

),

products as (

    select * from {{ ref('stg_products') }}

),

final as (

    select
        sales_weeks.week,
        transactions.store_id,
        products.product_category,
        -- Fuel comes in thousandths of a unit of volume: a filling counts as one unit.
        coalesce(sum(case when products.is_fuel then 1 else transactions.quantity end), 0)::bigint as units,
        count(*)::integer as lines,
        (count(*) filter (where transactions.is_on_offer))::integer as offer_lines
    from sales_weeks
    inner join transactions
        on
            transactions.day >= sales_weeks.week
            and transactions.day < sales_weeks.week + 7
    -- What was known on the Monday after, which is the first as-of date that sees the week.
    inner join products
        on
            transactions.product_id = products.product_id
            and sales_weeks.week + 7 >= products.valid_from
            and sales_weeks.week + 7 < products.valid_to
    where
        sales_weeks.is_pending
        and transactions.is_purchase
        and products.product_category is not null
    group by sales_weeks.week, transactions.store_id, products.product_category

)

select * from final
