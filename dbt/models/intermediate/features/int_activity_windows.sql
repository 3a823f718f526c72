with as_of_dates as (

    select * from {{ ref('int_pending_customer_dates') }}

),

household_days as (

    select * from {{ ref('int_household_days') }}

),

purchases as (

    select
        as_of_dates.as_of_date,
        household_days.household_id,
        household_days.orders,
        household_days.spend,
        household_days.items,
        as_of_dates.as_of_date - household_days.day as days_ago
    from as_of_dates
    inner join household_days
        on
            household_days.day < as_of_dates.as_of_date
            and household_days.day >= as_of_dates.as_of_date - 84

),

windows as (

    select
        as_of_date,
        household_id,
        min(days_ago) as recency_days,
        {% for days in [7, 28, 56, 84] %}
            coalesce(sum(orders) filter (where days_ago <= {{ days }}), 0) as orders_{{ days }}d,
            coalesce(sum(spend) filter (where days_ago <= {{ days }}), 0) as spend_{{ days }}d,
            coalesce(sum(items) filter (where days_ago <= {{ days }}), 0) as items_{{ days }}d,
        {% endfor %}
        coalesce(sum(orders) filter (where days_ago between 29 and 56), 0) as orders_previous_28d,
        -- Least-squares slope over the four 7-day blocks of the last 28 days, oldest first.
        coalesce(
            sum(orders * (1.5 - (days_ago - 1) / 7)) filter (where days_ago <= 28), 0
        ) / 5 as orders_trend_28d,
        count(*) filter (where days_ago <= 28) as active_days_28d,
        count(*) as active_days_84d
    from purchases
    group by as_of_date, household_id

),

final as (

    select *
    from windows
    where recency_days <= {{ var('churn_active_window_days') }}

)

select * from final
