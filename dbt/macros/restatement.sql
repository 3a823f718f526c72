{#
How a build finds what it has to compute.

A state model (models/intermediate/calendar) has one row per key (a day, an as-of date) with
inputs_version, a number that changes with everything that the key's result is made of, and
is_pending, true from the moment it changes until the result is made again. The model made from it
computes the pending keys:

    pre_hook    drop_outdated: rows of all keys but those that are up to date go
    query       computes the keys that are pending
    post_hook   mark_built: no key is pending any more

All three are one transaction: readers see the old rows or the new ones, and a build that is killed
leaves the old rows, still pending. State survives --full-refresh; when its columns change it starts anew.
A build without pending keys looks at the keys alone, however many rows there are.
#}

{# The model has an index that begins with `key`: each of its keys is looked up there, instead of reading all rows. #}
{% macro drop_outdated(state, key) %}
    {% if is_incremental() %}
        with recursive present (present_key) as (
            select min({{ key }}) from {{ this }}
            union all
            select (select min({{ key }}) from {{ this }} where {{ key }} > present_key)
            from present
            where present_key is not null
        )
        delete from {{ this }}
        where {{ key }} in (
            select present_key from present
            where present_key is not null
            except
            select {{ key }} from {{ state }} where not is_pending
        )
    {% else %}
        update {{ state }} set is_pending = true where not is_pending;
        analyze {{ state }}
    {% endif %}
{% endmacro %}

{# `analyzed`: the model's columns whose statistics the planner needs afterwards. #}
{% macro mark_built(state, analyzed=none) %}
    {% if analyzed %}
        do $$
        begin
            if exists (select from {{ state }} where is_pending) then
                analyze {{ this }} ({{ analyzed }});
            end if;
        end
        $$;
    {% endif %}
    update {{ state }} set is_pending = false where is_pending
{% endmacro %}

{# The rows of the state model being built as the last build left them; none the first time. #}
{% macro previous_state(key, flags=[]) %}
    {% set columns = [key, 'inputs_version', 'is_pending'] + flags %}
    {% if has_previous_state(columns) %}
        select {{ columns | join(', ') }}
        from {{ this }}
    {% else %}
        select
            null::date as {{ key }},
            null::numeric as inputs_version,
            null::boolean as {{ (['is_pending'] + flags) | join(', null::boolean as ') }}
        where false
    {% endif %}
{% endmacro %}

{% macro has_previous_state(columns) %}
    {% set relation = load_relation(this) if execute else none %}
    {% if relation is none %}
        {{ return(false) }}
    {% endif %}
    {% set present = adapter.get_columns_in_relation(relation) | map(attribute='name') | list %}
    {{ return(columns | reject('in', present) | list | length == 0) }}
{% endmacro %}
