{#
A number that changes with the SQL of a model or of any model upstream of it, with the vars that this SQL reads,
and with the version in a feature group's meta. It is part of inputs_version, so that a changed model is computed
anew for all days by the next build.
#}
{% macro code_version(model_name) %}
    {%- set lineage = ['model.' ~ project_name ~ '.' ~ model_name] -%}
    {%- set code = [] -%}
    {%- for unique_id in lineage if execute -%}
        {%- set node = graph.nodes[unique_id] -%}
        {%- do code.append(node.raw_code) -%}
        {%- do code.append(unique_id ~ ' ' ~ node.config.get('meta', {}).get('feature_group', {}).get('version', 1)) -%}
        {%- for name in modules.re.findall("var[(]['\"]([a-z0-9_]+)", node.raw_code) -%}
            {%- do code.append(name ~ '=' ~ var(name)) -%}
        {%- endfor -%}
        {%- for parent in node.depends_on.nodes if parent.startswith('model.') and parent not in lineage -%}
            {%- do lineage.append(parent) -%}
        {%- endfor -%}
    {%- endfor -%}
    hashtextextended('{{ local_md5(code | sort | join('\n')) }}', 0)
{%- endmacro %}
