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
            customer_features.household_id = newest.household_id
            and customer_features.as_of_date = newest.as_of_date

),

online as (

    select * from {{ ref('customer_features_latest') }}

),

differences as (

    (
        select * from online
        except
        select * from offline
    )

    union all

    (
        select * from offline
        except
        select * from online
    )

)

select * from differences
