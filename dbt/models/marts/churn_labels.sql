{{
    config(
        pre_hook="{{ drop_outdated(ref('int_churn_label_dates'), 'as_of_date') }}",
        post_hook="{{ mark_built(ref('int_churn_label_dates')) }}"
    )
}}

with label_dates as (

    select * from {{ ref('int_churn_label_dates') }}

),

household_days as (

    select * from {{ ref('int_household_days') }}

),

purchases as (

    select
        label_dates.as_of_date,
        household_days.household_id,
        household_days.day < label_dates.as_of_date as is_before
    from label_dates
    inner join household_days
        on
            household_days.day >= label_dates.as_of_date - {{ var('churn_active_window_days') }}
            and household_days.day < label_dates.as_of_date + {{ var('churn_horizon_days') }}
    where label_dates.is_pending

),

final as (

    select
        as_of_date,
        household_id,
        bool_and(is_before) as churned
    from purchases
    group by as_of_date, household_id
    having bool_or(is_before)

)

select * from final
