with as_of_dates as (

    select
        as_of_date,
        as_of_date - {{ var('<< plan.vars.history >>') }} as first_day
    from {{ ref('<< as_of_dates >>') }}
    where is_pending

),

days as (

    select
<% for key in plan.entity.names %>
        << key >>,
<% endfor %>
        day,
        lag(day) over (
            << plan.entity.names | clause('partition by', 12) >>
            order by day
        ) as previous_day,
        extract(isodow from day) >= 6 as is_weekend
    from {{ ref('<< days >>') }}

),

recent_days as (

    select
        as_of_dates.as_of_date,
<% for key in plan.entity.names %>
        days.<< key >>,
<% endfor %>
        days.day,
        days.is_weekend,
        -- The first day of the history has no gap: the day before it lies outside.
        case
            when days.previous_day >= as_of_dates.first_day
                then days.day - days.previous_day
        end as gap_days
    from as_of_dates
    inner join days
        on
            days.day < as_of_dates.as_of_date
            and days.day >= as_of_dates.first_day

),

rhythm as (

    select
        as_of_date,
<% for key in plan.entity.names %>
        << key >>,
<% endfor %>
        as_of_date - max(day) as recency_days,
        as_of_date - min(day) as tenure_days,
        avg(gap_days)::double precision as gap_mean_days,
        stddev_samp(gap_days)::double precision as gap_std_days,
        avg(is_weekend::int)::double precision as weekend_share
    from recent_days
    << (['as_of_date'] + keys) | clause('group by') >>

),

final as (

    select
        as_of_date,
<% for key in plan.entity.names %>
        << key >>,
<% endfor %>
<% if plan.prefix %>
<% for name in ["gap_mean_days", "gap_std_days"] %>
        << name >> as << plan.prefix ~ name >>,
<% endfor %>
        recency_days / gap_mean_days as << plan.prefix >>recency_to_gap,
        weekend_share as << plan.prefix >>weekend_share,
        tenure_days as << plan.prefix >>tenure_days
<% else %>
        gap_mean_days,
        gap_std_days,
        recency_days / gap_mean_days as recency_to_gap,
        weekend_share,
        tenure_days
<% endif %>
    from rhythm

)

select * from final
