with source as (

    select * from {{ source('raw', 'campaigns') }}

),

renamed as (

    select
        campaign_id,
        household_id,
        campaign_type,
        start_date,
        end_date
    from source

)

select * from renamed
