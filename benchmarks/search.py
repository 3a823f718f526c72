"""A search against scikit-learn's grid over the same space.

Measured: seconds until the best parameters of gradient boosting are known, over three folds of up to 8,000 rows with
twenty features: this project's search (Optuna, 30 trials that are given up when they fall behind), on one core. The
peer is ``GridSearchCV`` over four parameters with three values each, in two processes. ``ratio`` (peer / ours) is how
many times less ours takes. And the mean score over the folds of what each has found.

Fair because: the same rows, folds, estimator and score; the space of ours has the ends of the grid; the best parameters
of both are scored anew by the same code; and a score that is worse by more than 0.001 stops the benchmark.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable
from datetime import date, timedelta
from typing import Any, Final

from benchmarks.catalog import BenchmarkError, Options
from benchmarks.figure import Figure, compare
from benchmarks.timing import Tell, interleave, stopwatch
from include.features.catalog import Entity, Feature, FeatureGroup, Key, LabelTable
from include.features.matrix import FeatureMatrix
from include.features.spec import ModelSpec
from include.settings import CONFIG_DIR
from include.settings.models import read_shared
from include.settings.section import check_section
from include.settings.training import TrainingSettings
from include.tasks import TASKS
from include.training.search.folds import FoldScorer
from include.training.search.run import search_data
from include.training.splits import SplitData, TrainingData
from include.warehouse.names import TableName

REPETITIONS: Final = 3
CUTOFFS: Final = 5
ROWS: Final = 2_000
FAMILY: Final = "gradient_boosting"
FEATURES: Final = tuple(f"feature_{number}" for number in range(20))
GRID: Final = {
    "learning_rate": [0.02, 0.06, 0.2],
    "max_leaf_nodes": [4, 11, 32],
    "min_samples_leaf": [10, 45, 200],
    "l2_regularization": [0.1, 1.0, 10.0],
}
TRIALS: Final = 30
LIMIT: Final = 0.001


def measure(options: Options, tell: Tell) -> list[Figure]:
    """Seconds and scores of both."""
    data, settings = make_data(), make_settings()
    scorer = FoldScorer(data, FAMILY, TASKS["binary"], 28, settings)
    best: dict[str, dict[str, Any]] = {}
    contestants = {
        "ours": stopwatch(lambda: best.update(ours=search_ours(data, settings))),
        "GridSearchCV": stopwatch(lambda: best.update(peer=search_grid(scorer, settings))),
    }
    found = interleave(contestants, options.repetitions or REPETITIONS, tell)
    scores = {side: score(scorer, settings, parameters) for side, parameters in best.items()}
    tell(f"  scores: {scores}, parameters: {best}")
    if scores["ours"] < scores["peer"] - LIMIT:
        raise BenchmarkError(f"The search has found {scores['ours']:.4f}, the grid {scores['peer']:.4f}.")
    return [
        compare("search for parameters", found["ours"], found["GridSearchCV"], "s"),
        compare("score of what was found", [scores["ours"]], [scores["peer"]], "AUC", "ours / peer"),
    ]


def make_settings() -> TrainingSettings:
    """The shipped settings, with a search over the ends of the grid."""
    values = read_shared(CONFIG_DIR / "training.yml").find_values("binary", "development")
    spaces = {name: {"low": points[0], "high": points[-1], "log": True} for name, points in GRID.items()}
    search = {"method": "optuna", "trials": TRIALS, "spaces": {FAMILY: spaces}}
    changed = {**values, "search": search, "threads_per_fit": 1}
    return check_section(changed, TrainingSettings, "development", "training.yml")


def make_data() -> TrainingData:
    """Cutoffs four weeks apart, 2,000 rows each; five of the features decide with each other and with noise."""
    import numpy as np

    random = np.random.default_rng(11)
    n = ROWS * CUTOFFS
    numeric = random.normal(size=(n, len(FEATURES))).astype(np.float32)
    value = numeric[:, 0] * numeric[:, 1] + np.abs(numeric[:, 2]) + numeric[:, 3] - 0.5 * numeric[:, 4] ** 2
    labels = (value + 1.5 * random.normal(size=n) > 1.5).astype(np.int64)
    numeric[random.random(numeric.shape) < 0.05] = np.nan
    days = np.repeat([date(2026, 1, 1) + timedelta(days=28 * number) for number in range(CUTOFFS)], ROWS)
    split = SplitData(FeatureMatrix(numeric, np.empty((n, 0), dtype=object), FEATURES, ()), labels, days)
    features = tuple(Feature(name, "numeric", "measured") for name in FEATURES)
    return TrainingData(features, (), split, split, split)


def make_spec(data: TrainingData) -> ModelSpec:
    """A model over the features."""
    entity = Entity("item", (Key("item_id", "integer"),))
    tables = TableName("features", "measured"), TableName("online", "measured")
    group = FeatureGroup("measured", "", "owner", 1, entity, "as_of_date", *tables, 1, data.features, {})
    label = LabelTable(
        "labels", "", "owner", entity, "as_of_date", TableName("features", "labels"), 28, {"is_positive": "binary"}
    )
    return ModelSpec("benchmark", "binary", entity, label, "is_positive", (group,), data.features)


def search_ours(data: TrainingData, settings: TrainingSettings) -> dict[str, Any]:
    """The best parameters of this project's search, whose trials are kept in memory."""
    return dict(search_data(data, FAMILY, make_spec(data), settings, "benchmark", None).parameters)


def search_grid(scorer: FoldScorer, settings: TrainingSettings) -> dict[str, Any]:
    """The best parameters of scikit-learn's grid, over the rows of the same folds."""
    import numpy as np
    from sklearn.model_selection import GridSearchCV

    from include.training.families import build_estimator

    inputs, labels, folds, start = [], [], [], 0
    for fold in scorer.folds:
        middle, end = start + len(fold.labels), start + len(fold.labels) + len(fold.held_out_labels)
        inputs += [fold.inputs, fold.held_out_inputs]
        labels += [fold.labels, fold.held_out_labels]
        folds.append((np.arange(start, middle), np.arange(middle, end)))
        start = end
    estimator = build_estimator(FAMILY, TASKS["binary"], settings)
    grid = GridSearchCV(estimator, GRID, cv=folds, scoring="roc_auc", n_jobs=2, refit=False)
    best: dict[str, Any] = grid.fit(np.concatenate(inputs), np.concatenate(labels)).best_params_
    return best


def score(scorer: FoldScorer, settings: TrainingSettings, parameters: dict[str, Any]) -> float:
    """The mean over the folds, fitted anew."""
    usual = settings.parameters.gradient_boosting.model_copy(update=parameters)
    changed: Callable[..., Any] = settings.parameters.model_copy
    chosen = settings.model_copy(update={"parameters": changed(update={FAMILY: usual})})
    return statistics.mean(scorer.score(fold, chosen) for fold in scorer.folds)
