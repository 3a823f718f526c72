with as_of_dates as (

    select * from {{ ref('int_pending_sales_dates') }}

),

products as (

    select * from {{ ref('stg_products') }}

),

product_lists as (

    select distinct product_list
    from as_of_dates

),

final as (

    select
        product_lists.product_list,
        products.product_category,
        mode() within group (order by products.department) as department
    from product_lists
    inner join products
        on
            product_lists.product_list >= products.valid_from
            and product_lists.product_list < products.valid_to
    where products.product_category is not null
    group by product_lists.product_list, products.product_category

)

select * from final
