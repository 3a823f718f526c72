{{
    config(
        pre_hook="{{ drop_outdated(ref('<< event_days >>'), 'day') }}",
        post_hook="{{ mark_built(<< event_days | marked(keys + ['day']) >>) }}",
        indexes=[
            {'columns': [<< (keys + ['day']) | quoted | listed(44, 12) >>], 'unique': true},
            {'columns': ['day']}
        ]
    )
}}

with event_days as (

    select * from {{ ref('<< event_days >>') }}
    where is_pending

),

arrivals as (

    select * from {{ ref('stg_arrivals') }}
    where source = '<< plan.source >>'

),

events as (

    select * from {{ ref('stg_<< plan.source >>') }}

),

-- The deliveries that brought rows of pending days: of the others nothing is read.
deliveries as (

    select
        min(arrivals.batch_day) as first_day,
        max(arrivals.batch_day) as last_day
    from event_days
    inner join arrivals on event_days.day = arrivals.day

),

pending_events as (

    select events.*
    from event_days
    inner join events on event_days.day = events.day
    where
        events.batch_day >= (select deliveries.first_day from deliveries)
        and events.batch_day <= (select deliveries.last_day from deliveries)
<% for key in plan.entity.names %>
        and events.<< key >> is not null
<% endfor %>

),

final as (

    select
        day,
<% for key in plan.entity.names %>
        << key >>,
<% endfor %>
<% for column in plan.numbers %>
        sum(<< column.name >>) as << column.name >>_sum,
        count(<< column.name >>) as << column.name >>_count,
<% endfor %>
<% for column in plan.varied %>
        jsonb_agg(<% if not column.is_category %>distinct <% endif %><< column.name >>) filter (
            where << column.name >> is not null
        ) as << column.name >>_values,
<% endfor %>
        count(*) as event_count
    from pending_events
    << (['day'] + keys) | clause('group by') >>

)

select * from final
