{{
    config(
        pre_hook="{{ drop_outdated(ref('int_sales_weeks'), 'week') }}",
        post_hook="{{ mark_built(ref('int_sales_weeks'), 'week, store_id, product_id') }}",
        indexes=[{'columns': ['week']}]
    )
}}

with sales_weeks as (

    select * from {{ ref('int_sales_weeks') }}

),

arrivals as (

    select * from {{ ref('stg_arrivals') }}
    where source = 'transactions'

),

transactions as (

    select * from {{ ref('stg_transactions') }}

),

-- The deliveries that brought rows of pending weeks: of the others nothing is read.
deliveries as (

    select
        min(arrivals.batch_day) as first_day,
        max(arrivals.batch_day) as last_day
    from sales_weeks
    inner join arrivals
        on
            sales_weeks.week <= arrivals.day
            and sales_weeks.week + 7 > arrivals.day
    where sales_weeks.is_pending

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
    -- An equality, which can be hashed: by a range, each line would be compared with each week.
    inner join transactions on sales_weeks.week = date_trunc('week', transactions.day::timestamp)::date
    where
        sales_weeks.is_pending
        and transactions.is_purchase
        and transactions.batch_day >= (select deliveries.first_day from deliveries)
        and transactions.batch_day <= (select deliveries.last_day from deliveries)
    group by sales_weeks.week, transactions.store_id, transactions.product_id

)

select * from final
