{{
    config(
        pre_hook="{{ drop_outdated(ref('int_sales_weeks'), 'week') }}",
        post_hook=["{{ mark_built(ref('int_sales_weeks')) }}", "analyze {{ this }} (week, store_id, product_id)"],
        indexes=[{'columns': ['week']}]
    )
}}

with sales_weeks as (

    select * from {{ ref('int_sales_weeks') }}

),

transactions as (

    select * from {{ ref('stg_transactions') }}

),

final as (

    select
        sales_weeks.week,
        transactions.store_id,
        transactions.product_id,
        coalesce(sum(transactions.quantity), 0)::bigint as quantity,
        count(*)::integer as lines,
        (count(*) filter (where transactions.is_on_offer))::integer as offer_lines
    from sales_weeks
    inner join transactions
        on
            transactions.day >= sales_weeks.week
            and transactions.day < sales_weeks.week + 7
    where
        sales_weeks.is_pending
        and transactions.is_purchase
    group by sales_weeks.week, transactions.store_id, transactions.product_id

)

select * from final
