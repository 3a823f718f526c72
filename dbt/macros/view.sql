{#
A view is made anew only where its SQL, or a column of a table that it reads, has changed since it was made: each
exchange costs a dozen statements, in every build. What it was made from stands in its comment.

The build's fence is checked all the same, and so are the view's tests.
#}
{% materialization view, adapter='postgres' %}
    {% set fingerprint = view_fingerprint() %}
    {% if not is_current_view(fingerprint) %}
        {% set made = dbt.materialization_view_default() %}
        {% if fingerprint %}
            {% call statement('note') %}
                do $$ begin execute format('comment on view {{ this }} is %L', {{ fingerprint }}); end $$
            {% endcall %}
            {% do adapter.commit() %}
        {% endif %}
        {{ return(made) }}
    {% endif %}
    {{ run_hooks(pre_hooks, inside_transaction=False) }}
    {{ run_hooks(pre_hooks, inside_transaction=True) }}
    {% call noop_statement('main', 'UNCHANGED') %}{% endcall %}
    {{ run_hooks(post_hooks, inside_transaction=True) }}
    {{ adapter.commit() }}
    {{ run_hooks(post_hooks, inside_transaction=False) }}
    {{ return({'relations': [this.incorporate(type='view')]}) }}
{% endmaterialization %}

{# SQL for the comment of the view; none where it reads an ephemeral model, whose tables are not known here. #}
{% macro view_fingerprint() %}
    {% set tables = [] %}
    {% for unique_id in model.depends_on.nodes if execute %}
        {% set parent = graph.nodes.get(unique_id) or graph.sources.get(unique_id) %}
        {% if not parent or not parent.relation_name %}
            {{ return(none) }}
        {% endif %}
        {% do tables.append("to_regclass('" ~ parent.relation_name ~ "')") %}
    {% endfor %}
    {% set columns = 'null' %}
    {% if tables %}
        {% set columns %}
            (
                select string_agg(concat_ws(' ', attrelid, attname, atttypid, atttypmod), ',' order by attrelid, attnum)
                from pg_catalog.pg_attribute
                where attrelid in ({{ tables | join(', ') }}) and attnum > 0 and not attisdropped
            )
        {% endset %}
    {% endif %}
    {{ return("'made from ' || md5(concat('" ~ local_md5(sql) ~ "', " ~ columns ~ "))") }}
{% endmacro %}

{% macro is_current_view(fingerprint) %}
    {% set existing = load_cached_relation(this) %}
    {% if not fingerprint or flags.FULL_REFRESH or existing is none or not existing.is_view %}
        {{ return(false) }}
    {% endif %}
    {% set found = run_query("select obj_description(to_regclass('" ~ this ~ "'), 'pg_class') = " ~ fingerprint) %}
    {{ return(found.rows[0][0] is true) }}
{% endmacro %}
