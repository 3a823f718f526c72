{#
dbt's own rule, and one more: a mart whose columns are no longer those of its contract is rebuilt
whole, so that adding, renaming or removing a feature needs no --full-refresh.
#}
{% macro should_full_refresh() %}
    {% set asked = config.get('full_refresh') %}
    {% if asked is none %}
        {% set asked = flags.FULL_REFRESH %}
    {% endif %}
    {{ return(asked or has_other_columns()) }}
{% endmacro %}

{% macro has_other_columns() %}
    {% set relation = load_cached_relation(this) if execute and model.config.contract.enforced else none %}
    {% if relation is none %}
        {{ return(false) }}
    {% endif %}
    {% set present = adapter.get_columns_in_relation(relation) | map(attribute='name') | list %}
    {{ return(present != model.columns.keys() | list) }}
{% endmacro %}
