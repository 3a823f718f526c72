{#
A number that changes with the SQL of a model or of any model upstream of it, and with the vars.
It is part of inputs_version, so that a changed model is computed anew for all days by the next build.
#}
{% macro code_version(model_name) %}
    {%- set lineage = ['model.' ~ project_name ~ '.' ~ model_name] -%}
    {%- set code = [] -%}
    {%- for unique_id in lineage if execute -%}
        {%- set node = graph.nodes[unique_id] -%}
        {%- do code.append(node.raw_code) -%}
        {%- for parent in node.depends_on.nodes if parent.startswith('model.') and parent not in lineage -%}
            {%- do lineage.append(parent) -%}
        {%- endfor -%}
    {%- endfor -%}
    {%- for name in ['feature_version', 'label_horizon_days', 'active_window_days', 'history_days'] -%}
        {%- do code.append(name ~ '=' ~ var(name)) -%}
    {%- endfor -%}
    hashtextextended('{{ local_md5(code | sort | join('\n')) }}', 0)
{%- endmacro %}
