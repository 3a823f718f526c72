with source as (

    select * from {{ source('raw', 'snapshot_periods') }}

),

renamed as (

    select
        source,
        batch_day,
        known_day,
        content_hash,
        valid_from,
        valid_to
    from source

)

select * from renamed
