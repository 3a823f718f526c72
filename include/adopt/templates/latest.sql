{{ config(alias='<< group >>') }}

with features as (

    select * from {{ ref('<< group >>') }}

),

final as (

    select distinct on (<< plan.key_names | join(', ') >>) *
    from features
    order by << plan.key_names | join(' asc, ') >> asc, as_of_date desc

)

select * from final
