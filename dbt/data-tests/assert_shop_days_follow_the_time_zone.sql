-- The shop day of a sale is its calendar day in the shop's time zone, for the newest week of deliveries.
with deliveries as (

    select max(batch_day) as newest_day
    from {{ ref('stg_deliveries') }}
    where source = 'transactions'

),

transactions as (

    select * from {{ ref('stg_transactions') }}

)

select
    transactions.basket_id,
    transactions.sold_at,
    transactions.day
from transactions
inner join deliveries on transactions.batch_day > deliveries.newest_day - 7
where (transactions.sold_at at time zone '{{ var("time_zone") }}')::date <> transactions.day
