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
        -- A discount that is unknown or below 0 is none; greatest() leaves nulls out.
        greatest(retail_disc, 0) + greatest(coupon_disc, 0) + greatest(coupon_match_disc, 0) as discount,
        sales_value + greatest(retail_disc, 0) + greatest(coupon_match_disc, 0) as shelf_value,
        -- A line with neither units nor dollars that are known is a coupon or a correction: no purchase.
        coalesce(quantity > 0 or sales_value > 0, false) as is_purchase,
        coalesce(retail_disc > 0, false) as is_on_offer,
        sold_at,
        day,
        batch_day
    from source

)

select * from renamed
