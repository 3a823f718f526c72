"""What training, gates and registration write into the warehouse about a model, without any of them."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping
from typing import Any

from include.registry.ledger import BASELINE, add_version, record_candidate, record_decision, record_gates
from include.registry.registry import register_run
from include.warehouse.session import open_session

_runs = itertools.count()


def make_measured(**replaced: Any) -> dict[str, Any]:
    """What ``fit_family`` returns of a binary model, with fields replaced at will; its run and file are nowhere."""
    return {
        "run_id": f"run-{next(_runs)}", "model_uri": "models:/m-0", "onnx_sha256": "0" * 64, "task": "binary",
        "family": "logistic_regression", "feature_set": None, "strategy": "standard", "parameters": {},
        "score_name": "auc", "score": 0.85, "score_low": 0.83,
        "score_high": 0.87, "metrics": {"score": 0.85, "auc": 0.85, "f1": 0.5}, "assembled_at": "2026-03-01T12:00:00Z",
        "data_version": "d1", "feature_version": "machine_features=1", "code_revision": "c1", "trained_by": "scientist",
        "test_as_of_date": "2017-12-04", "selection_method": None, "selected_features": None,
        "baseline": {"feature": "wear", "score": 0.8, "gain": 0.05, "gain_low": 0.02, "gain_high": 0.08},
    } | replaced  # fmt: skip


def plant_candidate(
    uri: str, model_name: str, result: Mapping[str, Any], decision: str = "production",
    gates: Iterable[Mapping[str, Any]] = (),
) -> str:  # fmt: skip
    """A model that was fitted, judged and decided about; its run. The baseline is not judged."""
    with open_session(uri) as session:
        record_candidate(session, model_name, result)
        record_gates(session, result["run_id"], gates)
        if result["family"] != BASELINE:
            record_decision(session, result["run_id"], decision, [])
    return str(result["run_id"])


def plant_version(
    uri: str, model_name: str, result: Mapping[str, Any], decision: str = "production",
    gates: Iterable[Mapping[str, Any]] = (),
) -> int:  # fmt: skip
    """A version that stands in ``ml.versions`` and not in MLflow's registry."""
    run_id = plant_candidate(uri, model_name, result, decision, gates)
    with open_session(uri) as session:
        return add_version(session, model_name, run_id, 1)


def register(
    uri: str, tracking_uri: str, model_name: str, result: Mapping[str, Any], decision: str = "production",
    gates: Iterable[Mapping[str, Any]] = (),
) -> int:  # fmt: skip
    """A version that stands in both."""
    run_id = plant_candidate(uri, model_name, result, decision, gates)
    with open_session(uri) as session:
        return register_run(session, tracking_uri, model_name, run_id).version
