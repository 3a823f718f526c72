with source as (

    select * from {{ source('raw', 'arrivals') }}

),

renamed as (

    select
        source,
        batch_day,
        day,
        row_count
    from source

)

select * from renamed
