{{ config(alias='<< group >>') }}

with features as (

    select * from {{ ref('<< group >>') }}

),

final as (

    select distinct on (<< plan.entity.names | listed(20, 4) >>) *
    from features
    << ((keys | suffixed(' asc')) + ['as_of_date desc']) | clause('order by') >>

)

select * from final
