-- depends_on: {{ ref('stg_deliveries') }}
{{ published_days('transactions', ref('stg_transactions')) }}
