-- Every label has its features, and every feature row of a matured as-of date has its label.
with features as (

    select
        as_of_date,
        household_id
    from {{ ref('customer_features') }}
    where as_of_date in (select label_dates.as_of_date from {{ ref('int_churn_label_dates') }} as label_dates)

),

labels as (

    select
        as_of_date,
        household_id
    from {{ ref('churn_labels') }}

)

select
    coalesce(features.as_of_date, labels.as_of_date) as as_of_date,
    coalesce(features.household_id, labels.household_id) as household_id
from features
full outer join labels
    on
        features.as_of_date = labels.as_of_date
        and features.household_id = labels.household_id
where features.household_id is null or labels.household_id is null
