with deliveries as (

    select * from {{ ref('stg_deliveries') }}

),

transactions as (

    select * from {{ ref('stg_transactions') }}

),

coupon_redemptions as (

    select * from {{ ref('stg_coupon_redemptions') }}

),

previous as (

    {{ previous_state('day') }}

),

arrivals as (

    select
        'transactions' as source,
        batch_day,
        day,
        count(*) as line_count
    from transactions
    group by batch_day, day

    union all

    select
        'coupon_redemptions' as source,
        batch_day,
        day,
        count(*) as line_count
    from coupon_redemptions
    group by batch_day, day

    union all

    -- A delivery without rows (a closed shop) makes a day too.
    select
        source,
        batch_day,
        batch_day as day,
        0 as line_count
    from deliveries
    where source in ('transactions', 'coupon_redemptions')

),

days as (

    select
        arrivals.day,
        coalesce(sum(arrivals.line_count) filter (where arrivals.source = 'transactions'), 0) as line_count,
        bool_or(arrivals.source = 'transactions' and arrivals.batch_day = arrivals.day) as is_delivered,
        {{ code_version('int_household_days') }} + sum(
            hashtextextended(
                concat_ws(
                    '|',
                    arrivals.source,
                    arrivals.batch_day,
                    extract(epoch from deliveries.published_at),
                    arrivals.line_count
                ),
                0
            )
        ) as inputs_version
    from arrivals
    left join deliveries
        on
            arrivals.source = deliveries.source
            and arrivals.batch_day = deliveries.batch_day
    group by arrivals.day

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
