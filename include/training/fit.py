"""Trains, tests and logs one model family.

There is no refit on validation or test rows: decision, figures, parity and ONNX file all belong to the very
model that ships. Every figure is measured on the ONNX form, because that is what serves. Nothing is judged
here: what a figure may be is for the gates to say.
"""

from __future__ import annotations

import hashlib
import math
import time
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import date
from typing import TYPE_CHECKING, Any, Final

from include.errors import TrainingError
from include.explanations.background import choose_background
from include.features.catalog import Feature
from include.features.matrix import split_names
from include.features.spec import ModelSpec
from include.registry.background import attach_background
from include.registry.contract import ModelContract
from include.registry.ledger import RegisteredVersion
from include.registry.onnx import OnnxModel, export_onnx, measure_parity
from include.registry.tracking import check_tracking
from include.settings.strategies import STANDARD
from include.settings.training import BASELINE, TrainingSettings
from include.tasks import TASKS
from include.tasks.bootstrap import estimate_interval
from include.tasks.task import Decision, Task
from include.training.champion import compare_with_incumbents
from include.training.compare import measure_gain
from include.training.constant import CONSTANT, fit_constant
from include.training.entity_split import describe_split
from include.training.families import build_family, build_inputs
from include.training.folds import Validation, hold_out_newest, validate
from include.training.importance import measure_importance
from include.training.narrow import choose_features
from include.training.record import describe_parameters, log_run
from include.training.search.record import log_search
from include.training.search.run import search_parameters
from include.training.single_feature import find_single_feature
from include.training.splits import SplitData, TrainingData, read_training_data

if TYPE_CHECKING:
    import pandas as pd

    from include.tasks.task import Floats


MOST_IMPORTANT: Final = 30
"""Features whose importance is kept in a result; MLflow has all of them."""


@dataclass(frozen=True)
class TrainingLineage:
    """What a model was made from, and by whom.

    Attributes:
        assembled_at: when the training set was read (ISO, with its zone).
        data_version: of the published data at that time.
    """

    assembled_at: str
    data_version: str
    feature_version: str
    code_revision: str
    trained_by: str


@dataclass(frozen=True)
class FittedFamily:
    """A fitted model and its ONNX form.

    Attributes:
        training_seconds: of CPU.
        notes: what its library had to say of the fit, such as that it did not converge.
    """

    family: str
    model: Any
    contract: ModelContract
    onnx: bytes
    training_seconds: float
    notes: tuple[str, ...] = ()

    def predict(self, split: SplitData) -> Floats:
        """What the model itself, not its ONNX form, says of a split."""
        inputs = build_inputs(split.matrix.select(self.contract.feature_names))
        return TASKS[self.contract.task].predict(self.model, inputs)


