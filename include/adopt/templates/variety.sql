with as_of_dates as (

    select * from {{ ref('<< as_of_dates >>') }}
    where is_pending

),

days as (

    select * from {{ ref('<< days >>') }}

),

recent_values as (

    select
        as_of_dates.as_of_date,
<% for key in plan.key_names %>
        days.<< key >>,
<% endfor %>
        listed.attribute,
        listed.value,
        count(*) as value_count
    from as_of_dates
    inner join days
        on
            days.day < as_of_dates.as_of_date
            and days.day >= as_of_dates.as_of_date - 84
    cross join lateral (
<% for column in plan.varied %>
<% if not loop.first %>
        union all
<% endif %>
        select
            '<< column.name >>' as attribute,
            unnest(days.<< column.name >>_values)::text as value
<% endfor %>
    ) as listed
    group by
        as_of_dates.as_of_date,
<% for key in plan.key_names %>
        days.<< key >>,
<% endfor %>
        listed.attribute,
        listed.value

),

final as (

    select
        as_of_date,
<% for key in plan.key_names %>
        << key >>,
<% endfor %>
<% for column in plan.varied %>
        count(*) filter (where attribute = '<< column.name >>') as << column.name >>_distinct_84d<< "" if loop.last and not column.is_category else "," >>
<% if column.is_category %>
        -- Of several that are as frequent, the first one of the alphabet.
        (array_agg(value order by value_count desc, value collate "C") filter (
            where attribute = '<< column.name >>'
        ))[1] as << column.name >>_most_frequent_84d<< "" if loop.last else "," >>
<% endif %>
<% endfor %>
    from recent_values
    group by as_of_date, << plan.key_names | join(', ') >>

)

select * from final
