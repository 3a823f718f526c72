with as_of_dates as (

    select * from {{ ref('int_pending_customer_dates') }}

),

household_days as (

    select * from {{ ref('int_household_days') }}
    where day >= (select min(as_of_dates.as_of_date) - 84 from as_of_dates)

),

baskets as (

    select
        as_of_dates.as_of_date,
        household_days.household_id,
        sum(household_days.spend) / nullif(sum(household_days.priced_orders), 0) as basket_value_mean,
        least(sum(household_days.discount), sum(household_days.shelf_value))
        / nullif(sum(household_days.shelf_value), 0) as discount_share,
        sum(household_days.private_label_spend) / nullif(sum(household_days.spend), 0) as private_label_share
    from as_of_dates
    inner join household_days
        on
            household_days.day < as_of_dates.as_of_date
            and household_days.day >= as_of_dates.as_of_date - 84
    group by as_of_dates.as_of_date, household_days.household_id

),

places as (

    select
        household_id,
        day,
        'department' as kind,
        unnest(departments) as name
    from household_days

    union all

    select
        household_id,
        day,
        'store' as kind,
        unnest(stores)::text as name
    from household_days

),

visits as (

    select
        household_id,
        day,
        kind,
        lead(day) over (partition by household_id, kind, name order by day) as next_day
    from places

),

-- Of the visits to one place the last before the as-of date is counted: each place once.
variety as (

    select
        as_of_dates.as_of_date,
        visits.household_id,
        count(*) filter (where visits.kind = 'department') as departments_84d,
        count(*) filter (where visits.kind = 'store') as stores_84d
    from as_of_dates
    inner join visits
        on
            visits.day < as_of_dates.as_of_date
            and visits.day >= as_of_dates.as_of_date - 84
            and coalesce(visits.next_day >= as_of_dates.as_of_date, true)
    group by as_of_dates.as_of_date, visits.household_id

),

final as (

    select
        baskets.as_of_date,
        baskets.household_id,
        baskets.basket_value_mean,
        baskets.discount_share,
        baskets.private_label_share,
        variety.departments_84d,
        variety.stores_84d
    from baskets
    inner join variety
        on baskets.as_of_date = variety.as_of_date and baskets.household_id = variety.household_id

)

select * from final
