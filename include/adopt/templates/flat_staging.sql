with source as (

    select * from {{ source('raw', '<< plan.source >>') }}

),

renamed as (

    select
<% for column in plan.staged %>
        << column.sql >>,
<% endfor %>
        valid_from,
        valid_to
    from source

)

select * from renamed
