with transaction_days as (

    select
        day,
        is_delivered,
        inputs_version,
        date_trunc('week', day)::date as week
    from {{ ref('int_transaction_days') }}

),

previous as (

    {{ previous_state('week') }}

),

bounds as (

    select
        min(day) as first_day,
        max(day) as last_day
    from transaction_days
    where is_delivered

),

-- Weeks that lie in the history whole; the one that is under way waits for its Sunday.
weeks as (

    select
        transaction_days.week,
        count(*) filter (where transaction_days.is_delivered) as delivered_days,
        {{ code_version('int_store_product_weeks') }}
        + sum(transaction_days.inputs_version) as inputs_version
    from transaction_days
    inner join bounds
        on
            transaction_days.week >= bounds.first_day
            and transaction_days.week + 6 <= bounds.last_day
    group by transaction_days.week

),

final as (

    select
        weeks.week,
        weeks.delivered_days,
        weeks.inputs_version,
        coalesce(previous.is_pending or previous.inputs_version <> weeks.inputs_version, true) as is_pending
    from weeks
    left join previous on weeks.week = previous.week

)

select * from final
