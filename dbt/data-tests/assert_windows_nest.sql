-- A longer window holds at least what a shorter one holds.
select
    as_of_date,
    household_id
from {{ ref('customer_features') }}
where
    orders_7d > orders_28d
    or orders_28d > orders_56d
    or orders_56d > orders_84d
    or spend_7d > spend_28d
    or spend_28d > spend_56d
    or spend_56d > spend_84d
    or orders_previous_28d > orders_56d - orders_28d
    or active_days_28d > active_days_84d
