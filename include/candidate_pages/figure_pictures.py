"""Pictures of the gates that judge one figure, or one beside another: pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from markupsafe import Markup

from include.candidate_pages.bars import Entry, draw_entries, write_gain, write_percent
from include.quality_pages.plots import format_number

Json = Mapping[str, Any]
ON_LIMITS: Final = "A bar may not go beyond its line."
AT_LEAST: Final = "The bar has to reach the line."
ON_INTERVALS: Final = "The upright line is the limit, the flat one the 95 % interval."


@dataclass(frozen=True)
class Picture:
    """A picture with its title and a sentence on how to read it."""

    title: str
    drawing: Markup
    note: str = ""


def draw_gain(key: str, other: str) -> Callable[[Any, Json], list[Picture]]:
    """The gain over another model with its interval."""

    def draw(evidence: Any, limits: Json) -> list[Picture]:
        seen = evidence.get(key) or {}
        if seen.get("gain") is None:
            return []
        least, least_low = limits.get("min_gain"), limits.get("min_gain_low")
        low, high = seen.get("gain_low"), seen.get("gain_high")
        entries = [Entry("gain", seen["gain"], low, high, least, least is None or seen["gain"] >= least)]
        if least_low is not None and low is not None:
            entries.append(Entry("its low end", low, limit=least_low, is_met=low >= least_low))
        return [
            Picture(
                f"Gain in score over {other}",
                draw_entries(entries, f"gain over {other}", form=write_gain),
                ON_INTERVALS,
            )
        ]

    return draw


def draw_interval(evidence: Any, limits: Json) -> list[Picture]:
    """The score with its interval."""
    least, low = limits.get("min_score_low"), evidence.get("score_low")
    is_met = least is None or low is None or low >= least
    entry = Entry("score", evidence.get("score"), low, evidence.get("score_high"), least, is_met)
    return [Picture("Score", draw_entries([entry], "score"), "The left end of the line may not lie below the limit.")]


def draw_leakage(evidence: Any, limits: Json) -> list[Picture]:
    """The score of the model, and of the best feature alone."""
    entries = [
        bound_entry("the model", evidence.get("score"), limits.get("max_score")),
        bound_entry(f"{evidence.get('single_feature')} alone", evidence.get("single_feature_score"),
               limits.get("max_single_feature")),
    ]  # fmt: skip
    return [Picture("What is known of the label", draw_entries(entries, "scores", with_bars=True), ON_LIMITS)]


def draw_count(evidence: Any, limits: Json) -> list[Picture]:
    """The rows that the figures rest on."""
    least, count = limits.get("min_test_count"), evidence.get("test_count")
    entry = Entry("test rows", count, limit=least, is_met=least is None or count is None or count >= least)
    return [Picture("Rows that were counted", draw_entries([entry], "rows", with_bars=True), AT_LEAST)]


def draw_parity(evidence: Any, limits: Json) -> list[Picture]:
    """How far the served form is from the model."""
    entry = bound_entry("difference", evidence.get("parity_difference"), limits.get("max_difference"))
    return [Picture("Model and ONNX form", draw_entries([entry], "difference", with_bars=True), ON_LIMITS)]


def draw_size(evidence: Any, limits: Json) -> list[Picture]:
    """The bytes of the file."""
    entry = bound_entry("bytes", evidence, limits.get("max_bytes"))
    return [Picture("Size of the file", draw_entries([entry], "bytes", with_bars=True), ON_LIMITS)]


def draw_latency(evidence: Any, limits: Json) -> list[Picture]:
    """The time of one row."""
    entries = [
        bound_entry("median", evidence.get("median_ms"), limits.get("max_ms")),
        Entry("95th percentile", evidence.get("high_ms")),
    ]
    return [
        Picture("Milliseconds for one row", draw_entries(entries, "milliseconds", with_bars=True),
                f"Of {format_number(evidence.get('calls'))} rows, one at a time.")
    ]  # fmt: skip


def draw_overlap(evidence: Any, limits: Json) -> list[Picture]:
    """What splits share, and the days between them."""
    held_out, most = evidence.get("held_out") or 0, limits.get("max_share")
    share = (evidence.get("entities") or 0) / held_out if held_out else None
    needed = evidence.get("needed_days")
    entries = [
        Entry(f"before {name}", days, limit=needed, is_met=needed is None or days >= needed)
        for name, days in (evidence.get("gaps") or {}).items()
    ]
    pictures = [
        Picture("Shared by two splits", draw_entries([bound_entry("share", share, most)], "share", with_bars=True,
                                                     form=write_percent))
    ]  # fmt: skip
    if entries:
        pictures.append(
            Picture(
                "Days between the splits",
                draw_entries(entries, "days", with_bars=True),
                "The line is what the label needs.",
            )
        )
    return pictures


def bound_entry(label: str, value: float | None, most: float | None) -> Entry:
    """A figure that may reach ``most``."""
    return Entry(label, value, limit=most, is_met=is_below(value, most))


def is_below(value: float | None, most: float | None) -> bool:
    """Whether a figure keeps its limit; one that is not known does."""
    return value is None or most is None or value <= most
