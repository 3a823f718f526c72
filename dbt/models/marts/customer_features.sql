{#
The planner expects one row of each join of grouped rows and would loop over them all, row by row:
hash joins are right for one as-of date and for all.
#}
{{
    config(
        pre_hook=["{{ drop_outdated(ref('int_customer_as_of_dates'), 'as_of_date') }}", "set local enable_nestloop = off"],
        post_hook="{{ mark_built(ref('int_customer_as_of_dates'), 'as_of_date, household_id') }}"
    )
}}

with activity as (

    select * from {{ ref('int_activity_windows') }}

),

rhythm as (

    select * from {{ ref('int_shopping_rhythm') }}

),

mix as (

    select * from {{ ref('int_basket_mix') }}

),

response as (

    select * from {{ ref('int_campaign_response') }}

),

households as (

    select * from {{ ref('stg_households') }}

),

final as (

    select
        activity.as_of_date,
        activity.household_id,
        activity.recency_days::double precision as recency_days,
        {% for days in [7, 28, 56, 84] %}
            activity.orders_{{ days }}d::double precision as orders_{{ days }}d,
            activity.spend_{{ days }}d::double precision as spend_{{ days }}d,
            activity.items_{{ days }}d::double precision as items_{{ days }}d,
        {% endfor %}
        activity.orders_previous_28d::double precision as orders_previous_28d,
        activity.orders_trend_28d::double precision as orders_trend_28d,
        activity.active_days_28d::double precision as active_days_28d,
        activity.active_days_84d::double precision as active_days_84d,
        rhythm.gap_mean_days::double precision as gap_mean_days,
        rhythm.gap_std_days::double precision as gap_std_days,
        rhythm.recency_to_gap::double precision as recency_to_gap,
        rhythm.weekend_share::double precision as weekend_share,
        rhythm.tenure_days::double precision as tenure_days,
        mix.basket_value_mean::double precision as basket_value_mean,
        mix.discount_share::double precision as discount_share,
        mix.private_label_share::double precision as private_label_share,
        mix.departments_84d::double precision as departments_84d,
        mix.stores_84d::double precision as stores_84d,
        coalesce(response.coupon_redemptions_84d, 0)::double precision as coupon_redemptions_84d,
        coalesce(response.campaigns_active, 0)::double precision as campaigns_active,
        coalesce(response.campaigns_received_84d, 0)::double precision as campaigns_received_84d,
        households.age_band::double precision as age_band,
        households.income_band::double precision as income_band,
        households.household_size::double precision as household_size,
        households.kids_count::double precision as kids_count
    from activity
    inner join rhythm
        on activity.as_of_date = rhythm.as_of_date and activity.household_id = rhythm.household_id
    inner join mix
        on activity.as_of_date = mix.as_of_date and activity.household_id = mix.household_id
    left join response
        on activity.as_of_date = response.as_of_date and activity.household_id = response.household_id
    left join households
        on
            activity.household_id = households.household_id
            and activity.as_of_date >= households.valid_from
            and activity.as_of_date < households.valid_to

)

select * from final
