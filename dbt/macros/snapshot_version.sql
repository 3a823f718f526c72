{#
A number that changes with the snapshot of a source that counts at an as-of date, 0 where none does. As part of
inputs_version it has the dates computed anew at which another snapshot counts, and no others.
#}
{% macro snapshot_version(source, as_of_date) %}
    coalesce(
        (
            select hashtextextended(snapshots.source || snapshots.content_hash, 0)
            from {{ ref('stg_snapshots') }} as snapshots
            where
                snapshots.source = '{{ source }}'
                and snapshots.valid_from <= {{ as_of_date }}
                and snapshots.valid_to > {{ as_of_date }}
        ),
        0
    )
{%- endmacro %}
