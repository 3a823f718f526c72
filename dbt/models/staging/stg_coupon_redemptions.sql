with source as (

    select * from {{ source('raw', 'coupon_redemptions') }}

),

renamed as (

    select
        household_id,
        coupon_upc,
        campaign_id,
        day,
        batch_day
    from source

)

select * from renamed
