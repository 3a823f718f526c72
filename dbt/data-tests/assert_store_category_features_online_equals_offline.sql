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
