"""A search against scikit-learn's grid over the same space.

Measured: seconds until the best parameters of gradient boosting are known, over three folds of up to 8,000 rows with
twenty features, in the shipped space of five parameters. Ours: the search by Optuna as the settings ship it, with two
workers and trials in PostgreSQL: 30 trials that are given up when they fall behind, and trees that end when more are
no better. The peer is ``GridSearchCV`` over three values of each parameter, ends included, in two processes. ``ratio``
(peer / ours) is how many times less ours takes. And what a model with each's best parameters, fitted on all training
rows, reaches on 100,000 rows that neither has seen: whoever looks at more points finds a higher score on the folds, if
only by chance.

Fair because: the same rows, folds, estimator and score; three values are the fewest with one between the ends; both
start their processes within the clock; and a score that is worse by more than 0.001 stops the benchmark.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta
from itertools import count
from typing import Any, Final

from benchmarks.catalog import BenchmarkError, Options
from benchmarks.figure import Figure, compare
from benchmarks.surroundings import temporary_folder
from benchmarks.timing import Tell, interleave, stopwatch
from include.features.catalog import Entity, Feature, FeatureGroup, Key, LabelTable
from include.features.matrix import FeatureMatrix
from include.features.spec import ModelSpec
from include.servers.postgres import temporary_postgres
from include.settings import CONFIG_DIR
from include.settings.models import read_shared
from include.settings.section import check_section
from include.settings.training import TrainingSettings
from include.tasks import TASKS
from include.training.compare import measure_score
from include.training.search.folds import FoldScorer
from include.training.search.run import search_data
from include.training.search.spaces import Range, adapt_spaces
from include.training.splits import SplitData, TrainingData
from include.warehouse.names import TableName

REPETITIONS: Final = 3
CUTOFFS: Final = 5
ROWS: Final = 2_000
TEST_ROWS: Final = 100_000
FAMILY: Final = "gradient_boosting"
FEATURES: Final = tuple(f"feature_{number}" for number in range(20))
POINTS: Final = 3
WORKERS: Final = 2
LIMIT: Final = 0.001


def measure(options: Options, tell: Tell) -> list[Figure]:
    """Seconds and scores of both."""
    data, settings = make_data(), make_settings()
    scorer = FoldScorer(data, FAMILY, TASKS["binary"], 28, settings)
    best: dict[str, list[dict[str, Any]]] = {"ours": [], "GridSearchCV": []}
    with temporary_folder() as folder, temporary_postgres(folder) as server:
        uri, studies = server.create_database("warehouse"), count()
        contestants = {
            "ours": stopwatch(lambda: best["ours"].append(search_ours(data, settings, next(studies), uri))),
            "GridSearchCV": stopwatch(lambda: best["GridSearchCV"].append(search_grid(scorer, settings))),
        }
        found = interleave(contestants, options.repetitions or REPETITIONS, tell)
    scores = {side: [score(data, settings, one) for one in parameters] for side, parameters in best.items()}
    ours, peer = (statistics.median(scores[side]) for side in best)
    tell(f"  scores: {scores}, parameters: {best}")
    if ours < peer - LIMIT:
        raise BenchmarkError(f"The search has found {ours:.4f}, the grid {peer:.4f}.")
    return [
        compare("search for parameters", found["ours"], found["GridSearchCV"], "s"),
        compare("score of what was found", scores["ours"], scores["GridSearchCV"], "AUC", "ours / peer"),
    ]


def make_settings() -> TrainingSettings:
    """The shipped settings, with a search by two workers."""
    values = read_shared(CONFIG_DIR / "training.yml").find_values("binary", "development")
    search = {**values["search"], "method": "optuna", "workers": WORKERS}
    return check_section(
        {**values, "search": search, "threads_per_fit": 1}, TrainingSettings, "development", "training.yml"
    )


def make_data() -> TrainingData:
    """Cutoffs four weeks apart, 2,000 rows each, and test rows a month later.

    Five of the features decide with each other and with noise.
    """
    import numpy as np

    random = np.random.default_rng(11)
    n = ROWS * CUTOFFS + TEST_ROWS
    numeric = random.normal(size=(n, len(FEATURES))).astype(np.float32)
    value = numeric[:, 0] * numeric[:, 1] + np.abs(numeric[:, 2]) + numeric[:, 3] - 0.5 * numeric[:, 4] ** 2
    labels = (value + 1.5 * random.normal(size=n) > 1.5).astype(np.int64)
    numeric[random.random(numeric.shape) < 0.05] = np.nan
    cutoffs = [date(2026, 1, 1) + timedelta(days=28 * number) for number in range(CUTOFFS + 1)]
    days = np.repeat(cutoffs, [ROWS] * CUTOFFS + [TEST_ROWS])
    rows = SplitData(FeatureMatrix(numeric, np.empty((n, 0), dtype=object), FEATURES, ()), labels, days)
    train, test = rows.take(days < cutoffs[-1]), rows.take(days == cutoffs[-1])
    features = tuple(Feature(name, "numeric", "measured") for name in FEATURES)
    return TrainingData(features, (), train, train, test)


def make_spec(data: TrainingData) -> ModelSpec:
    """A model over the features."""
    entity = Entity("item", (Key("item_id", "integer"),))
    tables = TableName("features", "measured"), TableName("online", "measured")
    group = FeatureGroup("measured", "", "owner", 1, entity, "as_of_date", *tables, 1, data.features, {})
    label = LabelTable(
        "labels", "", "owner", entity, "as_of_date", TableName("features", "labels"), 28, {"is_positive": "binary"}
    )
    return ModelSpec("benchmark", "binary", entity, label, "is_positive", (group,), data.features)


def search_ours(data: TrainingData, settings: TrainingSettings, number: int, uri: str) -> dict[str, Any]:
    """The best parameters of this project's search, in a study of its own, each with another seed."""
    seeded = settings.model_copy(update={"random_seed": settings.random_seed + number})
    return dict(search_data(data, FAMILY, make_spec(data), seeded, f"study {number}", uri).parameters)


