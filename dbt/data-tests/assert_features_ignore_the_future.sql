-- Recency of the newest as-of date, counted again from the receipts of the days before it only.
with newest as (

    select max(as_of_date) as as_of_date
    from {{ ref('customer_features') }}

),

expected as (

    select
        newest.as_of_date,
        transactions.household_id,
        newest.as_of_date - max(transactions.day) as recency_days
    from newest
    inner join {{ ref('stg_transactions') }} as transactions
        on
            transactions.day < newest.as_of_date
            and transactions.day >= newest.as_of_date - {{ var('active_window_days') }}
    where transactions.is_purchase
    group by newest.as_of_date, transactions.household_id

),

features as (

    select
        customer_features.as_of_date,
        customer_features.household_id,
        customer_features.recency_days
    from {{ ref('customer_features') }} as customer_features
    inner join newest on customer_features.as_of_date = newest.as_of_date

)

select
    features.recency_days,
    expected.recency_days as expected_recency_days,
    coalesce(features.household_id, expected.household_id) as household_id
from features
full outer join expected
    on
        features.as_of_date = expected.as_of_date
        and features.household_id = expected.household_id
where features.recency_days is distinct from expected.recency_days
