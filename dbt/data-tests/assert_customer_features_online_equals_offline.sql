-- Every online row is an offline row, and the newest one of its household.
with newest as (

    select
        household_id,
        max(as_of_date) as as_of_date
    from {{ ref('customer_features') }}
    group by household_id

),

offline as (

    select customer_features.*
    from {{ ref('customer_features') }} as customer_features
    inner join newest
        on
            customer_features.as_of_date = newest.as_of_date
            and customer_features.household_id = newest.household_id

),

online as (

    select * from {{ ref('customer_features_latest') }}

)

select
    coalesce(online.household_id, offline.household_id) as household_id,
    online.as_of_date as online_as_of_date,
    offline.as_of_date as offline_as_of_date
from online
full outer join offline
    on
        online.household_id = offline.household_id
where online.* is distinct from offline.*
