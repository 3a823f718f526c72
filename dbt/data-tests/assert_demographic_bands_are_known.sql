{{ config(severity='warn') }}

-- A band that stg_households does not know becomes null: add it there.
select
    households.household_id,
    households.age,
    households.income
from {{ source('raw', 'households') }} as households
inner join {{ ref('stg_households') }} as bands
    on
        households.household_id = bands.household_id
        and households.valid_from = bands.valid_from
where
    (bands.age_band is null and households.age is not null)
    or (bands.income_band is null and households.income is not null)
    or (bands.household_size is null and households.household_size is not null)
    or (bands.kids_count is null and households.kids_count is not null)
