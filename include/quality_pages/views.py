"""From rows of ``quality.*`` to what the templates show: pure, and forgiving towards records of earlier releases."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from typing import Any, Final

from include.quality.page_paths import audit_path, run_path, source_path
from include.quality_pages.plots import Point, draw_bars, draw_line, draw_share, draw_trend, format_number, format_share
from include.quality_pages.queries import SourceHistory

Row = Mapping[str, Any]
STATES: Final = {"passed": "passed", "refused": "refused", "released": "released by a person"}
_BROKEN_SHOWN: Final = 100


def view_index(
    audits: Sequence[Row], published: Sequence[Row], known: Iterable[str], root: str
) -> list[dict[str, Any]]:
    """One entry for each source that is declared, audited or published: its last batch, trend, and what is served.

    Args:
        audits, published: as :func:`include.quality_pages.queries.read_index` reads them.
        known: names of the declared sources.
    """
    by_source: dict[str, list[Row]] = {}
    for audit in audits:
        by_source.setdefault(audit["source"], []).append(audit)
    served = {row["source"]: row for row in published}
    entries = []
    for name in sorted({*known, *by_source, *served}):
        own = by_source.get(name, [])
        points = [_make_point(audit, audit["score"], root) for audit in own]
        entries.append(
            {
                "name": name,
                "path": source_path(name, root),
                "last": _describe_audit(own[-1], root) if own else None,
                "trend": draw_trend(points, f"Score of the last {len(own)} batches of {name}") if own else None,
                "served": served.get(name),
            }
        )
    return entries


def view_source(history: SourceHistory, source: str, root: str) -> dict[str, Any]:
    """A source over time: plots of score, rows and every column, what was broken, links to the batches."""
    audits = history.audits

    def draw(title: str, values: Sequence[float | None], **options: Any) -> Any:
        points = [_make_point(audit, value, root) for audit, value in zip(audits, values, strict=True)]
        return draw_line(points, title, **options)

    broken = [
        {"audit": _describe_audit(audit, root), **_describe_rule(rule)}
        for audit in reversed(audits)
        for rule in audit["failures"]
    ]
    path = source_path(source, root)
    return {
        "name": source,
        "history": history,
        "score": draw("Score", [audit["score"] for audit in audits], floor=0.0, ceiling=1.0) if audits else None,
        "rows": draw("Rows", [audit["row_count"] for audit in audits], floor=0.0) if audits else None,
        "columns": [_view_column_history(name, audits, root) for name in _list_columns(audits)],
        "broken": broken[:_BROKEN_SHOWN],
        "broken_left_out": max(0, len(broken) - _BROKEN_SHOWN),
        "audits": [_describe_audit(audit, root) for audit in reversed(audits)],
        "newer": f"{path}?page={history.page - 1}" if history.page > 1 else None,
        "older": f"{path}?page={history.page + 1}" if history.page < history.page_count else None,
    }


def view_run(audits: Sequence[Row], run_id: str, root: str) -> dict[str, Any]:
    """All batches that one run has audited."""
    return {"run_id": run_id, "audits": [_describe_audit(audit, root) for audit in audits]}


def view_audit(audit: Row, root: str) -> dict[str, Any]:
    """One batch: every rule, rows that break rules, files, and the profile of each column."""
    results, quarantine = audit["results"], audit["quarantine"]
    rules = results if results is not None else (quarantine or {}).get("reasons") or audit["failures"]
    ordered = sorted(rules, key=lambda rule: (rule["has_passed"], not rule["is_critical"]))
    files = audit["files"] if audit["files"] is not None else (quarantine or {}).get("files") or []
    return {
        **_describe_audit(audit, root),
        "source_path": source_path(audit["source"], root),
        "run_path": run_path(audit["audit_id"], root),
        "rules": [_describe_rule(rule) for rule in ordered],
        "has_every_rule": results is not None,
        "broken_count": sum(not rule["has_passed"] for rule in rules),
        "sample": _view_sample((quarantine or {}).get("sample_rows") or []),
        "files": files,
        "columns": [_view_column(column) for column in audit["profile"] or ()],
        "release": _view_release(audit["release"], audit["source"], "refused_audit_id", root),
        "released_by": _view_release(audit["released_by"], audit["source"], "audit_id", root),
        "release_conf": json.dumps(
            {
                "from_day": audit["from_day"].isoformat(),
                "to_day": audit["to_day"].isoformat(),
                "accept_refused": [audit["source"]],
                "reason": "why the rule was wrong and not the data",
            },
            indent=2,
        ),
    }


def describe_days(first: date, last: date) -> str:
    """A day, or the first and the last one."""
    return str(first) if first == last else f"{first} to {last}"


def _describe_audit(audit: Row, root: str) -> dict[str, Any]:
    return {
        **{key: audit[key] for key in ("audit_id", "source", "row_count", "rule_count", "score", "failure_count")},
        "state": audit["state"],
        "state_text": STATES[audit["state"]],
        "days": describe_days(audit["from_day"], audit["to_day"]),
        "audited_at": audit["audited_at"],
        "path": audit_path(audit["audit_id"], audit["source"], root),
    }


def _describe_rule(rule: Mapping[str, Any]) -> dict[str, Any]:
    name = f"{rule['dimension']} of {rule['column']}" if rule["column"] else rule["dimension"]
    return {**rule, "name": name.replace("_", " ") if not rule["column"] else name, "remedy": rule.get("remedy")}


def _make_point(audit: Row, value: float | None, root: str, band: tuple[Any, Any] = (None, None)) -> Point:
    days = describe_days(audit["from_day"], audit["to_day"])
    path = audit_path(audit["audit_id"], audit["source"], root)
    return Point(days, value, path, audit["state"], *band)


def _list_columns(audits: Sequence[Row]) -> list[str]:
    """The columns of all profiles: those of the latest in their order, then those that are gone."""
    names = [column["column_name"] for audit in reversed(audits) for column in audit["profile"] or ()]
    return list(dict.fromkeys(names))


def _view_column_history(name: str, audits: Sequence[Row], root: str) -> dict[str, Any]:
    nulls, means = [], []
    latest: Mapping[str, Any] = {}
    for audit in audits:
        own = next((one for one in audit["profile"] or () if one["column_name"] == name), None)
        latest = own or latest
        nulls.append(_make_point(audit, _share_nulls(own), root))
        means.append(_make_point(audit, own["mean"] if own else None, root, _find_band(audit, name)))
    size: Any = {"width": 360, "height": 96}
    return {
        "name": name,
        "type": latest.get("data_type"),
        "nulls": draw_line(nulls, f"Nulls of {name}", form=format_share, floor=0.0, **size)
        if any(point.value for point in nulls)
        else None,
        "mean": draw_line(means, f"Mean of {name}", **size) if latest.get("mean") is not None else None,
        "has_band": any(point.low is not None for point in means),
    }


def _find_band(audit: Row, name: str) -> tuple[float | None, float | None]:
    """The band that the mean of a column was expected in, where a rule said one."""
    for rule in audit["bands"] or ():
        if rule["column"] == name and rule.get("bounds"):
            low, high = rule["bounds"]
            return low, high
    return None, None


def _share_nulls(column: Mapping[str, Any] | None) -> float | None:
    if column is None or not column["row_count"]:
        return None
    return float(column["null_count"] / column["row_count"])


def _view_column(column: Mapping[str, Any]) -> dict[str, Any]:
    share, known = _share_nulls(column), column["row_count"] - column["null_count"]
    histogram = column.get("histogram")
    top = column.get("top_values") or {}
    return {
        "name": column["column_name"],
        "type": column.get("data_type") or "–",
        "nulls": format_share(share),
        "has_nulls": bool(share),
        "distinct": format_number(column["distinct_count"]),
        "minimum": _shorten(column["minimum"]),
        "maximum": _shorten(column["maximum"]),
        "mean": format_number(column["mean"]),
        "deviation": format_number(column["standard_deviation"]),
        "quantiles": [(f"{float(key) * 100:g} %", format_number(one)) for key, one in _sort_quantiles(column)],
        "histogram": histogram
        and draw_bars(
            histogram["counts"],
            _write_edge(histogram["low"]),
            _write_edge(histogram["high"]),
            f"Rows by {column['column_name']}",
        ),
        "top": [
            {"value": _shorten(value), "share": format_share(count / known), "bar": draw_share(count / known)}
            for value, count in sorted(top.items(), key=lambda one: -one[1])
        ]
        if known
        else [],
    }


def _sort_quantiles(column: Mapping[str, Any]) -> list[tuple[str, float]]:
    return sorted((column.get("quantiles") or {}).items(), key=lambda one: float(one[0]))


def _write_edge(text: str) -> str:
    """The end of a histogram: a number, or a moment to the minute."""
    try:
        return format_number(float(text))
    except ValueError:
        return text[:16]


def _shorten(text: str | None, length: int = 40) -> str:
    if text is None:
        return "–"
    return text if len(text) <= length else f"{text[: length - 1]}…"


def _view_sample(sample: Sequence[Mapping[str, Any]]) -> dict[str, Any] | None:
    """The rows as a table; of each, the columns that a rule it breaks is about."""
    if not sample:
        return None
    columns = list(dict.fromkeys(name for one in sample for name in one["row"]))
    return {
        "columns": columns,
        "rows": [
            {
                "cells": [
                    {"text": _write_value(one["row"].get(name)), "is_broken": _is_named(name, one["broken_rules"])}
                    for name in columns
                ],
                "broken": one["broken_rules"],
            }
            for one in sample
        ],
    }


def _is_named(column: str, rules: Sequence[str]) -> bool:
    return any(rule.endswith(f" of {column}") for rule in rules)


def _write_value(value: Any) -> str:
    if value is None:
        return "∅"
    return _shorten(value if isinstance(value, str) else json.dumps(value), 60)


def _view_release(release: Row | None, source: str, link: str, root: str) -> dict[str, Any] | None:
    """Who let a batch through and why, with the path of the other audit: the refusal, or the release."""
    if release is None:
        return None
    rules = [_describe_rule(rule) for rule in release["broken_rules"]]
    return {**release, "rules": rules, "path": audit_path(release[link], source, root), "other_id": release[link]}
