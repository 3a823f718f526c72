with as_of_dates as (

    select * from {{ ref('int_pending_customer_dates') }}

),

campaigns as (

    select * from {{ ref('stg_campaigns') }}

),

coupon_redemptions as (

    select * from {{ ref('stg_coupon_redemptions') }}

),

events as (

    select
        as_of_dates.as_of_date,
        campaigns.household_id,
        0 as redemptions,
        (campaigns.end_date >= as_of_dates.as_of_date)::int as active,
        (campaigns.start_date >= as_of_dates.as_of_date - 84)::int as received
    from as_of_dates
    inner join campaigns
        on
            campaigns.start_date < as_of_dates.as_of_date
            and as_of_dates.as_of_date >= campaigns.valid_from
            and as_of_dates.as_of_date < campaigns.valid_to

    union all

    select
        as_of_dates.as_of_date,
        coupon_redemptions.household_id,
        1 as redemptions,
        0 as active,
        0 as received
    from as_of_dates
    inner join coupon_redemptions
        on
            coupon_redemptions.day < as_of_dates.as_of_date
            and coupon_redemptions.day >= as_of_dates.as_of_date - 84

),

final as (

    select
        as_of_date,
        household_id,
        sum(redemptions) as coupon_redemptions_84d,
        sum(active) as campaigns_active,
        sum(received) as campaigns_received_84d
    from events
    group by as_of_date, household_id

)

select * from final
