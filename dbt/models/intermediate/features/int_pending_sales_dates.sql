with as_of_dates as (

    select * from {{ ref('int_sales_as_of_dates') }}

),

product_lists as (

    select * from {{ ref('stg_snapshots') }}
    where source = 'products'

),

final as (

    select
        as_of_dates.as_of_date,
        product_lists.valid_from as product_list
    from as_of_dates
    left join product_lists
        on
            as_of_dates.as_of_date >= product_lists.valid_from
            and as_of_dates.as_of_date < product_lists.valid_to
    where as_of_dates.is_pending

)

select * from final
