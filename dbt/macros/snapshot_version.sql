{#
A number that changes with the snapshot of a source that counts at an as-of date, 0 where none does. As part of
inputs_version it has the dates computed anew at which another snapshot counts, and no others. With until_date, with
the snapshots that count at any date from the first to the second, both included.
#}
{% macro snapshot_version(source, as_of_date, until_date=none) %}
    coalesce(
        (
            select sum(hashtextextended(snapshots.source || snapshots.content_hash, 0))
            from {{ ref('stg_snapshots') }} as snapshots
            where
                snapshots.source = '{{ source }}'
                and snapshots.valid_from <= {{ until_date or as_of_date }}
                and snapshots.valid_to > {{ as_of_date }}
        ),
        0
    )
{%- endmacro %}
