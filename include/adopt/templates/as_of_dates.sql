-- Built after << days >>, so that only days that are in it count.
-- depends_on: {{ ref('<< days >>') }}
<% for part in plan.further %>
-- depends_on: {{ ref('<< part.models.days >>') }}
<% endfor %>
{{
    as_of_dates(
        days=ref('<< event_days >>'),
        group='<< group >>',
        history_days=var('<< plan.vars.history >>'),
        daily_days=var('<< plan.vars.daily >>')<< "," if plan.further or plan.lists else "" >>
<% if plan.further %>
        further=[<< plan.further | map(attribute="models.event_days") | refs | listed(20, 8) >>]<< "," if plan.lists else "" >>
<% endif %>
<% if plan.lists %>
        snapshots=[<< plan.lists | map(attribute="source") | quoted | listed(20, 8) >>]
<% endif %>
    )
}}
