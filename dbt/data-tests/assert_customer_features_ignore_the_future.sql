-- Counted again from the receipts of the days before an as-of date only. The date is the newest one that
-- lies at least a week back, because after the newest of all there is no future yet that could leak in.
with newest as (

    select max(as_of_date) as as_of_date
    from {{ ref('customer_features') }}
    where as_of_date <= (
        select max(arrivals.day) - 6
        from {{ ref('stg_arrivals') }} as arrivals
        where arrivals.source = 'transactions'
    )

),

shopping_days as (

    select
        newest.as_of_date,
        transactions.household_id,
        transactions.day
    from newest
    inner join {{ ref('stg_transactions') }} as transactions
        on
            newest.as_of_date > transactions.day
            and newest.as_of_date <= transactions.day + {{ var('churn_active_window_days') }}
    where
        transactions.is_purchase
        -- No delivery is older than its rows.
        and transactions.batch_day >= (
            select dates.as_of_date - {{ var('churn_active_window_days') }} from newest as dates
        )
    group by newest.as_of_date, transactions.household_id, transactions.day

),

expected as (

    select
        as_of_date,
        household_id,
        as_of_date - max(day) as recency_days,
        count(*) filter (where day >= as_of_date - 28) as active_days_28d
    from shopping_days
    group by as_of_date, household_id

),

features as (

    select
        customer_features.as_of_date,
        customer_features.household_id,
        customer_features.recency_days,
        customer_features.active_days_28d
    from {{ ref('customer_features') }} as customer_features
    inner join newest on customer_features.as_of_date = newest.as_of_date

)

select
    features.recency_days,
    expected.recency_days as expected_recency_days,
    features.active_days_28d,
    expected.active_days_28d as expected_active_days_28d,
    coalesce(features.household_id, expected.household_id) as household_id
from features
full outer join expected
    on
        features.as_of_date = expected.as_of_date
        and features.household_id = expected.household_id
where
    features.recency_days is distinct from expected.recency_days
    or features.active_days_28d is distinct from expected.active_days_28d
