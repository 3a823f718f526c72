with source as (

    select * from {{ source('raw', 'products') }}

),

renamed as (

    select
        product_id,
        department,
        product_category,
        brand = 'Private' as is_private_label,
        coalesce(product_type like 'GASOLINE%', false) as is_fuel,
        valid_from,
        valid_to
    from source

)

select * from renamed
