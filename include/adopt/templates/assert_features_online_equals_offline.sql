-- Every online row is an offline row, and the newest one of its entity.
with newest as (

    select
<% for key in plan.entity.names %>
        << key >>,
<% endfor %>
        max(as_of_date) as as_of_date
    from {{ ref('<< group >>') }}
    << plan.entity.names | clause('group by') >>

),

offline as (

    select features.*
    from {{ ref('<< group >>') }} as features
    inner join newest
        on
            << plan.entity.match("features", "newest") >>

),

online as (

    select * from {{ ref('<< group >>_latest') }}

)

select
<% for key in plan.entity.names %>
    << ("coalesce(online." ~ key ~ ", offline." ~ key ~ ")") | named(key, 4) >>,
<% endfor %>
    online.as_of_date as online_as_of_date,
    offline.as_of_date as offline_as_of_date
from online
full outer join offline
    on
<% for key in plan.entity.names %>
        << "" if loop.first else "and " >>online.<< key >> = offline.<< key >>
<% endfor %>
where online.* is distinct from offline.*
