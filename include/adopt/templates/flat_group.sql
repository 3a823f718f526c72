{{ config(materialized='table', on_schema_change='ignore') }}

with snapshots as (

    select max(valid_from) as as_of_date
    from {{ ref('stg_snapshots') }}
    where source = '<< plan.source >>'

),

<< plan.source >> as (

    select * from {{ ref('stg_<< plan.source >>') }}

),

final as (

    select
        snapshots.as_of_date,
<% for key in plan.entity.names %>
        << plan.source >>.<< key >>,
<% endfor %>
<% for feature in plan.features %>
        << feature.aliased >><< "" if loop.last else "," >>
<% endfor %>
    from snapshots
    inner join << plan.source >>
        on
            snapshots.as_of_date >= << plan.source >>.valid_from
            and snapshots.as_of_date < << plan.source >>.valid_to

)

select * from final