def fit_family(
    frame: pd.DataFrame,
    family: str,
    spec: ModelSpec,
    settings: TrainingSettings,
    lineage: TrainingLineage,
    tracking_uri: str,
    feature_set: str | None = None,
    incumbents: Sequence[RegisteredVersion] = (),
    studies_uri: str | None = None,
    strategy: str = STANDARD,
) -> dict[str, Any]:
    """Choose the features of one family, search its parameters, fit it on the training split, tune its decision on
    validation, validate and test it, and log it to MLflow; the settings say whether there is a choice and a search.

    Args:
        frame: a training set as ``include.training.dataset.build_training_set`` makes it.
        family: 'baseline', or one of the task's.
        feature_set: one of the compared sets; None for all features of the model.
        incumbents: the champion, then versions that were, the newest first.
        studies_uri: of the warehouse that keeps a search's trials; without it a search cannot go on after a kill.
        strategy: that the settings are of, for the record.

    Returns:
        what is kept of a candidate: family, feature_set, strategy, task, run_id, model_uri, onnx_sha256,
        score_name, score, score_low, score_high, metrics, decision, test_as_of_date (ISO), training_seconds (CPU),
        notes (such as that the fit did not converge), size_bytes, parity_difference, training_rows, test_rows,
        test_count, single_feature and single_feature_score (best feature alone on the test rows), baseline
        (feature, score, gain, gain_low, gain_high), baseline_feature (None but for the baseline), selection_method
        and selected_features (a count; both None without a selection), search (method, study, score, usual_score,
        trials; None without one), validation (folds, scores, metrics: see ``include.training.folds``), champion
        (version, score, gain, gain_low, gain_high, note; None without one), best_ever (likewise, of the best that
        is or was champion), parameters (of the run), importance (loss of score of the first features when they are
        shuffled), curves (see ``include.tasks.curves``), and the fields of ``lineage``. All numbers are finite.

    Raises:
        TrainingError: the training set is unfit to learn from, there is no such family or compared
            feature set, or the model answers some row with no number.
        ServingError: the model has no ONNX form.
        RegistryError: MLflow is away; the task will be retried.
        WarehouseError: the trials cannot be kept; the task will be retried.
    """
    check_tracking(tracking_uri)
    data = read_training_data(frame, spec, settings)
    baseline = train_model(data, BASELINE, spec, settings)
    data, selection = choose_features(data, family, spec, settings, feature_set)
    found = search_parameters(data, family, spec, settings, lineage.data_version, feature_set, studies_uri)
    settings = settings if found is None else found.settings
    fitted = baseline if family == BASELINE else train_model(data, family, spec, settings)
    onnx = OnnxModel(fitted.onnx)
    result = {
        "feature_set": feature_set,
        "strategy": strategy,
        **asdict(lineage),
        **measure_family(fitted, onnx, baseline, data, settings),
    }
    result["validation"] = validate_family(fitted, data, settings).describe()
    result["selection_method"] = None if selection is None else selection.method
    result["selected_features"] = None if selection is None else len(selection.kept)
    answers = onnx.predict(data.test.matrix)
    champion, best = compare_with_incumbents(tracking_uri, incumbents, fitted.contract, data.test, answers, settings)
    result["champion"] = None if champion is None else asdict(champion)
    result["best_ever"] = None if best is None else asdict(best)
    result["search"] = None if found is None else found.summarise()
    importance = measure_importance(onnx, data.test, settings.random_seed)
    result["curves"] = onnx.task.list_curves(data.test.labels, answers, fitted.contract.decision)
    result["importance"] = dict(list(importance.items())[:MOST_IMPORTANT])
    result["parameters"] = describe_parameters(result, len(fitted.contract.features), settings)
    logged = log_run(fitted.onnx, fitted.contract, result, importance, tracking_uri, selection)
    if found is not None:
        log_search(tracking_uri, logged["run_id"], found)
    return result | logged


def train_model(data: TrainingData, family: str, spec: ModelSpec, settings: TrainingSettings) -> FittedFamily:
    """Fit a family on the training split, on as many threads as the settings allow; export it with its background."""
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

    task = TASKS[spec.task]
    with threadpool_limits(settings.threads_per_fit), note_convergence() as notes:
        started = time.process_time()
        model, features = _fit(data, family, task, spec.horizon_days, settings)
        seconds = time.process_time() - started
    _, decision = _tune(task, model, features, data, settings)
    contract = _build_contract(spec, features, decision, data.test.as_of_date, settings)
    onnx = _add_background(export_onnx(model, contract), data, settings)
    return FittedFamily(family, model, contract, onnx, seconds, tuple(dict.fromkeys(notes)))


def _add_background(onnx: bytes, data: TrainingData, settings: TrainingSettings) -> bytes:
    """The ONNX form with the training rows that its answers are compared with."""
    model = OnnxModel(onnx)
    rows = data.train.matrix.select(model.contract.feature_names)
    chosen = choose_background(model.predict, rows, settings.background_rows, settings.random_seed)
    return attach_background(onnx, chosen)


@contextmanager
def note_convergence() -> Iterator[list[str]]:
    """Collect what scikit-learn warns of because a fit did not converge; the list is filled at the end.

    Such a model can be judged like any other, so that it goes on. Other warnings are given as ever.
    """
    from sklearn.exceptions import ConvergenceWarning

    notes: list[str] = []
    with warnings.catch_warnings(record=True) as found:
        warnings.simplefilter("always")
        yield notes
    for one in found:
        if issubclass(one.category, ConvergenceWarning):
            notes.append(str(one.message).splitlines()[0])
        else:
            warnings.warn_explicit(one.message, one.category, one.filename, one.lineno)


def _fit(
    data: TrainingData, family: str, task: Task, horizon_days: int, settings: TrainingSettings
) -> tuple[Any, tuple[Feature, ...]]:
    """A family fitted on the training split, and the features that it looks at."""
    train, features = data.train, data.features
    matrix = train.matrix.select(_name_features(features))
    if family == BASELINE:
        fit_rule = task.fit_baseline if matrix.numeric_names else fit_constant
        rule = fit_rule(matrix, train.labels, settings.random_seed)
        return rule.model, tuple(item for item in features if item.name == rule.feature)
    model = build_family(family, matrix, task, settings, hold_out_newest(data, task, horizon_days, settings))
    return model.fit(build_inputs(matrix), train.labels), features


