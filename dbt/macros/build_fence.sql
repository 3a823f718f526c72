{#
Two builds at once: the later one goes on, and the earlier one fails at its next model, whose transaction
it rolls back. Both would otherwise mark as built what the other one has computed. As include/warehouse/fence.py
does for ingestion, a build takes the fence when it starts, and each model checks it within its transaction.

A run of a DAG is one build, whichever of its tasks run dbt; on the command line each dbt command is one.
#}
{% macro build_id() %}
    {{- "hashtextextended('" ~ env_var('AIRFLOW_CTX_DAG_RUN_ID', invocation_id) | replace("'", "''") ~ "', 0)" -}}
{% endmacro %}

{# Run before the first model. Commands that build nothing, such as dbt test, take no fence. #}
{% macro take_build_fence() %}
    {% if execute and flags.WHICH in ('build', 'run', 'retry') %}
        insert into governance.fences as fences (name, token)
        values ('build_features', {{ build_id() }})
        on conflict (name) do update set token = excluded.token
    {% endif %}
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
