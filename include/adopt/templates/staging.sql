with source as (

    select * from {{ source('raw', '<< plan.source >>') }}

),

renamed as (

    select
<% if plan.staged | selectattr('is_bounded') | list %>
        -- What cannot be added up (NaN, numbers beyond all measure) is unknown.
<% endif %>
<% for column in plan.staged %>
        << column.sql >>,
<% endfor %>
        day,
        batch_day
    from source

)

select * from renamed
