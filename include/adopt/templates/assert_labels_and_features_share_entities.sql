-- Every label has its features, and every feature row of a matured as-of date has its label.
with features as (

    select
        as_of_date,
<% for key in plan.entity.names %>
        << key >><< "" if loop.last else "," >>
<% endfor %>
    from {{ ref('<< group >>') }}
    where
        as_of_date in (
            select label_dates.as_of_date
            from {{ ref('<< label_dates >>') }} as label_dates
        )

),

labels as (

    select
        as_of_date,
<% for key in plan.entity.names %>
        << key >><< "" if loop.last else "," >>
<% endfor %>
    from {{ ref('<< labels >>') }}

)

select
    coalesce(features.as_of_date, labels.as_of_date) as as_of_date,
<% for key in plan.entity.names %>
    << ("coalesce(features." ~ key ~ ", labels." ~ key ~ ")") | named(key, 4) >><< "" if loop.last else "," >>
<% endfor %>
from features
full outer join labels
    on
        << plan.entity.match("features", "labels", 8) >>
where features.as_of_date is null or labels.as_of_date is null
