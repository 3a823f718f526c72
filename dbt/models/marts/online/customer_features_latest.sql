{{ config(alias='customer_features') }}

with customer_features as (

    select * from {{ ref('customer_features') }}

),

final as (

    select distinct on (household_id) *
    from customer_features
    order by household_id asc, as_of_date desc

)

select * from final
