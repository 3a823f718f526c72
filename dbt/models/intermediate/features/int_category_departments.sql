with as_of_dates as (

    select * from {{ ref('int_pending_sales_dates') }}

),

products as (

    select * from {{ ref('stg_products') }}

),

-- Each product list once that counts at an as-of date.
product_lists as (

    select
        snapshots.valid_from,
        snapshots.valid_to
    from {{ ref('stg_snapshots') }} as snapshots
    where
        snapshots.source = 'products'
        and exists (
            select 1
            from as_of_dates
            where
                as_of_dates.as_of_date >= snapshots.valid_from
                and as_of_dates.as_of_date < snapshots.valid_to
        )

),

final as (

    select
        product_lists.valid_from,
        product_lists.valid_to,
        products.product_category,
        mode() within group (order by products.department) as department
    from product_lists
    inner join products
        on
            product_lists.valid_from >= products.valid_from
            and product_lists.valid_from < products.valid_to
    where products.product_category is not null
    group by product_lists.valid_from, product_lists.valid_to, products.product_category

)

select * from final
