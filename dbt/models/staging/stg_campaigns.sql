with source as (

    select * from {{ source('raw', 'campaigns') }}

),

renamed as (

    select
        campaign_id,
        household_id,
        campaign_type,
        start_date,
        end_date,
        valid_from,
        valid_to
    from source

)

select * from renamed
