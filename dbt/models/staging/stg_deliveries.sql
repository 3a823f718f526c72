with source as (

    select * from {{ source('raw', 'partitions') }}

),

renamed as (

    select
        source,
        batch_day,
        row_count,
        content_hash,
        published_at
    from source

)

select * from renamed
