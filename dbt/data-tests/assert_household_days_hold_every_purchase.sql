-- Lines and dollars of the newest week agree with the receipts; a day without a known purchase has neither.
with newest as (

    select max(day) as day
    from {{ ref('int_household_days') }}

),

receipts as (

    select
        transactions.day,
        count(*) filter (where transactions.is_purchase) as lines,
        sum(transactions.spend) as spend
    from {{ ref('stg_transactions') }} as transactions
    inner join newest on transactions.day > newest.day - 7
    -- No delivery is older than its rows.
    where transactions.batch_day > (select days.day - 7 from newest as days)
    group by transactions.day

),

household_days as (

    select
        purchases.day,
        sum(purchases.lines) as lines,
        sum(purchases.spend) as spend
    from {{ ref('int_household_days') }} as purchases
    inner join newest on purchases.day > newest.day - 7
    group by purchases.day

)

select
    receipts.day,
    receipts.lines,
    household_days.lines as held_lines,
    receipts.spend,
    household_days.spend as held_spend
from receipts
full outer join household_days on receipts.day = household_days.day
where
    coalesce(receipts.lines, 0) <> coalesce(household_days.lines, 0)
    or coalesce(receipts.spend, 0) <> coalesce(household_days.spend, 0)
