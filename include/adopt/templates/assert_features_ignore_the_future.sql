<% set active_days = plan.prefix ~ "active_days_" ~ plan.lookback_days ~ "d" %>
-- Counted again from the rows of the days before an as-of date only, of << plan.events >>.
-- The date is the newest one that lies at least a week back, because after the newest of all there is no
-- future yet that could leak in.
with newest as (

    select max(as_of_date) as as_of_date
    from {{ ref('<< group >>') }}
    where as_of_date <= (
        select max(arrivals.day) - 6
        from {{ ref('stg_arrivals') }} as arrivals
        where arrivals.source = '<< plan.source >>'
    )

),

active_days as (

    select
        newest.as_of_date,
<% for key in plan.entity.names %>
        events.<< key >>,
<% endfor %>
        events.day
    from newest
    inner join {{ ref('stg_<< plan.source >>') }} as events
        on
            newest.as_of_date > events.day
            and newest.as_of_date <= events.day + << plan.lookback_days >>
    where
        -- No delivery is older than its rows.
        events.batch_day >= (select dates.as_of_date - << plan.lookback_days >> from newest as dates)
<% for key in plan.entity.names %>
        and events.<< key >> is not null
<% endfor %>
    << (['newest.as_of_date'] + (keys | prefixed('events.')) + ['events.day']) | clause('group by') >>

),

expected as (

    select
        as_of_date,
<% for key in plan.entity.names %>
        << key >>,
<% endfor %>
        as_of_date - max(day) as << plan.prefix >>recency_days,
        count(*) as << active_days >>
    from active_days
    << (['as_of_date'] + keys) | clause('group by') >>
<% if not plan.is_further %>
    having as_of_date - max(day) <= {{ var('<< plan.vars.active >>') }}
<% endif %>

),

features as (

    select group_rows.*
    from {{ ref('<< group >>') }} as group_rows
    inner join newest on group_rows.as_of_date = newest.as_of_date

)

select
<% for key in plan.entity.names %>
<% if plan.is_further %>
    features.<< key >>,
<% else %>
    << ("coalesce(features." ~ key ~ ", expected." ~ key ~ ")") | named(key, 4) >>,
<% endif %>
<% endfor %>
    features.<< plan.prefix >>recency_days,
    << ("expected." ~ plan.prefix ~ "recency_days") | named("expected_recency_days", 4) >>,
    features.<< active_days >>,
    << ("expected." ~ active_days) | named("expected_active_days", 4) >>
from features
<< "left" if plan.is_further else "full outer" >> join expected
    on
        << plan.entity.match("features", "expected", 8) >>
where
    features.<< plan.prefix >>recency_days is distinct from expected.<< plan.prefix >>recency_days
<% if plan.is_further %>
    or features.<< active_days >> <> coalesce(expected.<< active_days >>, 0)
<% else %>
    or features.<< active_days >> is distinct from expected.<< active_days >>
<% endif %>
