with as_of_dates as (

    select * from {{ ref('int_pending_sales_dates') }}

),

-- Weeks are numbered from a Monday: windows over whole numbers are fast, and a week without sales is a gap.
weeks as (

    select
        product_list,
        week,
        store_id,
        product_category,
        units,
        lines,
        offer_lines,
        (week - date '2001-01-01') / 7 as week_number
    from {{ ref('int_store_category_weeks') }}

),

windows as (

    select
        product_list,
        week + 7 as as_of_date,
        store_id,
        product_category,
        units,
        lines,
        offer_lines,
        sum(units) over four_weeks as units_4w,
        sum(units) over eight_weeks as units_8w,
        array_agg(units) over eight_weeks as weekly_units,
        count(*) over eight_weeks as weeks_sold_8w,
        sum(lines) over eight_weeks as lines_8w,
        sum(offer_lines) over eight_weeks as offer_lines_8w
    from weeks
    window
        four_weeks as (
            partition by product_list, store_id, product_category
            order by week_number range between 3 preceding and current row
        ),
        eight_weeks as (
            partition by product_list, store_id, product_category
            order by week_number range between 7 preceding and current row
        )

),

final as (

    select
        windows.as_of_date,
        windows.product_list,
        windows.store_id,
        windows.product_category,
        windows.units as units_1w,
        windows.units_4w / 4::double precision as units_mean_4w,
        windows.units_8w / 8::double precision as units_mean_8w,
        spread.units_median_8w,
        spread.units_std_8w,
        spread.units_max_8w,
        windows.weeks_sold_8w,
        windows.lines_8w / 8::double precision as lines_mean_8w,
        windows.offer_lines / windows.lines::double precision as offer_share_1w,
        windows.offer_lines_8w / windows.lines_8w::double precision as offer_share_8w
    from windows
    inner join as_of_dates
        on windows.as_of_date = as_of_dates.as_of_date and windows.product_list = as_of_dates.product_list
    -- The weeks without sales are zeros.
    cross join
        lateral (
            select
                percentile_cont(0.5) within group (order by sales.units) as units_median_8w,
                stddev_samp(sales.units)::double precision as units_std_8w,
                max(sales.units) as units_max_8w
            from
                unnest(
                    windows.weekly_units || array_fill(0::bigint, array[(8 - windows.weeks_sold_8w)::integer])
                ) as sales (units)
        ) as spread
    where windows.weeks_sold_8w >= {{ var('demand_min_weeks_sold') }}

)

select * from final
