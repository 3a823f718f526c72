with as_of_dates as (

    select * from {{ ref('int_customer_as_of_dates') }}

),

final as (

    select as_of_date
    from as_of_dates
    where is_pending

)

select * from final
