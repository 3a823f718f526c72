-- Looked up again in the copy of << plan.source | replace("_", " ") >> that counts at an as-of date: none that became known later.
-- The date is the newest one before the newest copy: from there on no later copy is known that could leak in.
with newest as (

    select max(as_of_date) as as_of_date
    from {{ ref('<< group >>') }}
    where as_of_date < (select max(copies.valid_from) from {{ ref('stg_<< plan.source >>') }} as copies)

),

features as (

    select group_rows.*
    from {{ ref('<< group >>') }} as group_rows
    inner join newest on group_rows.as_of_date = newest.as_of_date

),

<< plan.source >>_rows as (

    select * from {{ ref('stg_<< plan.source >>') }}

)

select
    features.as_of_date,
<% for key in keys %>
    features.<< key >><< "," if plan.features or not loop.last else "" >>
<% endfor %>
<% for feature in plan.features %>
    features.<< feature.name >>,
    << feature.sql | named("expected_" ~ feature.name, 4) >><< "" if loop.last else "," >>
<% endfor %>
from features
left join << plan.source >>_rows
    on
        << plan.entity.match("features", plan.source ~ "_rows", 8, first=[]) >>
        and features.as_of_date >= << plan.source >>_rows.valid_from
        and features.as_of_date < << plan.source >>_rows.valid_to
where
<% for feature in plan.features %>
    << "or " if not loop.first else "" >>features.<< feature.name >> is distinct from << feature.sql >>
<% endfor %>
