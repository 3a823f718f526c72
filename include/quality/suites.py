"""The rules of a source as Great Expectations suites, made from its settings.

Rows are checked directly. What needs other tables (volume against history, known references, age) is
measured in the warehouse first, as :class:`Fact`, and checked as a frame of one row.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from include.settings.source_base import Relation, SourceBase
from include.settings.source_columns import ColumnSettings
from include.settings.sources import Dimension, QualitySettings

_PANDAS_TYPES: Final = {
    # as to_pandas_frame makes them
    # pandas holds whole numbers with nulls as float64
    "int64": ["int64", "float64"],
    "float64": ["float64"],
    "string": ["str", "StringDtype"],
    "timestamp": ["datetime64[us]"],
    "date": ["datetime64[ms]"],
}
LATENESS: Final = "lateness_days"
"""Column of a batch's frame: days from the event to the delivery (int)."""
BATCH_DAY: Final = "batch_day"
"""Column of the frame of snapshots: the day of the snapshot; each is a whole copy and has all keys again."""


@dataclass(frozen=True)
class Fact:
    """A number measured about a batch, and a note that explains it."""

    value: float
    note: str


def build_row_suite(
    source: SourceBase, quality: QualitySettings, usual_means: Mapping[str, float], row_count: int
) -> list[Any]:
    """Expectations on the rows of a batch; only those on its columns when it has no rows."""
    from great_expectations import expectations as gxe

    names = [*source.columns]
    names += [LATENESS] if source.event_column else []
    names += [BATCH_DAY] if source.grain == "snapshot" else []
    expected = f"the columns {', '.join(source.columns)}"
    suite: list[Any] = [
        gxe.ExpectTableColumnsToMatchSet(
            column_set=names, exact_match=True, **_as_meta("schema", expected, True, quality)
        )
    ]
    if row_count == 0:
        return suite
    suite.append(_expect_unique(source, quality))
    for name, column in source.columns.items():
        is_required = name in source.key or name == source.event_column
        suite += _build_column_rules(name, column, is_required, quality)
        # A multiple of a usual mean of 0 is no band.
        if column.mean_band and usual_means.get(name):
            suite.append(_expect_mean(name, column.mean_band, usual_means[name], quality))
    if source.event_column:
        allowed = source.allowed_lateness_days
        meta = _as_meta("timeliness", f"events 0 to {allowed} days before their delivery", True, quality)
        suite.append(gxe.ExpectColumnValuesToBeBetween(column=LATENESS, min_value=0, max_value=allowed, **meta))
    return suite


def build_fact_suite(source: SourceBase, quality: QualitySettings, facts: Mapping[str, Fact]) -> list[Any]:
    """Expectations on the facts that were measured; a fact that was not is not checked."""
    limits: dict[str, tuple[float | None, float | None, dict[str, Any]]] = {
        "repeated_rows": (None, 0, _as_meta("uniqueness", "no row of an earlier delivery", True, quality)),
        "hours_behind": (
            None,
            source.freshness_hours,
            _as_meta("timeliness", f"events up to {source.freshness_hours:g} hours before its end", False, quality),
        ),
    }
    if source.volume is not None:
        low, high = source.volume.min_ratio, source.volume.max_ratio
        meta = _as_meta("volume", f"{low:g} to {high:g} times the usual number of rows", True, quality)
        limits["smallest_volume"] = (low, None, meta)
        limits["largest_volume"] = (None, high, meta)
    for relation in source.relations:
        text = f"at least {relation.min_known_share:.1%} known in {relation.source}"
        meta = _as_meta("relationship", text, relation.critical, quality)
        limits[name_relation(relation)] = (relation.min_known_share, None, meta)
    return [_expect_between(name, low, high, meta) for name, (low, high, meta) in limits.items() if name in facts]


def name_relation(relation: Relation) -> str:
    """The name of the fact that holds a relation's known share."""
    return f"known_{'_'.join(relation.columns)}_in_{relation.source}"


def _build_column_rules(name: str, column: ColumnSettings, is_required: bool, quality: QualitySettings) -> list[Any]:
    from great_expectations import expectations as gxe

    rules: list[Any] = [
        gxe.ExpectColumnValuesToBeInTypeList(
            column=name, type_list=_PANDAS_TYPES[column.type],
            **_as_meta("schema", f"type {column.type}", True, quality),
        )
    ]  # fmt: skip
    if not column.nullable or column.critical or is_required:
        rules.append(_expect_complete(name, column, is_required, quality))
    if column.publish_bounds is not None:
        meta = _as_meta("schema", f"values that the published type {column.sql_type} holds", True, quality)
        rules.append(_expect_between(name, *column.publish_bounds, meta))
    if column.min is not None or column.max is not None:
        low = "-∞" if column.min is None else f"{column.min:g}"
        high = "∞" if column.max is None else f"{column.max:g}"
        meta = _as_meta("range", f"values from {low} to {high}", column.critical, quality)
        rules.append(_expect_between(name, column.min, column.max, meta))
    if column.allowed:
        meta = _as_meta("allowed_values", f"one of {', '.join(column.allowed)}", column.critical, quality)
        rules.append(gxe.ExpectColumnValuesToBeInSet(column=name, value_set=list(column.allowed), **meta))
    return rules


def _expect_complete(name: str, column: ColumnSettings, is_required: bool, quality: QualitySettings) -> Any:
    from great_expectations import expectations as gxe

    share = quality.max_null_share if column.nullable and not is_required else 0.0
    expected = f"at most {share:.0%} nulls" if share else "no nulls"
    meta = _as_meta("completeness", expected, column.critical or is_required, quality)
    return gxe.ExpectColumnValuesToNotBeNull(column=name, mostly=1.0 - share, **meta)


def _expect_unique(source: SourceBase, quality: QualitySettings) -> Any:
    from great_expectations import expectations as gxe

    meta = _as_meta("uniqueness", f"one row for each {', '.join(source.key)}", True, quality)
    key = [*source.key, *([BATCH_DAY] if source.grain == "snapshot" else [])]
    if len(key) == 1:
        return gxe.ExpectColumnValuesToBeUnique(column=key[0], **meta)
    return gxe.ExpectCompoundColumnsToBeUnique(column_list=key, **meta)


def _expect_mean(name: str, band: tuple[float, float], usual: float, quality: QualitySettings) -> Any:
    from great_expectations import expectations as gxe

    low, high = sorted((band[0] * usual, band[1] * usual))
    meta = _as_meta("distribution", f"a mean from {low:.4g} to {high:.4g}, it usually is {usual:.4g}", False, quality)
    return gxe.ExpectColumnMeanToBeBetween(column=name, min_value=low, max_value=high, **meta)


def _expect_between(name: str, low: float | None, high: float | None, meta: dict[str, Any]) -> Any:
    from great_expectations import expectations as gxe

    return gxe.ExpectColumnValuesToBeBetween(column=name, min_value=low, max_value=high, **meta)


def _as_meta(dimension: Dimension, expected: str, is_critical: bool, quality: QualitySettings) -> dict[str, Any]:
    weight = quality.find_weight(dimension)
    severity = "critical" if is_critical else "warning"
    meta = {"dimension": dimension, "expected": expected, "is_critical": is_critical, "weight": weight}
    return {"meta": meta, "severity": severity}
