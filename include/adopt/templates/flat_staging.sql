with source as (

    select * from {{ source('raw', '<< plan.source >>') }}

),

renamed as (

    select
<% include 'selected.sql' %>
        valid_from,
        valid_to
    from source

)

select * from renamed
