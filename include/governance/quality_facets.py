"""What an audit found in a batch, as OpenLineage's facets.

By the specification, results of tests and metrics of the rows that a run has read belong to its inputs
(``dataQualityAssertions`` and ``dataQualityMetrics`` among ``inputFacets``). The audit reads ``landing.<source>``, so
its own event names that table, whatever is decided then. Publishing reads back the days of ``raw.<source>`` that it
has replaced: its event names them once they are committed, under the columns' published names. Both say which days
are meant (``subset``), for neither is about the whole table.

Facets: https://openlineage.io/docs/spec/facets/dataset-facets/
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any, Final

from include.quality.report import BatchQuality

if TYPE_CHECKING:
    from openlineage.client.event_v2 import InputDataset, OutputDataset

_LISTED_DAYS: Final = 366


def add_quality_facets(
    batches: Sequence[BatchQuality], inputs: Iterable[InputDataset], outputs: Iterable[OutputDataset]
) -> None:
    """Put the facets of the audited batches of one table on it, in place.

    Args:
        batches: audited by the same run, each of other days; none changes nothing.
        inputs: the table as input, if the run has read it.
        outputs: the table as output, if the run has written it; only of what was written whole it says how many rows.
    """
    if not batches:
        return
    for dataset in inputs:
        dataset.inputFacets = {
            **(dataset.inputFacets or {}),
            "dataQualityMetrics": build_metrics(batches),
            "dataQualityAssertions": build_assertions(batches),
            "subset": build_input_subset(batches),
        }
    written = [batch for batch in batches if batch.is_written]
    for dataset in outputs if written else ():
        dataset.outputFacets = {
            **(dataset.outputFacets or {}),
            "outputStatistics": build_statistics(written),
            "subset": build_output_subset(written),
        }


def build_assertions(batches: Iterable[BatchQuality]) -> Any:
    """Every rule, the broken ones of all batches first, critical ones before others."""
    from openlineage.client.facet_v2 import data_quality_assertions_dataset as facets

    rules = [(batch, rule) for batch in batches for rule in batch.results]
    rules.sort(key=lambda one: (one[1]["has_passed"], not one[1]["is_critical"]))
    return facets.DataQualityAssertionsDatasetFacet(
        assertions=[
            facets.Assertion(
                assertion=rule["rule"],
                name=f"{rule['dimension']} of {rule['column']}" if rule["column"] else rule["dimension"],
                success=rule["has_passed"],
                column=rule["column"],
                severity="error" if rule["is_critical"] else "warn",
                expected=rule["expected"],
                actual=rule["observed"],
                params={"from_day": batch.from_day.isoformat(), "to_day": batch.to_day.isoformat()},
            )
            for batch, rule in rules
        ]
    )


def build_metrics(batches: Sequence[BatchQuality]) -> Any:
    """Rows, nulls and extremes over all batches; distinct values and quantiles, which do not add up, of one alone."""
    from openlineage.client.facet_v2 import data_quality_metrics_input_dataset as facets

    by_column: dict[str, list[Mapping[str, Any]]] = {}
    for batch in batches:
        for column in batch.columns:
            by_column.setdefault(column["column_name"], []).append(column)
    return facets.DataQualityMetricsInputDatasetFacet(
        rowCount=sum(batch.row_count for batch in batches),
        columnMetrics={name: _build_column(columns) for name, columns in by_column.items()},
    )


def build_statistics(batches: Iterable[BatchQuality]) -> Any:
    """How many rows were written."""
    from openlineage.client.facet_v2 import output_statistics_output_dataset as facets

    return facets.OutputStatisticsOutputDatasetFacet(rowCount=sum(batch.row_count for batch in batches))


def build_input_subset(batches: Iterable[BatchQuality]) -> Any:
    """The days that were read, as partitions."""
    from openlineage.client.generated import base_subset_dataset as facets

    return facets.InputSubsetInputDatasetFacet(inputCondition=_build_partitions(batches))


def build_output_subset(batches: Iterable[BatchQuality]) -> Any:
    """The days that were written, as partitions."""
    from openlineage.client.generated import base_subset_dataset as facets

    return facets.OutputSubsetOutputDatasetFacet(outputCondition=_build_partitions(batches))


def _build_partitions(batches: Iterable[BatchQuality]) -> Any:
    """Each day of the batches; of a very long window, its first and its last day."""
    from openlineage.client.generated import base_subset_dataset as facets

    parts = []
    for batch in batches:
        if (batch.to_day - batch.from_day).days < _LISTED_DAYS:
            parts += [{"batch_day": day.isoformat()} for day in _list_days(batch.from_day, batch.to_day)]
        else:
            parts.append({"from_day": batch.from_day.isoformat(), "to_day": batch.to_day.isoformat()})
    return facets.PartitionSubsetCondition(partitions=[facets.Partition(dimensions=part) for part in parts])


def _list_days(first: date, last: date) -> list[date]:
    return [first + timedelta(days=offset) for offset in range((last - first).days + 1)]


def _build_column(columns: Sequence[Mapping[str, Any]]) -> Any:
    from openlineage.client.facet_v2 import data_quality_metrics_input_dataset as facets

    nulls = sum(column["null_count"] for column in columns)
    only = columns[0] if len(columns) == 1 else None
    # Numbers alone have a mean: of text and moments the extremes are none for this facet.
    are_numbers = all(column["mean"] is not None for column in columns)
    return facets.ColumnMetrics(
        nullCount=nulls,
        count=float(sum(column["row_count"] for column in columns) - nulls),
        distinctCount=None if only is None else only["distinct_count"],
        min=_pick(min, columns, "minimum") if are_numbers else None,
        max=_pick(max, columns, "maximum") if are_numbers else None,
        quantiles=dict(only["quantiles"] or {}) if only is not None else {},
    )


def _pick(choose: Any, columns: Iterable[Mapping[str, Any]], key: str) -> float | None:
    """The extreme of the columns' extremes, as a finite number."""
    numbers = [float(column[key]) for column in columns if column[key] is not None]
    chosen = choose(numbers, default=None)
    return chosen if chosen is not None and math.isfinite(chosen) else None
