with as_of_dates as (

    select * from {{ ref('int_pending_sales_dates') }}

),

sums as (

    select
        product_list,
        week,
        store_id,
        product_category,
        sum(units)::bigint as units
    from {{ ref('int_store_category_weeks') }}
    group by grouping sets ((product_list, week, store_id), (product_list, week, product_category))

),

final as (

    select
        as_of_dates.as_of_date,
        sums.store_id,
        sums.product_category,
        sum(sums.units) / 8::double precision as units_mean_8w,
        4::double precision
        * coalesce(sum(sums.units) filter (where sums.week >= as_of_dates.as_of_date - 14), 0)
        / nullif(sum(sums.units), 0) as units_trend
    from as_of_dates
    inner join sums
        on
            as_of_dates.product_list = sums.product_list
            and sums.week < as_of_dates.as_of_date
            and sums.week >= as_of_dates.as_of_date - 56
    group by as_of_dates.as_of_date, sums.store_id, sums.product_category

)

select * from final
