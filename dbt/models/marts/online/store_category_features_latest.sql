{{ config(alias='store_category_features') }}

with store_category_features as (

    select * from {{ ref('store_category_features') }}

),

final as (

    select distinct on (store_id, product_category) *
    from store_category_features
    order by store_id asc, product_category asc, as_of_date desc

)

select * from final
