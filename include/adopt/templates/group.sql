<% macro count_windows(part, table) %>
<% set first, last = ("coalesce(", ", 0)") if part.is_further else ("", "") %>
        << (table ~ "." ~ part.prefix ~ "recency_days::double precision") | named(part.prefix ~ "recency_days") >>,
        {% for days in << part.windows >> %}
<% for name in [part.source, part.prefix ~ "active_days"] %>
            << (first ~ table ~ "." ~ name ~ "_{{ days }}d" ~ last ~ "::double precision") | named(name ~ "_{{ days }}d", 12) >>,
<% endfor %>
<% if part.numbers %>
            {% for column in << part.numbers | names(16) >> %}
<% for kind in ["sum", "mean"] %>
<% set name = part.prefix ~ "{{ column }}_" ~ kind ~ "_{{ days }}d" %>
<% set read = table ~ "." ~ name if kind == "mean" else first ~ table ~ "." ~ name ~ last %>
                << (read ~ "::double precision") | named(name, 16) >>,
<% endfor %>
            {% endfor %}
<% endif %>
        {% endfor %}
<% for kind in (["previous"] if part.lookback_days >= 56 else []) + ["trend"] %>
<% set name = part.source ~ "_" ~ kind ~ "_28d" %>
        << (first ~ table ~ "." ~ name ~ last ~ "::double precision") | named(name) >>,
<% endfor %>
<% endmacro %>
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
<% for table, model in plan.joined_models.items() %>

<< table >> as (

    select * from {{ ref('<< model >>') }}

),
<% endfor %>

final as (

    select
        windows.as_of_date,
<% for key in keys %>
        windows.<< key >>,
<% endfor %>
<< count_windows(plan.main, "windows") ->>
<% for feature in plan.main.features if feature.part == "variety" %>
        << feature.select("variety") >>,
<% endfor %>
<% for part in plan.further %>
<< count_windows(part, part.source ~ "_windows") ->>
<% for feature in part.features if feature.part != "windows" %>
        << feature.select(part.source ~ "_" ~ feature.part) >>,
<% endfor %>
<% endfor %>
<% for feature in plan.list_features %>
        << feature.aliased >>,
<% endfor %>
        rhythm.gap_mean_days,
        rhythm.gap_std_days,
        rhythm.recency_to_gap,
        rhythm.weekend_share,
        rhythm.tenure_days::double precision as tenure_days
    from windows
    inner join rhythm
        on
            << plan.entity.match("windows", "rhythm") >>
<% for table in plan.joined_models if table not in plan.list_tables %>
    left join << table >>
        on
            << plan.entity.match("windows", table) >>
<% endfor %>
<% for table in plan.list_tables %>
    left join << table >>
        on
            << plan.entity.match("windows", table, first=[]) >>
            and windows.as_of_date >= << table >>.valid_from
            and windows.as_of_date < << table >>.valid_to
<% endfor %>

)

select * from final
