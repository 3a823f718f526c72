-- Every label has its features, and every feature row of a matured as-of date has its label.
with features as (

    select
        as_of_date,
        store_id,
        product_category
    from {{ ref('store_category_features') }}
    where as_of_date in (
        select label_dates.as_of_date from {{ ref('int_demand_label_dates') }} as label_dates
    )

),

labels as (

    select
        as_of_date,
        store_id,
        product_category
    from {{ ref('demand_labels') }}

)

select
    coalesce(features.as_of_date, labels.as_of_date) as as_of_date,
    coalesce(features.store_id, labels.store_id) as store_id,
    coalesce(features.product_category, labels.product_category) as product_category
from features
full outer join labels
    on
        features.as_of_date = labels.as_of_date
        and features.store_id = labels.store_id
        and features.product_category = labels.product_category
where features.store_id is null or labels.store_id is null
