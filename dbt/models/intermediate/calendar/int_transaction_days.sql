-- depends_on: {{ ref('stg_deliveries') }}
-- depends_on: {{ ref('stg_arrivals') }}
{{ published_days('transactions') }}
