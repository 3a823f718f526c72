{# Passes when a column, or each of `columns`, lies between two bounds, both allowed; null passes. #}
{% test accepted_range(model, column_name=none, columns=none, min_value=none, max_value=none) %}
    {% set columns = columns or [column_name] %}
    select {{ columns | join(', ') }}
    from {{ model }}
    where
        false
        {% for column in columns %}
        {% if min_value is not none %} or {{ column }} < {{ min_value }}{% endif %}
        {% if max_value is not none %} or {{ column }} > {{ max_value }}{% endif %}
        {% endfor %}
{% endtest %}

{# Passes when none of `columns` is null. One test of many columns reads the rows once. #}
{% test never_null(model, columns) %}
    select {{ columns | join(', ') }}
    from {{ model }}
    where {{ columns | join(' is null or ') }} is null
{% endtest %}

{# Passes when `columns` name a row: none of them is null, and no two rows agree on all of them. #}
{% test unique_key(model, columns) %}
    select {{ columns | join(', ') }}
    from {{ model }}
    group by {{ columns | join(', ') }}
    having count(*) > 1 or {{ columns | join(' is null or ') }} is null
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
