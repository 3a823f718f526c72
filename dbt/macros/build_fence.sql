{#
Two builds at once: the later one goes on, and the earlier one fails at its next model, whose transaction
it rolls back. Both would otherwise mark as built what the other one has computed. As include/warehouse/fence.py
does for ingestion, a build takes the fence when it starts, and each model checks it within its transaction.

A run of a DAG is one build, whichever of its tasks run dbt; on the command line each dbt command is one. A build
takes the fence once: a model of a run that is tried again does not take it back from a newer build.
#}
{# Not while dbt parses: it would note the variable, and parse every model anew for each run. #}
{% macro build_id() %}
    {%- if execute -%}
    {{- "hashtextextended('" ~ env_var('AIRFLOW_CTX_DAG_RUN_ID', invocation_id) | replace("'", "''") ~ "', 0)" -}}
    {%- endif -%}
{% endmacro %}

{# Run before the first model. Commands that build no model, such as dbt test, take no fence. #}
{% macro take_build_fence() %}
    {% if execute and flags.WHICH in ('build', 'run', 'retry') and selects_models() %}
        do $$
        begin
            insert into governance.dbt_builds (build_id)
            values ({{ build_id() }})
            on conflict (build_id) do nothing;
            if found then
                insert into governance.fences as fences (name, token)
                values ('build_features', {{ build_id() }})
                on conflict (name) do update set token = excluded.token;
            elsif not exists (
                select from governance.fences where name = 'build_features' and token = {{ build_id() }}
            ) then
                raise exception 'Another build of the features has started since this one. Nothing was changed.'
                    using hint = 'Let the newer build finish. To build after it, start a new run instead of this one.';
            end if;
        end
        $$
    {% endif %}
{% endmacro %}

{# Some commands build tests only. #}
{% macro selects_models() %}
    {% for unique_id in selected_resources if unique_id.startswith('model.') %}
        {{ return(true) }}
    {% endfor %}
    {{ return(false) }}
{% endmacro %}

{# Run in each model's transaction: a newer build waits until it has committed. #}
{% macro check_build_fence() %}
    do $$
    begin
        perform from governance.fences
        where name = 'build_features' and token = {{ build_id() }}
        for share;
        if not found then
            raise exception 'Another build of the features has started. This one ends; nothing of {{ this }} was changed.'
            using hint = 'Let the newer build finish. If it was ended, build again.';
        end if;
    end
    $$
{% endmacro %}
