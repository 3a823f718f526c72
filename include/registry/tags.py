"""The tags of a version in MLflow: for people, who find there what was measured; nothing is decided by them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

SCORE_TAGS: Final = ("score", "score_low", "score_high")
GAIN_KEYS: Final = ("gain", "gain_low", "gain_high")
LINEAGE_TAGS: Final = (
    "task", "family", "data_version", "feature_version", "code_revision", "trained_by", "test_as_of_date",
)  # fmt: skip
_CHOSEN: Final = ("feature_set", "selection_method", "selected_features")


def describe_page(page: str) -> str:
    """The description of a run or of a version, in Markdown: where everything that was measured is shown."""
    return f"[Page of this candidate]({page})"


def describe_result(result: Mapping[str, Any], decision: str, gates: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """What was measured of a version, from what it was made, and what the gates said.

    Args:
        result: what ``include.training.fit.fit_family`` returns.
        gates: one mapping for each gate (name, is_passed, observed, threshold, reason, severity).
    """
    tags = {key: f"{float(result[key]):.6g}" for key in SCORE_TAGS}
    tags |= {key: str(result[key]) for key in LINEAGE_TAGS}
    tags |= {
        "score_name": result["score_name"],
        "metrics": json.dumps(result["metrics"]),
        "onnx_sha256": result["onnx_sha256"],
        "decision": decision,
        "gates": json.dumps(list(gates)),
    }
    tags |= {key: str(result[key]) for key in _CHOSEN if result.get(key) is not None}
    baseline = result.get("baseline") or {}
    if "score" in baseline:
        tags |= {"baseline_score": f"{float(baseline['score']):.6g}", "baseline_feature": str(baseline["feature"])}
    return tags | {
        f"baseline_{key}": f"{float(baseline[key]):.6g}" for key in GAIN_KEYS if baseline.get(key) is not None
    }