def validate_family(fitted: FittedFamily, data: TrainingData, settings: TrainingSettings) -> Validation:
    """What ranks a fitted family: its metrics over the folds; the baseline, which is not ranked, has one."""
    from threadpoolctl import threadpool_limits

    task, contract = TASKS[fitted.contract.task], fitted.contract
    if fitted.family == BASELINE:
        settings = settings.model_copy(update={"validation_folds": 1})

    def predict(fold: TrainingData) -> tuple[Floats, Decision]:
        model, features = _fit(fold, fitted.family, task, contract.horizon_days, settings)
        return _tune(task, model, features, fold, settings)

    first = fitted.predict(data.validation), contract.decision
    with threadpool_limits(settings.threads_per_fit):
        return validate(data, first, predict, task, contract.horizon_days, settings)


def _name_features(features: Sequence[Feature]) -> tuple[str, ...]:
    """Numeric features first, as in a matrix."""
    numeric, categorical = split_names(features)
    return (*numeric, *categorical)


def _tune(
    task: Task, model: Any, features: Sequence[Feature], data: TrainingData, settings: TrainingSettings
) -> tuple[Floats, Decision]:
    """What a model says of the validation split, and what turns it into answers best."""
    validation = data.validation
    predictions = task.predict(model, build_inputs(validation.matrix.select(_name_features(features))))
    _check_predictions(task, predictions, "validation")
    return predictions, task.tune(validation.labels, predictions, data.classes, settings.decision_gains)


def _build_contract(
    spec: ModelSpec,
    features: tuple[Feature, ...],
    decision: Decision,
    test_as_of_date: date,
    settings: TrainingSettings,
) -> ModelContract:
    """What the version will say of itself; of the groups, those that it reads: the first, and its features'."""
    used = {spec.groups[0].name, *(item.group for item in features)}
    return ModelContract(
        model=spec.name,
        task=spec.task,
        entity=spec.entity,
        label=spec.label_column,
        groups=tuple(group.location for group in spec.groups if group.name in used),
        features=features,
        decision=decision,
        test_as_of_date=test_as_of_date,
        horizon_days=spec.horizon_days,
        split=describe_split(settings.split),
    )


def _check_predictions(task: Task, predictions: Floats, split: str) -> None:
    wrong = int(task.find_invalid(predictions).sum())
    if wrong:
        raise TrainingError(
            f"The model answers {wrong} of {len(predictions)} {split} rows with no valid {task.output_name}. "
            "Look at its parameters (training.parameters) and at extreme values among the features."
        )


def measure_family(
    fitted: FittedFamily, onnx: OnnxModel, baseline: FittedFamily, data: TrainingData, settings: TrainingSettings
) -> dict[str, Any]:
    """Every figure of a fitted family, measured on the test rows."""
    task, test = onnx.task, data.test
    answers = onnx.predict(test.matrix)
    _check_predictions(task, answers, "test")
    metrics = task.measure(test.labels, answers, onnx.contract.decision)
    interval = estimate_interval(task, test.labels, answers, settings.bootstrap_repetitions, settings.random_seed)
    return {
        "family": fitted.family,
        "task": task.name,
        "score_name": task.score_name,
        "score": metrics["score"],
        "score_low": interval.low,
        "score_high": interval.high,
        "metrics": {name: value for name, value in metrics.items() if math.isfinite(value)},
        "decision": dict(onnx.contract.decision),
        "test_as_of_date": test.as_of_date.isoformat(),
        "training_seconds": fitted.training_seconds,
        "notes": list(fitted.notes),
        "size_bytes": len(fitted.onnx),
        "onnx_sha256": hashlib.sha256(fitted.onnx).hexdigest(),
        "parity_difference": measure_parity(fitted.predict(test), onnx, test.matrix, test.labels),
        "training_rows": len(data.train.labels),
        "test_rows": len(test.labels),
        "test_count": task.count_evidence(test.labels, data.classes),
        **find_single_feature(task, data),
        "baseline": _compare_with_baseline(task, baseline, test, answers, settings),
        "baseline_feature": _name_rule(onnx.contract) if fitted.family == BASELINE else None,
    }


def _name_rule(baseline: ModelContract) -> str:
    """The numeric feature that the baseline looks at; 'a constant' when there is none."""
    feature = baseline.features[0]
    return CONSTANT if feature.kind == "categorical" else feature.name


def _compare_with_baseline(
    task: Task, baseline: FittedFamily, test: SplitData, answers: Floats, settings: TrainingSettings
) -> dict[str, Any]:
    gain = measure_gain(task, test.labels, answers, OnnxModel(baseline.onnx).predict(test.matrix), settings)
    feature = _name_rule(baseline.contract)
    return {
        "feature": feature, "score": gain.score, "gain": gain.gain, "gain_low": gain.low, "gain_high": gain.high,
    }  # fmt: skip
