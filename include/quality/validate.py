"""Runs suites over frames with Great Expectations, quietly, and says what came out in words."""

from __future__ import annotations

import logging
import math
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from include.quality.configurations import keep_configurations
from include.quality.score import RuleResult

if TYPE_CHECKING:
    import pandas as pd

_EXAMPLES: Final = 3


@dataclass(frozen=True)
class FrameSuite:
    """A frame of one source and the expectations that it has to meet.

    ``notes`` explain what was seen in a column, for columns that hold measured facts.
    """

    source: str
    name: str
    frame: pd.DataFrame
    expectations: list[Any]
    notes: Mapping[str, str] = field(default_factory=dict)


def prepare_great_expectations() -> None:
    """Import the library with its telemetry off (it reads the variable when it is imported)."""
    os.environ["GX_ANALYTICS_ENABLED"] = "false"
    # Its import alone writes hundreds of lines about how it registers functions.
    logging.getLogger("great_expectations").setLevel(logging.WARNING)
    import great_expectations  # noqa: F401


def validate_frames(suites: Iterable[FrameSuite], sample_rows: int = _EXAMPLES) -> list[RuleResult]:
    """Check every frame; one result for each expectation, also for those that could not be evaluated.

    Nothing is stored by Great Expectations, nothing is sent, no progress is drawn.

    Args:
        sample_rows: a result lists at most so many of the rows that break its rule.
    """
    prepare_great_expectations()
    import great_expectations as gx
    from great_expectations.data_context.types.base import ProgressBarsConfig

    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = ProgressBarsConfig(globally=False)
    data_source = context.data_sources.add_pandas("landing")
    results: list[RuleResult] = []
    for suite in suites:
        if not suite.expectations:
            continue
        asset = data_source.add_dataframe_asset(f"{suite.source}_{suite.name}")
        batch = asset.add_batch_definition_whole_dataframe("batch").get_batch({"dataframe": suite.frame})
        rules = gx.ExpectationSuite(name=f"{suite.source}_{suite.name}", expectations=suite.expectations)
        with keep_configurations():
            outcome = batch.validate(rules, result_format="BASIC")
            if not outcome.success:
                # To find the rows takes as long again, and good batches have none.
                count = max(sample_rows, _EXAMPLES)
                outcome = batch.validate(
                    rules, result_format={"result_format": "SUMMARY", "partial_unexpected_count": count}
                )
        results += [read_result(suite, item.to_json_dict()) for item in outcome.results]
    return results


def read_result(suite: FrameSuite, item: Mapping[str, Any]) -> RuleResult:
    """Turn one result of Great Expectations (its JSON form) into ours."""
    config = item["expectation_config"]
    column = config["kwargs"].get("column")
    meta = config["meta"]
    note = suite.notes.get(column or "")
    return RuleResult(
        source=suite.source,
        dimension=meta["dimension"],
        rule=config["type"],
        column=column,
        is_critical=meta["is_critical"],
        weight=meta["weight"],
        has_passed=bool(item["success"]),
        observed=note or describe_observed(item),
        expected=meta["expected"],
        rows=() if note else tuple((item.get("result") or {}).get("partial_unexpected_index_list") or ()),
        bounds=read_bounds(config["kwargs"]),
    )


def read_bounds(arguments: Mapping[str, Any]) -> tuple[float | None, float | None] | None:
    """The least and the greatest value that an expectation allows; an infinite one is none, as JSON has none."""
    low, high = (
        None if value is None or not math.isfinite(value) else value
        for value in (arguments.get("min_value"), arguments.get("max_value"))
    )
    return None if low is None and high is None else (low, high)


def describe_observed(item: Mapping[str, Any]) -> str:
    """What was seen, in words: an exception, an observed value, or how many rows broke the rule."""
    problem = find_exception(item.get("exception_info") or {})
    if problem:
        return f"that it cannot be evaluated ({problem})"
    result = item.get("result") or {}
    if "observed_value" in result:
        return describe_value(result)
    count, total = result.get("unexpected_count", 0), result.get("element_count", 0)
    text = f"{count} of {total} rows that break the rule"
    examples = [value for value in result.get("partial_unexpected_list") or [] if value is not None]
    if count and examples:
        text += f", such as {', '.join(str(value) for value in examples[:_EXAMPLES])}"
    return text


def describe_value(result: Mapping[str, Any]) -> str:
    """An observed value (a mean over nothing is none), or for columns the difference to what was expected."""
    mismatched = (result.get("details") or {}).get("mismatched") or {}
    parts = [f"{key} {', '.join(map(str, names))}" for key, names in mismatched.items() if names]
    if parts:
        return " and ".join(parts)
    value = result["observed_value"]
    if value is None:
        return "no value"
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def find_exception(info: Mapping[str, Any]) -> str:
    """The message of the exception that kept an expectation from being evaluated, or nothing."""
    if "raised_exception" in info:
        return str(info.get("exception_message") or "no message") if info["raised_exception"] else ""
    return next(
        (found for entry in info.values() if isinstance(entry, Mapping) and (found := find_exception(entry))), ""
    )
