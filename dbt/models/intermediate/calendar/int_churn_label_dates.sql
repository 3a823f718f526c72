-- Built after customer_features, whose households the labels are of.
-- depends_on: {{ ref('customer_features') }}

with as_of_dates as (

    select * from {{ ref('int_customer_as_of_dates') }}

),

shop_days as (

    select * from {{ ref('int_shop_days') }}
    where not is_pending

),

previous as (

    {{ previous_state('as_of_date') }}

),

windows as (

    select
        as_of_dates.as_of_date,
        count(*) filter (
            where shop_days.is_delivered and shop_days.day >= as_of_dates.as_of_date
        ) as delivered_days,
        {{ code_version('churn_labels') }} + sum(shop_days.inputs_version) as inputs_version
    from as_of_dates
    inner join shop_days
        on
            shop_days.day >= as_of_dates.as_of_date - {{ var('churn_active_window_days') }}
            and shop_days.day < as_of_dates.as_of_date + {{ var('churn_horizon_days') }}
    group by as_of_dates.as_of_date

),

final as (

    select
        windows.as_of_date,
        windows.inputs_version,
        coalesce(previous.is_pending or previous.inputs_version <> windows.inputs_version, true) as is_pending
    from windows
    left join previous on windows.as_of_date = previous.as_of_date
    where windows.delivered_days = {{ var('churn_horizon_days') }}

)

select * from final
