with as_of_dates as (

    select * from {{ ref('<< as_of_dates >>') }}
    where is_pending

),

days as (

    select * from {{ ref('<< days >>') }}

),

recent_days as (

    select
        as_of_dates.as_of_date,
<% for key in plan.entity.names %>
        days.<< key >>,
<% endfor %>
<% for column in plan.varied %>
        days.<< column.name >>_values<< "" if loop.last else "," >>
<% endfor %>
    from as_of_dates
    inner join days
        on
            days.day < as_of_dates.as_of_date
            and days.day >= as_of_dates.as_of_date - << plan.lookback_days >>

),

listed_values as (

<% for column in plan.varied %>
<% if not loop.first %>

    union all

<% endif %>
    select
        as_of_date,
<% for key in plan.entity.names %>
        << key >>,
<% endfor %>
        '<< column.name >>' as attribute,
        jsonb_array_elements_text(<< column.name >>_values) as value
    from recent_days
<% endfor %>

),

counted_values as (

    select
        as_of_date,
<% for key in plan.entity.names %>
        << key >>,
<% endfor %>
        attribute,
        value,
        count(*) as value_count
    from listed_values
    << (['as_of_date'] + keys + ['attribute', 'value']) | clause('group by') >>

),

final as (

    select
        as_of_date,
<% for key in plan.entity.names %>
        << key >>,
<% endfor %>
<% for column in plan.varied %>
        << ("count(*) filter (where attribute = '" ~ column.name ~ "')") | named(plan.prefix ~ column.name ~ "_distinct_" ~ plan.lookback_days ~ "d") >><< "" if loop.last and not column.is_category else "," >>
<% if column.is_category %>
        -- Of several that are as frequent, the first one of the alphabet.
        (array_agg(value order by value_count desc, value collate "C") filter (
            where attribute = '<< column.name >>'
        ))[1] as << plan.prefix >><< column.name >>_most_frequent_<< plan.lookback_days >>d<< "" if loop.last else "," >>
<% endif %>
<% endfor %>
    from counted_values
    << (['as_of_date'] + keys) | clause('group by') >>

)

select * from final
