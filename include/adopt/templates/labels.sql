{{
    config(
        pre_hook=[
            "{{ drop_outdated(ref('<< label_dates >>'), 'as_of_date') }}",
            "set local enable_nestloop = off"
        ],
        post_hook="{{ mark_built(ref('<< label_dates >>')) }}"
    )
}}

with label_dates as (

    select * from {{ ref('<< label_dates >>') }}
    where is_pending

),

features as (

    select * from {{ ref('<< group >>') }}

),

days as (

    select * from {{ ref('<< days >>') }}

),

outcomes as (

    select
        label_dates.as_of_date,
<% for key in plan.entity.names %>
        days.<< key >>,
<% endfor %>
        sum(days.<< plan.label.summed >>) as total
    from label_dates
    inner join days
        on
            days.day >= label_dates.as_of_date
            and days.day < label_dates.as_of_date + {{ var('<< plan.vars.horizon >>') }}
    << (['label_dates.as_of_date'] + (keys | prefixed('days.'))) | clause('group by') >>

),

final as (

    select
        features.as_of_date,
<% for key in plan.entity.names %>
        features.<< key >>,
<% endfor %>
        << plan.label.sql >> as << plan.label.column >>
    from features
    inner join label_dates on features.as_of_date = label_dates.as_of_date
    left join outcomes
        on
            << plan.entity.match("features", "outcomes") >>

)

select * from final
