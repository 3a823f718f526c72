with source as (

    select * from {{ source('raw', 'transactions') }}

),

renamed as (

    select
        household_id,
        store_id,
        basket_id,
        product_id,
        quantity,
        sales_value as spend,
        retail_disc + coupon_disc + coupon_match_disc as discount,
        sales_value + retail_disc + coupon_match_disc as shelf_value,
        -- A line with neither units nor dollars is a coupon or a correction: no purchase.
        quantity > 0 or sales_value > 0 as is_purchase,
        coalesce(retail_disc > 0, false) as is_on_offer,
        sold_at,
        day,
        batch_day
    from source

)

select * from renamed
