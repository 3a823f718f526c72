with transaction_days as (

    select * from {{ ref('int_transaction_days') }}

),

redemption_days as (

    select * from {{ ref('int_redemption_days') }}

),

previous as (

    {{ previous_state('day') }}

),

days as (

    select
        coalesce(transaction_days.day, redemption_days.day) as day,
        coalesce(transaction_days.line_count, 0) as line_count,
        coalesce(transaction_days.is_delivered, false) as is_delivered,
        {{ code_version('int_household_days') }}
        + coalesce(transaction_days.inputs_version, 0)
        + coalesce(redemption_days.inputs_version, 0)
        + {{ snapshot_version(
            'products', 'coalesce(transaction_days.day, redemption_days.day) + 1'
        ) }} as inputs_version
    from transaction_days
    full outer join redemption_days on transaction_days.day = redemption_days.day

),

final as (

    select
        days.day,
        days.line_count,
        days.is_delivered,
        days.inputs_version,
        coalesce(previous.is_pending or previous.inputs_version <> days.inputs_version, true) as is_pending
    from days
    left join previous on days.day = previous.day

)

select * from final
