-- Built after int_household_days, so that only days that are in it count.
-- depends_on: {{ ref('int_household_days') }}

with shop_days as (

    select * from {{ ref('int_shop_days') }}
    where not is_pending

),

previous as (

    {{ previous_state('as_of_date', ['is_daily']) }}

),

bounds as (

    select
        min(day) + {{ var('customer_history_days') }} as earliest,
        max(day) + 1 as newest
    from shop_days
    where is_delivered

),

-- Daily as-of dates begin once, shortly before the first build, and never end.
daily_start as (

    select
        coalesce(
            min(previous.as_of_date) filter (where previous.is_daily),
            bounds.newest - {{ var('customer_daily_as_of_days') }} + 1
        ) as as_of_date
    from bounds
    left join previous on true
    group by bounds.newest

),

-- The morning after each delivered day.
as_of_dates as (

    select
        shop_days.day + 1 as as_of_date,
        extract(isodow from shop_days.day + 1) = 1 as is_weekly,
        shop_days.day + 1 >= daily_start.as_of_date as is_daily
    from shop_days
    cross join bounds
    cross join daily_start
    where shop_days.is_delivered and shop_days.day + 1 >= bounds.earliest

),

versions as (

    select
        as_of_dates.as_of_date,
        as_of_dates.is_weekly,
        as_of_dates.is_daily,
        {{ code_version('customer_features') }}
        + sum(shop_days.inputs_version)
        + {{ snapshot_version('households', 'as_of_dates.as_of_date') }}
        + {{ snapshot_version('campaigns', 'as_of_dates.as_of_date') }} as inputs_version
    from as_of_dates
    inner join shop_days
        on
            shop_days.day < as_of_dates.as_of_date
            and shop_days.day >= as_of_dates.as_of_date - {{ var('customer_history_days') }}
    where as_of_dates.is_weekly or as_of_dates.is_daily
    group by as_of_dates.as_of_date, as_of_dates.is_weekly, as_of_dates.is_daily

),

final as (

    select
        versions.as_of_date,
        versions.is_weekly,
        versions.is_daily,
        versions.inputs_version,
        coalesce(
            previous.is_pending or previous.inputs_version <> versions.inputs_version, true
        ) as is_pending
    from versions
    left join previous on versions.as_of_date = previous.as_of_date

)

select * from final
