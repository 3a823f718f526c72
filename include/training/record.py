"""Writes a training onto its MLflow run."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

from include.registry.contract import ModelContract
from include.registry.tracking import log_onnx, open_run
from include.settings.training import TrainingSettings
from include.training.candidates import name_row
from include.training.environment import describe_packages, hash_lock
from include.training.families import read_parameters
from include.training.feature_selection import FeatureSelection
from include.warehouse.names import name_table

_TAGS: Final = (
    "family", "task", "assembled_at", "data_version", "feature_version", "code_revision", "trained_by",
    "test_as_of_date",
)  # fmt: skip
_DIGEST_LENGTH: Final = 36
"""Of a dataset's digest in MLflow, at most."""
_COMPARED: Final = ("score", "gain", "gain_low", "gain_high", "p_value")


def log_run(
    onnx_bytes: bytes,
    contract: ModelContract,
    result: Mapping[str, Any],
    importance: Mapping[str, float],
    tracking_uri: str,
    selection: FeatureSelection | None = None,
) -> dict[str, str]:
    """Write one MLflow run in the model's experiment: parameters, metrics, figures, model.

    Args:
        contract: what the model says of itself.
        result: what was measured (see ``include.training.fit.fit_family``).
        importance: of each feature, the highest first.
        selection: what was said of each feature; None when nothing was selected.

    Returns:
        ``run_id`` and ``model_uri``.

    Raises:
        RegistryError: MLflow is away.
    """
    from include.tasks.plots import draw_importance, draw_plots, draw_selection

    name = name_row(result)
    figures = draw_plots(result["curves"], name)
    figures["importance.png"] = draw_importance(importance, f"{name}: importance")
    tags = {key: str(result[key]) for key in _TAGS}
    tags |= {
        key: str(result[key]) for key in ("feature_set", "strategy", "selection_method") if result[key] is not None
    }
    if result["notes"]:
        tags["notes"] = "; ".join(result["notes"])
    if selection is not None:
        figures["feature_selection.png"] = draw_selection(selection.verdicts, f"{name}: {selection.method}")
    with open_run(tracking_uri, contract.model, name, tags) as mlflow:
        mlflow.log_params(result["parameters"])
        log_dataset(contract.model, str(result["data_version"]))
        mlflow.log_dict(describe_packages(), "sbom.json")
        mlflow.log_metrics(list_metrics(result))
        for step, score in enumerate(result["validation"]["scores"]):
            mlflow.log_metric("validation_fold_score", score, step=step)
        mlflow.log_dict(dict(importance), "importance.json")
        if selection is not None:
            mlflow.log_dict(selection.describe(), "feature_selection.json")
        mlflow.log_dict(json.loads(contract.to_json()), "contract.json")
        for name, figure in figures.items():
            mlflow.log_figure(figure, name)
        model_uri = log_onnx(onnx_bytes, contract)
        run_id = str(mlflow.active_run().info.run_id)
    return {"run_id": run_id, "model_uri": model_uri}


def log_dataset(model: str, data_version: str) -> None:
    """Name the training set as the input of the active run, with the version of the data that it was read from."""
    import mlflow
    from mlflow.data.code_dataset_source import CodeDatasetSource
    from mlflow.data.meta_dataset import MetaDataset

    table = name_table(model, "training_set")
    source = CodeDatasetSource({"table": str(table), "data_version": data_version})
    digest = data_version[:_DIGEST_LENGTH]
    mlflow.log_input(MetaDataset(source, name=str(table), digest=digest), context="training")


def log_failure(tracking_uri: str, model: str, asked: Mapping[str, Any], reason: str) -> str:
    """Write a failed MLflow run, with the reason as its tag ``failure``; its ``run_id``.

    Args:
        asked: ``family``, ``feature_set`` and ``strategy`` of the candidate.

    Raises:
        RegistryError: MLflow is away.
    """
    tags = {"failure": reason} | {key: str(value) for key, value in asked.items() if value is not None}
    with open_run(tracking_uri, model, name_row(asked), tags) as mlflow:
        run_id = str(mlflow.active_run().info.run_id)
        mlflow.end_run("FAILED")
    return run_id


def list_metrics(result: Mapping[str, Any]) -> dict[str, float]:
    """Every figure of a result under one name, those of the comparisons with their prefix."""
    metrics = {key: value for key, value in result.items() if isinstance(value, int | float)}
    metrics |= result["metrics"]
    metrics |= {f"validation_{name}": value for name, value in result["validation"]["metrics"].items()}
    for other in ("baseline", "champion", "best_ever"):
        found = result[other] or {}
        metrics |= {f"{other}_{key}": found[key] for key in _COMPARED if found.get(key) is not None}
    return metrics


def describe_parameters(result: Mapping[str, Any], features: int, settings: TrainingSettings) -> dict[str, Any]:
    """What the run was done with; ``features`` is how many the model takes."""
    import platform

    import sklearn

    return {
        **read_parameters(str(result["family"]), settings),
        **{f"selection_{key}": value for key, value in settings.feature_selection if result["selection_method"]},
        "random_seed": settings.random_seed,
        "lock_sha256": hash_lock(),
        "n_features": features,
        "training_rows": result["training_rows"],
        "scikit_learn": sklearn.__version__,
        "python": platform.python_version(),
    }
