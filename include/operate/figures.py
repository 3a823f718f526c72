"""The figures of registered versions in words: what they are called follows the version, whatever its task."""

from __future__ import annotations

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


def read_champion(measured: Mapping[str, Any], version: int) -> dict[str, Any]:
    """What was measured of a version (see ``include.training.fit.fit_family``), in short."""
    chosen = ("feature_set", "selection_method", "selected_features")
    return {
        "version": version,
        "family": measured["family"],
        **{key: measured.get(key) for key in chosen},
        "score_name": measured["score_name"],
        **{key: _round(measured[key]) for key in ("score", "score_low", "score_high")},
        "metrics": measured["metrics"],
    }


def read_baseline(measured: Mapping[str, Any]) -> dict[str, Any] | None:
    """The rule that a version was compared with; None where there is none."""
    found = measured.get("baseline")
    if not found:
        return None
    return {key: _round(found[key]) for key in ("feature", "score", "gain", "gain_low", "gain_high")}


def _round(value: Any) -> Any:
    return round(value, 6) if isinstance(value, float) else value


def _describe_interval(figures: Mapping[str, Any], name: str) -> str:
    low, high = figures.get(f"{name}_low"), figures.get(f"{name}_high")
    if low is None or high is None:
        return ""
    signs = "+.3f" if name == "gain" else ".3f"
    return f" (95 % interval {low:{signs}} … {high:{signs}})"
