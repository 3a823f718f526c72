with products as (

    select * from {{ ref('stg_products') }}

),

final as (

    select
        product_category,
        mode() within group (order by department) as department
    from products
    where product_category is not null
    group by product_category

)

select * from final
