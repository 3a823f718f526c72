with source as (

    select * from {{ source('raw', 'households') }}

),

renamed as (

    select
        household_id,
        array_position(
            array['19-24', '25-34', '35-44', '45-54', '55-64', '65+'], age
        ) as age_band,
        array_position(
            array[
                'Under 15K', '15-24K', '25-34K', '35-49K', '50-74K', '75-99K',
                '100-124K', '125-149K', '150-174K', '175-199K', '200-249K', '250K+'
            ],
            income
        ) as income_band,
        array_position(array['1', '2', '3', '4', '5+'], household_size) as household_size,
        array_position(array['0', '1', '2', '3+'], kids_count) - 1 as kids_count,
        valid_from,
        valid_to
    from source

)

select * from renamed
