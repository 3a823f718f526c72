"""Runs suites over frames with Great Expectations, quietly, and says what came out in words."""

from __future__ import annotations

import logging
import math
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from include.quality.configurations import keep_configurations
from include.quality.score import RuleResult

if TYPE_CHECKING:
    import pandas as pd

EXAMPLES: Final = 3
"""Values that a result shows of those that break its rule."""


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


class Validator:
    """Great Expectations, which stores nothing, sends nothing and draws no progress."""

    def __init__(self) -> None:
        prepare_great_expectations()
        import great_expectations as gx
        from great_expectations.data_context.types.base import ProgressBarsConfig

        context = gx.get_context(mode="ephemeral")
        context.variables.progress_bars = ProgressBarsConfig(globally=False)
        # Made once: the library writes its whole configuration as YAML each time that it gets or loses one of these.
        asset = context.data_sources.add_pandas("landing").add_dataframe_asset("rows")
        self._frames = asset.add_batch_definition_whole_dataframe("frame")

    def evaluate(self, frame: pd.DataFrame, expectations: Sequence[Any], count: int = 0) -> list[dict[str, Any]]:
        """Evaluate expectations on a frame; one result for each, in its JSON form, in their order.

        Args:
            count: so many of the rows that break an expectation are listed where one is broken; 0: none.
        """
        return list(self._evaluate(frame, expectations, count))

    def _evaluate(self, frame: pd.DataFrame, expectations: Sequence[Any], count: int) -> Iterator[dict[str, Any]]:
        import great_expectations as gx
        import pandas as pd

        suite = gx.ExpectationSuite(name="rules", expectations=list(expectations))
        with keep_configurations():
            batch = self._frames.get_batch({"dataframe": frame})
        try:
            # By this option the library knows texts that Arrow holds, as the batch has them, by their type's name.
            with keep_configurations(), pd.option_context("mode.string_storage", "pyarrow"):
                outcome = batch.validate(suite, result_format="BASIC")
                if count and not outcome.success:
                    # To find the rows takes as long again, and good batches have none.
                    detailed = {"result_format": "SUMMARY", "partial_unexpected_count": count}
                    outcome = batch.validate(suite, result_format=detailed)
            yield from (item.to_json_dict() for item in outcome.results)
        finally:
            # The library would keep the frame until the next one comes.
            kept = batch.data.execution_engine.batch_manager
            kept.reset_batch_cache()
            kept.batch_data_cache.clear()


def validate_frames(
    suites: Iterable[FrameSuite], sample_rows: int = EXAMPLES, validator: Validator | None = None
) -> list[RuleResult]:
    """Check every frame; one result for each expectation, also for those that could not be evaluated.

    Args:
        sample_rows: a result lists at most so many of the rows that break its rule.
    """
    validator = validator or Validator()
    return [
        read_result(suite, item)
        for suite in suites
        if suite.expectations
        for item in validator.evaluate(suite.frame, suite.expectations, max(sample_rows, EXAMPLES))
    ]


def read_result(suite: FrameSuite, item: Mapping[str, Any]) -> RuleResult:
    """Turn one result of Great Expectations on a frame (its JSON form) into ours."""
    return translate_result(suite.source, item, suite.notes)


def translate_result(source: str, item: Mapping[str, Any], notes: Mapping[str, str] | None = None) -> RuleResult:
    """Turn one result of Great Expectations (its JSON form) into ours; ``notes`` are those of a :class:`FrameSuite`."""
    config = item["expectation_config"]
    column = config["kwargs"].get("column")
    meta = config["meta"]
    note = (notes or {}).get(column or "")
    return RuleResult(
        source=source,
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
        text += f", such as {', '.join(str(value) for value in examples[:EXAMPLES])}"
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
