"""The evidence of each gate as pictures: pure, and without what a record of an earlier release lacks."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from include.candidate_pages.bars import Entry, draw_entries, write_gain, write_percent
from include.candidate_pages.curve_pictures import draw_calibration, draw_profits
from include.candidate_pages.figure_pictures import (
    AT_LEAST,
    ON_INTERVALS,
    ON_LIMITS,
    Picture,
    bound_entry,
    draw_count,
    draw_gain,
    draw_interval,
    draw_latency,
    draw_leakage,
    draw_overlap,
    draw_parity,
    draw_size,
    is_below,
)
from include.candidate_pages.group_pictures import draw_attribute
from include.candidate_pages.swarm import draw_swarm

Json = Mapping[str, Any]
MOST_ENTRIES: Final = 14


def draw_evidence(gate: str, evidence: Any, limits: Json) -> list[Picture]:
    """What a gate has measured, against what was asked.

    Args:
        evidence: as ``include.evaluation.describe`` has made it.
        limits: the gate's settings at that time.
    """
    return _DRAWN[gate](evidence, limits) if gate in _DRAWN and evidence else []


def _draw_calibration(evidence: Any, limits: Json) -> list[Picture]:
    entry = Entry("error", evidence.get("error"), evidence.get("low"), evidence.get("high"), limits.get("max_error"),
                  is_below(evidence.get("error"), limits.get("max_error")))  # fmt: skip
    pictures = [Picture("Error with its interval", draw_entries([entry], "calibration error"))]
    if evidence.get("bins"):
        pictures.append(
            Picture("Predicted and observed", draw_calibration(evidence["bins"]),
                    "On the dotted line, outcomes are as predicted. Large dots have many rows.")
        )  # fmt: skip
    return pictures


def _draw_fairness(evidence: Any, limits: Json) -> list[Picture]:
    return [
        Picture(title, drawing, note)
        for attribute in evidence
        for title, drawing, note in draw_attribute(attribute, limits.get("min_ratio"))
    ]


def _draw_robustness(evidence: Any, limits: Json) -> list[Picture]:
    damages = evidence.get("damages") or []

    def list_entries(key: str, whole: str, alone: str) -> list[Entry]:
        entries = [
            bound_entry(_name_damage(one), one.get(key), limits.get(whole if one.get("column") is None else alone))
            for one in damages
        ]
        return sorted(entries, key=lambda one: -_excess(one))[:MOST_ENTRIES]

    worst = "" if len(damages) <= MOST_ENTRIES else f" The {MOST_ENTRIES} worst of {len(damages)}."
    return [
        Picture("Loss of score", draw_entries(list_entries("loss", "max_loss", "max_column_loss"), "loss of score",
                                              with_bars=True), ON_LIMITS + worst),
        Picture(str(evidence.get("change_title", "change")).capitalize(),
                draw_entries(list_entries("change", "max_change", "max_column_change"), "change", with_bars=True),
                ON_LIMITS + worst),
    ]  # fmt: skip


def _draw_stability(evidence: Any, limits: Json) -> list[Picture]:
    slices, whole = evidence.get("slices") or [], evidence.get("score")
    names = ["test", *(f"validation {at}" for at in range(1, len(slices)))]
    times = [Entry(name, score) for name, score in zip(names, slices, strict=True)]
    most_loss = limits.get("max_segment_loss")
    floor = None if whole is None or most_loss is None else whole - most_loss
    segments = [
        Entry(f"{one['column']} {one['value']}", one["score"], one.get("low"), one.get("high"), floor,
              floor is None or one["score"] is None or one["score"] >= floor)
        for one in evidence.get("segments") or []
    ]  # fmt: skip
    segments.sort(key=lambda one: math.inf if one.value is None else one.value)
    pictures = [Picture("Score over time", draw_entries(times, "score over time"), "The newest first.")]
    if segments:
        cut = "" if len(segments) <= MOST_ENTRIES else f" The lowest {MOST_ENTRIES} of {len(segments)}."
        drawing = draw_entries(segments[:MOST_ENTRIES], "score by segment")
        pictures.append(Picture("Score by segment", drawing, f"{ON_INTERVALS}{cut}"))
    return pictures


def _draw_interpretability(evidence: Any, limits: Json) -> list[Picture]:
    shares = sorted((evidence.get("shares") or {}).items(), key=lambda one: -one[1])[:MOST_ENTRIES]
    most = limits.get("max_dominance")
    entries = [
        Entry(name, share, limit=most if at == 0 else None, is_met=at > 0 or is_below(share, most))
        for at, (name, share) in enumerate(shares)
    ]
    least, agreement = limits.get("min_agreement"), evidence.get("agreement")
    is_met = least is None or agreement is None or agreement >= least
    agreed = Entry("agreement", agreement, limit=least, is_met=is_met)
    pictures = [
        Picture("Share of the importance", draw_entries(entries, "importance", with_bars=True, form=write_percent),
                "Loss of score when a feature is shuffled. The line is what the first may have."),
        Picture("Agreement of parts of the rows", draw_entries([agreed], "agreement", with_bars=True,
                                                               form=write_percent), AT_LEAST),
    ]  # fmt: skip
    if evidence.get("attributions"):
        note = "A dot for each explained row, to the right where the feature raises the answer (Shapley values)."
        pictures.append(Picture("What moves single answers", draw_swarm(evidence["attributions"]), note + _ON_PLACES))
    return pictures


def _draw_value(evidence: Any, limits: Json) -> list[Picture]:
    others = sorted((evidence.get("others") or {}).items(), key=lambda one: -one[1])
    entries = [Entry("this candidate", evidence.get("profit")), *(Entry(name, profit) for name, profit in others)]
    least = limits.get("min_gain")
    gain = evidence.get("gain")
    is_met = least is None or gain is None or gain >= least
    gained = Entry("gain", gain, evidence.get("gain_low"), evidence.get("gain_high"), least, is_met)
    pictures = [
        Picture("Profit of a row", draw_entries(entries, "profit", with_bars=True)),
        Picture("Gain over the best of the others", draw_entries([gained], "gain", form=write_gain), ON_INTERVALS),
    ]
    if evidence.get("curve"):
        pictures.append(
            Picture("Profit by the share acted on", draw_profits(evidence["curve"], evidence.get("acted_share")),
                    "Those with the highest probability first. The dot is what the decision acts on.")
        )  # fmt: skip
    return pictures


def list_texts(gate: str, evidence: Any) -> list[tuple[str, Sequence[str]]]:
    """What a gate has found in words, by title; what is empty is left out."""
    if not isinstance(evidence, Mapping):
        return []
    return [(title, evidence[key]) for key, title in _TEXTS.get(gate, {}).items() if evidence.get(key)]


def _excess(entry: Entry) -> float:
    """How many times the limit."""
    return (entry.value or 0.0) / entry.limit if entry.limit else entry.value or 0.0


def _name_damage(damage: Json) -> str:
    kind = str(damage["kind"]).removeprefix("another ").removeprefix("a ")
    return f"{kind} of {damage['column']}" if damage.get("column") else kind


_ON_PLACES: Final = " Open dots are low values of the feature, pale ones in the middle, full ones high, or text."
_DRAWN: Final[Mapping[str, Callable[[Any, Json], list[Picture]]]] = {
    "baseline": draw_gain("baseline", "the one-feature rule"), "production": draw_gain("champion", "the champion"),
    "best_ever": draw_gain("best_ever", "the best version ever"), "parity": draw_parity, "evidence": draw_count,
    "interval": draw_interval, "leakage": draw_leakage, "overlap": draw_overlap, "calibration": _draw_calibration,
    "fairness": _draw_fairness, "robustness": _draw_robustness, "stability": _draw_stability,
    "interpretability": _draw_interpretability, "value": _draw_value, "latency": draw_latency, "size": draw_size,
}  # fmt: skip
_TEXTS: Final[Mapping[str, Mapping[str, str]]] = {
    "stability": {"small": "Too few rows to judge"},
    "security": {"findings": "Found in the artifact", "advisories": "Packages with advisories"},
    "compliance": {
        "sources": "Where the features come from", "unexplained": "Tables that no run explains",
        "undocumented": "Without a description", "personal": "Features that identify a person",
    },
}  # fmt: skip
