"""The figures of registered versions in words: what they are called follows the version, whatever its task."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

_TITLES: Final = {
    "auc": "AUC",
    "auc_macro": "macro AUC",
    "brier": "Brier score",
    "d2_absolute_error": "D²",
    "f1": "F1",
    "mae": "MAE",
    "r2": "R²",
    "rmse": "RMSE",
    "wape": "WAPE",
}
_SHOWN: Final = 4


def name_metric(name: str) -> str:
    """A metric as people call it: ``d2_absolute_error`` is D²; an unknown one is its own name in words."""
    return _TITLES.get(name, name.replace("_", " "))


def describe_score(figures: Mapping[str, Any]) -> str:
    """The score with its interval, such as ``AUC 0.851 (95 % interval 0.800 … 0.900)``."""
    return f"{name_metric(figures['score_name'])} {figures['score']:.3f}{_describe_interval(figures, 'score')}"


def describe_gain(baseline: Mapping[str, Any]) -> str:
    """The gain over the baseline with its interval where that is known."""
    return f"{baseline['gain']:+.3f}{_describe_interval(baseline, 'gain')}"


def describe_metrics(figures: Mapping[str, Any]) -> str:
    """A few more metrics besides the score; empty when there are none."""
    known = {"score", figures["score_name"]}
    others = [(name, value) for name, value in figures["metrics"].items() if name not in known]
    return ", ".join(f"{name_metric(name)} {value:.4g}" for name, value in others[:_SHOWN] if value is not None)


def read_champion(tags: Mapping[str, str], version: int) -> dict[str, Any]:
    """What a version's tags say of it."""
    return {
        "version": version,
        "family": tags["family"],
        "feature_set": tags.get("feature_set"),
        "selection_method": tags.get("selection_method"),
        "selected_features": int(tags["selected_features"]) if "selected_features" in tags else None,
        "score_name": tags["score_name"],
        **{key: round(float(tags[key]), 6) for key in ("score", "score_low", "score_high")},
        "metrics": json.loads(tags.get("metrics", "{}")),
    }


def read_baseline(tags: Mapping[str, str]) -> dict[str, Any] | None:
    """What a version's tags say of the rule that it was compared with; None when they do not."""
    if "baseline_score" not in tags:
        return None
    score = float(tags["baseline_score"])
    ends = {key: _read_number(tags, f"baseline_{key}") for key in ("gain", "gain_low", "gain_high")}
    gain = ends["gain"] if ends["gain"] is not None else round(float(tags["score"]) - score, 6)
    return {"feature": tags["baseline_feature"], "score": round(score, 6), **ends, "gain": gain}


def _read_number(tags: Mapping[str, str], key: str) -> float | None:
    return round(float(tags[key]), 6) if key in tags else None


def _describe_interval(figures: Mapping[str, Any], name: str) -> str:
    low, high = figures.get(f"{name}_low"), figures.get(f"{name}_high")
    if low is None or high is None:
        return ""
    signs = "+.3f" if name == "gain" else ".3f"
    return f" (95 % interval {low:{signs}} … {high:{signs}})"
