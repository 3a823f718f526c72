-- Every online row is an offline row, and the newest one of its store and product category.
with newest as (

    select
        store_id,
        product_category,
        max(as_of_date) as as_of_date
    from {{ ref('store_category_features') }}
    group by store_id, product_category

),

offline as (

    select store_category_features.*
    from {{ ref('store_category_features') }} as store_category_features
    inner join newest
        on
            store_category_features.as_of_date = newest.as_of_date
            and store_category_features.store_id = newest.store_id
            and store_category_features.product_category = newest.product_category

),

online as (

    select * from {{ ref('store_category_features_latest') }}

)

select
    coalesce(online.store_id, offline.store_id) as store_id,
    coalesce(online.product_category, offline.product_category) as product_category,
    online.as_of_date as online_as_of_date,
    offline.as_of_date as offline_as_of_date
from online
full outer join offline
    on
        online.store_id = offline.store_id
        and online.product_category = offline.product_category
where online.* is distinct from offline.*
