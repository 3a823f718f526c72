{#
The planner expects one row of each join of grouped rows and would loop over them all, row by row:
hash joins are right for one as-of date and for all.
#}
{{
    config(
        pre_hook=[
            "{{ drop_outdated(ref('<< as_of_dates >>'), 'as_of_date') }}",
            "set local enable_nestloop = off"
        ],
        post_hook="{{ mark_built(<< as_of_dates | marked(['as_of_date'] + keys) >>) }}"
    )
}}

with windows as (

    select * from {{ ref('<< windows >>') }}

),

rhythm as (

    select * from {{ ref('<< rhythm >>') }}

),
<% if plan.varied %>

variety as (

    select * from {{ ref('<< variety >>') }}

),
<% endif %>

final as (

    select
        windows.as_of_date,
<% for key in plan.key_names %>
        windows.<< key >>,
<% endfor %>
        windows.recency_days::double precision as recency_days,
        {% for days in [7, 28, 56, 84] %}
            << ("windows." ~ plan.source ~ "_{{ days }}d::double precision") | named(plan.source ~ "_{{ days }}d", 12) >>,
            windows.active_days_{{ days }}d::double precision as active_days_{{ days }}d,
<% if plan.numbers %>
            {% for column in << plan.numbers | names(16) >> %}
                windows.{{ column }}_sum_{{ days }}d::double precision as {{ column }}_sum_{{ days }}d,
                windows.{{ column }}_mean_{{ days }}d::double precision as {{ column }}_mean_{{ days }}d,
            {% endfor %}
<% endif %>
        {% endfor %}
<% for kind in ["previous", "trend"] %>
        << ("windows." ~ plan.source ~ "_" ~ kind ~ "_28d::double precision") | named(plan.source ~ "_" ~ kind ~ "_28d") >>,
<% endfor %>
        rhythm.gap_mean_days,
        rhythm.gap_std_days,
        rhythm.recency_to_gap,
        rhythm.weekend_share,
        rhythm.tenure_days::double precision as tenure_days<< "," if plan.varied else "" >>
<% for column in plan.varied %>
        << ("coalesce(variety." ~ column.name ~ "_distinct_84d, 0)::double precision") | named(column.name ~ "_distinct_84d") >><< "" if loop.last and not column.is_category else "," >>
<% if column.is_category %>
        variety.<< column.name >>_most_frequent_84d<< "" if loop.last else "," >>
<% endif %>
<% endfor %>
    from windows
    inner join rhythm
        on
            << plan.match("windows", "rhythm") >>
<% if plan.varied %>
    left join variety
        on
            << plan.match("windows", "variety") >>
<% endif %>

)

select * from final
