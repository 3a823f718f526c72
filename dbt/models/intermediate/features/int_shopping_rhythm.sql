with as_of_dates as (

    select * from {{ ref('int_pending_customer_dates') }}

),

household_days as (

    select * from {{ ref('int_household_days') }}

),

visits as (

    select
        household_id,
        day,
        lag(day) over (partition by household_id order by day) as previous_day,
        extract(isodow from day) >= 6 as is_weekend
    from household_days

),

recent_visits as (

    select
        as_of_dates.as_of_date,
        visits.household_id,
        visits.day,
        visits.is_weekend,
        -- The first visit of the window has no gap: the visit before it lies outside.
        case
            when visits.previous_day >= as_of_dates.as_of_date - {{ var('customer_history_days') }}
                then visits.day - visits.previous_day
        end as gap_days
    from as_of_dates
    inner join visits
        on
            visits.day < as_of_dates.as_of_date
            and visits.day >= as_of_dates.as_of_date - {{ var('customer_history_days') }}

),

rhythm as (

    select
        as_of_date,
        household_id,
        as_of_date - max(day) as recency_days,
        as_of_date - min(day) as tenure_days,
        avg(gap_days)::double precision as gap_mean_days,
        stddev_samp(gap_days)::double precision as gap_std_days,
        avg(is_weekend::int)::double precision as weekend_share
    from recent_visits
    group by as_of_date, household_id

),

final as (

    select
        as_of_date,
        household_id,
        gap_mean_days,
        gap_std_days,
        recency_days / gap_mean_days as recency_to_gap,
        weekend_share,
        tenure_days
    from rhythm

)

select * from final
