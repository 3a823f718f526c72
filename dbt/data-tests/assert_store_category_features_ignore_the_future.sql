-- Counted again from the receipts of the eight weeks before a Monday and by its product list only. The Monday
-- is the newest one that has a day after it: after the newest of all there may be no future yet that could
-- leak in.
with newest as (

    select max(as_of_date) as as_of_date
    from {{ ref('store_category_features') }}
    where as_of_date <= (
        select max(arrivals.day)
        from {{ ref('stg_arrivals') }} as arrivals
        where arrivals.source = 'transactions'
    )

),

weeks as (

    select
        newest.as_of_date,
        transactions.store_id,
        products.product_category,
        (newest.as_of_date - transactions.day + 6) / 7 as weeks_ago,
        sum(case when products.is_fuel then 1 else coalesce(transactions.quantity, 0) end) as units
    from newest
    inner join {{ ref('stg_transactions') }} as transactions
        on
            newest.as_of_date > transactions.day
            and newest.as_of_date <= transactions.day + 56
    inner join {{ ref('stg_products') }} as products
        on
            transactions.product_id = products.product_id
            and newest.as_of_date >= products.valid_from
            and newest.as_of_date < products.valid_to
    where
        transactions.is_purchase
        and products.product_category is not null
        -- No delivery is older than its rows.
        and transactions.batch_day >= (select dates.as_of_date - 56 from newest as dates)
    group by newest.as_of_date, transactions.store_id, products.product_category, weeks_ago

),

expected as (

    select
        as_of_date,
        store_id,
        product_category,
        sum(units) filter (where weeks_ago = 1) as units_1w,
        sum(units) / 8.0 as units_mean_8w,
        count(*) as weeks_sold_8w
    from weeks
    group by as_of_date, store_id, product_category
    having
        count(*) >= {{ var('demand_min_weeks_sold') }}
        and bool_or(weeks_ago = 1)

),

features as (

    select store_category_features.*
    from {{ ref('store_category_features') }} as store_category_features
    inner join newest on store_category_features.as_of_date = newest.as_of_date

)

select
    features.units_1w,
    expected.units_1w as expected_units_1w,
    features.units_mean_8w,
    expected.units_mean_8w as expected_units_mean_8w,
    coalesce(features.store_id, expected.store_id) as store_id,
    coalesce(features.product_category, expected.product_category) as product_category
from features
full outer join expected
    on
        features.store_id = expected.store_id
        and features.product_category = expected.product_category
where
    features.units_1w is distinct from expected.units_1w::double precision
    or features.units_mean_8w is distinct from expected.units_mean_8w::double precision
    or features.weeks_sold_8w is distinct from expected.weeks_sold_8w
