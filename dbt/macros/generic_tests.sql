{# Passes when a column lies between two bounds, both allowed; null passes. #}
{% test accepted_range(model, column_name, min_value=none, max_value=none) %}
    select {{ column_name }}
    from {{ model }}
    where
        false
        {% if min_value is not none %} or {{ column_name }} < {{ min_value }}{% endif %}
        {% if max_value is not none %} or {{ column_name }} > {{ max_value }}{% endif %}
{% endtest %}

{# Passes when no two rows agree on all of the columns. #}
{% test unique_combination(model, columns) %}
    select {{ columns | join(', ') }}
    from {{ model }}
    group by {{ columns | join(', ') }}
    having count(*) > 1
{% endtest %}

{# Passes when each day from the first delivered one to the last was delivered. #}
{% test every_day_is_delivered(model) %}
    select series.day::date as lost_day
    from (
        select min(day) as first_day, max(day) as last_day
        from {{ model }}
        where is_delivered
    ) as bounds
    cross join lateral generate_series(bounds.first_day, bounds.last_day, interval '1 day') as series (day)
    where not exists (select from {{ model }} as days where days.is_delivered and days.day = series.day)
{% endtest %}
