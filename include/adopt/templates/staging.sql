with source as (

    select * from {{ source('raw', '<< plan.source >>') }}

),

renamed as (

    select
<% include 'selected.sql' %>
        day,
        batch_day
    from source

)

select * from renamed
