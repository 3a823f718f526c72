with snapshots as (

    select * from {{ ref('stg_snapshots') }}
    where source = 'products'

),

products as (

    select * from {{ ref('stg_products') }}

),

final as (

    select
        snapshots.valid_from,
        snapshots.valid_to,
        products.product_category,
        mode() within group (order by products.department) as department
    from snapshots
    inner join products
        on
            snapshots.valid_from >= products.valid_from
            and snapshots.valid_from < products.valid_to
    where products.product_category is not null
    group by snapshots.valid_from, snapshots.valid_to, products.product_category

)

select * from final
