with as_of_dates as (

    select * from {{ ref('<< as_of_dates >>') }}
    where is_pending

),

days as (

    select * from {{ ref('<< days >>') }}

),

recent_days as (

    select
        days.*,
        as_of_dates.as_of_date,
        as_of_dates.as_of_date - days.day as days_ago
    from as_of_dates
    inner join days
        on
            days.day < as_of_dates.as_of_date
            and days.day >= as_of_dates.as_of_date - << plan.lookback_days >>

),

windows as (

    select
        as_of_date,
<% for key in plan.entity.names %>
        << key >>,
<% endfor %>
        min(days_ago) as << plan.prefix >>recency_days,
        {% for days in << plan.windows >> %}
            coalesce(
                sum(event_count) filter (where days_ago <= {{ days }}), 0
            ) as << plan.source >>_{{ days }}d,
            count(*) filter (where days_ago <= {{ days }}) as << plan.prefix >>active_days_{{ days }}d,
<% if plan.numbers %>
            {% for column in << plan.numbers | names(16) >> %}
                coalesce(
                    sum({{ column }}_sum) filter (where days_ago <= {{ days }}), 0
                ) as << plan.prefix >>{{ column }}_sum_{{ days }}d,
                sum({{ column }}_sum) filter (where days_ago <= {{ days }})
                / nullif(sum({{ column }}_count) filter (where days_ago <= {{ days }}), 0)
                    as << plan.prefix >>{{ column }}_mean_{{ days }}d,
            {% endfor %}
<% endif %>
        {% endfor %}
<% if plan.lookback_days >= 56 %>
        coalesce(
            sum(event_count) filter (where days_ago between 29 and 56), 0
        ) as << plan.source >>_previous_28d,
<% endif %>
        -- Least-squares slope over the four 7-day blocks of the last 28 days, oldest first.
        coalesce(
            sum(event_count * (1.5 - (days_ago - 1) / 7)) filter (where days_ago <= 28), 0
        ) / 5 as << plan.source >>_trend_28d
    from recent_days
    << (['as_of_date'] + keys) | clause('group by') >>

),

final as (

    select *
    from windows
<% if not plan.is_further %>
    where recency_days <= {{ var('<< plan.vars.active >>') }}
<% endif %>

)

select * from final
