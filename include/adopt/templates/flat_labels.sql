{{ config(materialized='table', on_schema_change='ignore') }}

with features as (

    select * from {{ ref('<< group >>') }}

),

<< plan.source >> as (

    select * from {{ ref('stg_<< plan.source >>') }}

),

final as (

    select
        features.as_of_date,
<% for key in plan.entity.names %>
        features.<< key >>,
<% endfor %>
        << plan.source >>.<< plan.label.sql >><< plan.label.alias >>
    from features
    inner join << plan.source >>
        on
<% for key in plan.entity.names %>
            << "" if loop.first else "and " >>features.<< key >> = << plan.source >>.<< key >>
<% endfor %>
            and features.as_of_date >= << plan.source >>.valid_from
            and features.as_of_date < << plan.source >>.valid_to
    -- Without its label a row is there to be scored.
    where << plan.source >>.<< plan.label.column >> is not null

)

select * from final
