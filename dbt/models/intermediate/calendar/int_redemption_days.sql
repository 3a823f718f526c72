-- depends_on: {{ ref('stg_deliveries') }}
{{ published_days('coupon_redemptions', ref('stg_coupon_redemptions')) }}
