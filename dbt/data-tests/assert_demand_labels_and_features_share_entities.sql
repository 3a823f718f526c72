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

(
    select * from features
    except
    select * from labels
)

union all

(
    select * from labels
    except
    select * from features
)
