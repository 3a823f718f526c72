"""Trains, tests and logs one model family.

There is no refit on validation or test rows: threshold, figures, parity and ONNX file all belong to
the very model that ships. (A refit on the validation rows gains about .001 in AUC.) Every figure is
measured on the ONNX form, because that is what serves.
"""

from __future__ import annotations

import hashlib
import time
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from include.registry.onnx import OnnxModel, export_onnx, measure_parity
from include.registry.tracking import check_tracking, log_onnx, open_run
from include.settings.training import TrainingSettings
from include.training.baseline import rank_single_features
from include.training.champion import compare_with_champion
from include.training.dataset import SplitData, check_training_set, list_features, take_split
from include.training.evaluate import choose_threshold, estimate_auc_interval, measure_model
from include.training.families import build_family, find_baseline_feature, read_parameters
from include.training.importance import measure_importance
from include.training.leakage import check_leakage

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    import pandas as pd
    from sklearn.pipeline import Pipeline


@dataclass(frozen=True)
class TrainingLineage:
    """What a model was made from, and by whom."""

    data_version: str
    feature_version: str
    code_revision: str
    trained_by: str


@dataclass(frozen=True)
class FittedFamily:
    """A fitted model and its ONNX form; ``training_seconds`` of CPU."""

    family: str
    model: Pipeline
    onnx: bytes
    feature_names: list[str]
    training_seconds: float


def fit_family(
    frame: pd.DataFrame, family: str, settings: TrainingSettings, lineage: TrainingLineage, tracking_uri: str
) -> dict[str, Any]:
    """Fit one family on the training split, tune its threshold on validation, test it, log it to MLflow.

    Args:
        frame: a training set as ``include.training.dataset.build_training_set`` makes it.
        family: one of ``settings.families``.

    Returns:
        what XCom carries: family, run_id, model_uri, onnx_sha256, feature_names, threshold,
        test_as_of_date (ISO), auc, auc_low, auc_high, f1, precision, recall, accuracy, log_loss,
        brier, training_seconds (CPU), size_bytes, parity_difference, training_rows, test_rows,
        test_positives, single_feature and single_feature_auc (best feature alone on the test rows),
        baseline_feature (None but for the baseline), champion (version, auc, gain, gain_low,
        gain_high, note; None without one), and the fields of ``lineage``.

    Raises:
        TrainingError: the training set is unfit to learn from, or there is no such family.
        LeakageSuspectedError: the model is too good to be true.
        ParityError: its ONNX form answers differently.
        RegistryError: MLflow is away; the task will be retried.
    """
    check_tracking(tracking_uri)
    check_training_set(frame, settings)
    fitted = train_model(frame, family, settings)
    test = take_split(frame, "test")
    result = {
        "training_rows": int((frame["split"] == "train").sum()),
        **asdict(lineage),
        **measure_family(fitted, take_split(frame, "validation"), test, settings),
    }
    onnx = OnnxModel(fitted.onnx)
    champion = compare_with_champion(tracking_uri, settings, fitted.feature_names, test, onnx.predict(test.features))
    result["champion"] = None if champion is None else asdict(champion)
    return result | log_run(fitted, onnx, test, result, settings, tracking_uri)


def train_model(frame: pd.DataFrame, family: str, settings: TrainingSettings) -> FittedFamily:
    """Fit a family on the training split, on as many threads as the settings allow, and export it."""
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

    model = build_family(family, settings)
    train = take_split(frame, "train")
    with threadpool_limits(settings.threads_per_fit):
        started = time.process_time()
        model.fit(train.features, train.labels)
        seconds = time.process_time() - started
    names = list_features(frame)
    return FittedFamily(family, model, export_onnx(model, len(names)), names, seconds)


def measure_family(
    fitted: FittedFamily, validation: SplitData, test: SplitData, settings: TrainingSettings
) -> dict[str, Any]:
    """Tune the threshold on validation, then measure everything on the test rows."""
    onnx = OnnxModel(fitted.onnx)
    parity = measure_parity(
        fitted.family, _predict(fitted.model, test), onnx, test.features, settings.max_parity_difference
    )
    threshold = choose_threshold(validation.labels, onnx.predict(validation.features))
    answers = onnx.predict(test.features)
    metrics = measure_model(test.labels, answers, threshold)
    interval = estimate_auc_interval(test.labels, answers, settings.auc_bootstrap_repetitions, settings.random_seed)
    single = rank_single_features(fitted.feature_names, test.features, test.labels)
    check_leakage(fitted.family, metrics.auc, settings.max_credible_auc, single)
    return {
        "family": fitted.family,
        "feature_names": fitted.feature_names,
        "baseline_feature": find_baseline_feature(fitted.model, fitted.feature_names),
        "threshold": threshold,
        "test_as_of_date": test.as_of_date.isoformat(),
        **asdict(metrics),
        "auc_low": interval.low,
        "auc_high": interval.high,
        "training_seconds": fitted.training_seconds,
        "size_bytes": len(fitted.onnx),
        "onnx_sha256": hashlib.sha256(fitted.onnx).hexdigest(),
        "parity_difference": parity,
        "test_rows": len(test.labels),
        "test_positives": int(test.labels.sum()),
        "single_feature": single[0].name,
        "single_feature_auc": single[0].auc,
    }


def _predict(model: Pipeline, split: SplitData) -> npt.NDArray[np.float64]:
    probabilities: npt.NDArray[np.float64] = model.predict_proba(split.features)[:, 1]
    return probabilities


def log_run(
    fitted: FittedFamily,
    onnx: OnnxModel,
    test: SplitData,
    result: dict[str, Any],
    settings: TrainingSettings,
    tracking_uri: str,
) -> dict[str, str]:
    """Write one MLflow run: parameters, metrics, figures, model; returns run_id and model_uri."""
    from include.training.plots import draw_calibration, draw_importance, draw_roc

    keys = ("family", "data_version", "feature_version", "code_revision", "trained_by", "test_as_of_date")
    importance = measure_importance(onnx, fitted.feature_names, test, settings.random_seed)
    answers = onnx.predict(test.features)
    with open_run(tracking_uri, settings.experiment, fitted.family, {key: str(result[key]) for key in keys}) as mlflow:
        mlflow.log_params(describe_parameters(fitted, settings, result))
        mlflow.log_metrics({key: value for key, value in result.items() if isinstance(value, int | float)})
        mlflow.log_dict(importance, "importance.json")
        mlflow.log_figure(draw_roc(test.labels, answers, f"{fitted.family}: ROC"), "roc.png")
        mlflow.log_figure(draw_calibration(test.labels, answers, f"{fitted.family}: calibration"), "calibration.png")
        mlflow.log_figure(draw_importance(importance, f"{fitted.family}: importance"), "importance.png")
        model_uri = log_onnx(fitted.onnx, len(fitted.feature_names))
        run_id = str(mlflow.active_run().info.run_id)
    return {"run_id": run_id, "model_uri": model_uri}


def describe_parameters(fitted: FittedFamily, settings: TrainingSettings, result: dict[str, Any]) -> dict[str, Any]:
    """What the run was done with."""
    import platform

    import sklearn

    return {
        **read_parameters(fitted.family, settings),
        "random_seed": settings.random_seed,
        "n_features": len(fitted.feature_names),
        "training_rows": result["training_rows"],
        "scikit_learn": sklearn.__version__,
        "python": platform.python_version(),
    }
