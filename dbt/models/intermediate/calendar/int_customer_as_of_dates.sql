-- Built after int_household_days, so that only days that are in it count.
-- depends_on: {{ ref('int_household_days') }}
{{
    as_of_dates(
        days=ref('int_shop_days'),
        group='customer_features',
        history_days=var('customer_history_days'),
        daily_days=var('customer_daily_as_of_days'),
        snapshots=['households', 'campaigns']
    )
}}
