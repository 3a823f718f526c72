{{
    config(
        pre_hook="{{ drop_outdated(ref('int_demand_label_dates'), 'as_of_date') }}",
        post_hook="{{ mark_built(ref('int_demand_label_dates')) }}"
    )
}}

with label_dates as (

    select * from {{ ref('int_demand_label_dates') }}

),

entities as (

    select
        features.as_of_date,
        features.store_id,
        features.product_category
    from {{ ref('store_category_features') }} as features
    inner join label_dates on features.as_of_date = label_dates.as_of_date
    where label_dates.is_pending

),

sales as (

    select
        label_dates.as_of_date,
        weeks.store_id,
        weeks.product_category,
        sum(weeks.units) as units
    from label_dates
    inner join {{ ref('int_store_category_weeks') }} as weeks
        on
            weeks.week >= label_dates.as_of_date
            and weeks.week < label_dates.as_of_date + {{ var('demand_horizon_days') }}
    where label_dates.is_pending
    group by label_dates.as_of_date, weeks.store_id, weeks.product_category

),

final as (

    select
        entities.as_of_date,
        entities.store_id,
        entities.product_category,
        coalesce(sales.units, 0) / ({{ var('demand_horizon_days') }} / 7.0)::double precision as weekly_units
    from entities
    left join sales
        on
            entities.as_of_date = sales.as_of_date
            and entities.store_id = sales.store_id
            and entities.product_category = sales.product_category

)

select * from final