def search_grid(scorer: FoldScorer, settings: TrainingSettings) -> dict[str, Any]:
    """The best parameters of scikit-learn's grid, over the rows of the same folds."""
    import numpy as np
    from sklearn.model_selection import GridSearchCV

    from include.training.families import build_estimator

    space = adapt_spaces(settings.search.spaces[FAMILY], scorer.shape, "binary")
    points = {name: replace(one, points=POINTS).list_values() for name, one in space.items() if isinstance(one, Range)}
    inputs, labels, folds, start = [], [], [], 0
    for fold in scorer.folds:
        middle, end = start + len(fold.labels), start + len(fold.labels) + len(fold.held_out_labels)
        inputs += [fold.inputs, fold.held_out_inputs]
        labels += [fold.labels, fold.held_out_labels]
        folds.append((np.arange(start, middle), np.arange(middle, end)))
        start = end
    estimator = build_estimator(FAMILY, TASKS["binary"], settings)
    grid = GridSearchCV(estimator, points, cv=folds, scoring="roc_auc", n_jobs=WORKERS, refit=False)
    best: dict[str, Any] = grid.fit(np.concatenate(inputs), np.concatenate(labels)).best_params_
    return best


def score(data: TrainingData, settings: TrainingSettings, parameters: dict[str, Any]) -> float:
    """What a model with the parameters, fitted on all training rows, reaches on the test rows."""
    from include.training.families import build_estimator

    usual = settings.parameters.gradient_boosting.model_copy(update=parameters)
    changed: Callable[..., Any] = settings.parameters.model_copy
    chosen = settings.model_copy(update={"parameters": changed(update={FAMILY: usual})})
    model = build_estimator(FAMILY, TASKS["binary"], chosen).fit(data.train.matrix.numeric, data.train.labels)
    return measure_score(TASKS["binary"], data.test.labels, TASKS["binary"].predict(model, data.test.matrix.numeric))
