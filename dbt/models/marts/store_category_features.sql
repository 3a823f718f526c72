{#
The planner expects one row of each join of grouped rows and would loop over them all, row by row:
hash joins are right for one as-of date and for all.
#}
{{
    config(
        pre_hook=[
            "{{ drop_outdated(ref('int_sales_as_of_dates'), 'as_of_date') }}",
            "set local enable_nestloop = off"
        ],
        post_hook="{{ mark_built(ref('int_sales_as_of_dates'), 'as_of_date, store_id, product_category') }}"
    )
}}

with windows as (

    select * from {{ ref('int_sales_windows') }}

),

store_trends as (

    select * from {{ ref('int_sales_trends') }}
    where store_id is not null

),

category_trends as (

    select * from {{ ref('int_sales_trends') }}
    where product_category is not null

),

departments as (

    select * from {{ ref('int_category_departments') }}

),

final as (

    select
        windows.as_of_date,
        windows.store_id,
        windows.product_category,
        windows.units_1w::double precision as units_1w,
        windows.units_mean_4w,
        windows.units_mean_8w,
        windows.units_median_8w,
        windows.units_std_8w,
        windows.units_max_8w::double precision as units_max_8w,
        windows.weeks_sold_8w::integer as weeks_sold_8w,
        windows.lines_mean_8w,
        windows.offer_share_1w,
        windows.offer_share_8w,
        windows.offer_share_1w > windows.offer_share_8w as is_on_offer,
        store_trends.units_mean_8w as store_units_mean_8w,
        store_trends.units_trend as store_units_trend,
        category_trends.units_mean_8w as category_units_mean_8w,
        category_trends.units_trend as category_units_trend,
        departments.department
    from windows
    inner join store_trends
        on windows.as_of_date = store_trends.as_of_date and windows.store_id = store_trends.store_id
    inner join category_trends
        on
            windows.as_of_date = category_trends.as_of_date
            and windows.product_category = category_trends.product_category
    left join departments
        on
            windows.product_list = departments.product_list
            and windows.product_category = departments.product_category

)

select * from final
