"""Batch scores of all entities, with and without reasons, and ``predict_proba`` on the same rows.

Measured: entities per second and the greatest memory of the process that scores, at 1, 10 and 100 times ``--entities``
(20,000): ten features of each entity are read from PostgreSQL, answered by a logistic regression, published in one
transaction; once at each size, each in a process of its own, as the task runs. With reasons (three, by four background
rows): at the first size, for a logistic regression and for 150 boosted trees. Last, 200,000 rows in memory by the ONNX
form, against the peer: ``predict_proba`` of the fitted scikit-learn pipeline itself. ``ratio`` (ours / peer) is how
many times its rows per second ours answers.

Fair because: both are the same fitted model with this project's parameters, on one thread, warm, in one process and in
turn, from the same float32 array; and answers that differ by more than 1e-4 stop the benchmark.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, date, datetime
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from threadpoolctl import threadpool_limits

from benchmarks.apart import run_apart
from benchmarks.catalog import BenchmarkError, Options
from benchmarks.figure import Figure, compare, state
from benchmarks.serving_sides import FEATURES, make_contract
from benchmarks.surroundings import temporary_folder
from benchmarks.timing import Measure, Tell, interleave
from include.features.matrix import FeatureMatrix
from include.registry.onnx import OnnxModel
from include.servers.postgres import temporary_postgres
from include.settings import CONFIG_DIR
from include.settings.models import read_shared
from include.settings.section import check_section
from include.settings.training import TrainingSettings
from include.tasks import TASKS
from include.training.families import build_family
from include.warehouse.migrate import migrate_warehouse
from include.warehouse.session import open_session

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

REPETITIONS: Final = 5
TIMES: Final = (1, 10, 100)
DAY: Final = date(2026, 2, 1)
FAMILIES: Final = ("logistic_regression", "gradient_boosting")
TRAINING_ROWS: Final = 4_000
MEMORY_ROWS: Final = 200_000
LIMIT: Final = 1e-4


def measure(options: Options, tell: Tell) -> list[Figure]:
    """Speed and memory of batch scoring, and of both sides in memory."""
    models = {family: make_model(family) for family in FAMILIES}
    with temporary_folder() as folder, temporary_postgres(folder) as server:
        figures = []
        for times in TIMES:
            entities = options.entities * times
            uri = server.create_database(f"warehouse_{times}")
            fill_warehouse(uri, entities)
            runs = [("", FAMILIES[0], 0)]
            if times == 1:
                runs += [(f", with reasons, {family}", family, 3) for family in FAMILIES]
            for title, family, reasons in runs:
                seconds, memory = run_apart(score, uri, models[family][1], reasons)
                name = f"{entities:,} entities{title}"
                tell(f"  {name}: {entities / seconds:,.0f}/s, {memory:,.0f} MB")
                figures += [
                    state(name, [entities / seconds], "entities/s"), state(f"{name}, memory", [memory], "MB")
                ]  # fmt: skip
    for family, (model, onnx) in models.items():
        figures.append(measure_memory_rows(family, model, onnx, options.repetitions or REPETITIONS, tell))
    return figures


def make_model(family: str) -> tuple[Any, bytes]:
    """A fitted pipeline of a binary label, and its ONNX form with its background."""
    from include.explanations.background import choose_background
    from include.registry.background import attach_background
    from include.registry.onnx import export_onnx

    values = read_shared(CONFIG_DIR / "training.yml").find_values("binary", "development")
    settings = check_section(values, TrainingSettings, "development", "training.yml")
    matrix = make_rows(TRAINING_ROWS, 5)
    labels = matrix.numeric[:, 0] - matrix.numeric[:, 1] + make_rows(TRAINING_ROWS, 6).numeric[:, 0] > 1
    model = build_family(family, matrix, TASKS["binary"], settings).fit(matrix.numeric, labels.astype("int64"))
    onnx = export_onnx(model, make_contract())
    background = choose_background(OnnxModel(onnx).predict, matrix, settings.background_rows, settings.random_seed)
    return model, attach_background(onnx, background)


def make_rows(count: int, seed: int) -> FeatureMatrix:
    """Normal numbers, the same every time."""
    import numpy as np

    numeric = np.random.default_rng(seed).normal(size=(count, len(FEATURES))).astype(np.float32)
    return FeatureMatrix(numeric, np.empty((count, 0), dtype=object), FEATURES, ())


def fill_warehouse(uri: str, entities: int) -> None:
    """The features of one day, made in PostgreSQL, with the key that their contract would give them."""
    migrate_warehouse(uri)
    columns = ", ".join(f"{name} double precision" for name in FEATURES)
    values = ", ".join(f"2 * sin(n * {place + 2}::double precision)" for place in range(len(FEATURES)))
    with open_session(uri) as session:
        session.execute(
            f"create table features.measured (as_of_date date, item_id bigint, {columns}, "
            "primary key (as_of_date, item_id))"
        )
        session.execute(
            f"insert into features.measured select %s, n, {values} from generate_series(1, %s) as n", (DAY, entities)
        )
    with open_session(uri) as session:
        session.execute("analyze features.measured")


def score(uri: str, onnx: bytes, reasons: int) -> float:
    """Score all entities as the task does; the seconds.

    Raises:
        BenchmarkError: not every entity has a score.
    """
    from include.scoring.entities import find_unscored_dates, publish_scores
    from include.scoring.scorer import Scorer
    from include.settings.scoring import ScoringSettings
    from include.warehouse.fence import take_fence

    began_at = time.perf_counter()
    model = OnnxModel(onnx)
    with open_session(uri) as session:
        token = take_fence(session, "scores")
        dates = find_unscored_dates(session, model.contract, 1)
    scorer = Scorer(model, 1, datetime.now(UTC), ScoringSettings(reasons=reasons))
    scored = publish_scores(uri, model.contract, 1, dates, scorer.score_dates(uri, dates), ("scores", token))
    seconds = time.perf_counter() - began_at
    with open_session(uri) as session:
        there = session.fetch_value("select count(*) from features.measured")
    if scored != there:
        raise BenchmarkError(f"{scored:,} of {there:,} entities were scored.")
    return seconds


def measure_memory_rows(family: str, model: Any, onnx: bytes, repetitions: int, tell: Tell) -> Figure:
    """Rows per second of both sides, in turn.

    Raises:
        BenchmarkError: they answer otherwise.
    """
    import numpy as np

    matrix, served = make_rows(MEMORY_ROWS, 7), OnnxModel(onnx)
    difference = float(np.abs(served.predict(matrix) - ask_pipeline(model, matrix.numeric)).max())
    if difference > LIMIT:
        raise BenchmarkError(f"{family}: the ONNX form answers otherwise, by {difference:.2g}.")
    sides: dict[str, Measure] = {
        "ONNX Runtime": partial(count_per_second, partial(served.predict, matrix)),
        "scikit-learn": partial(count_per_second, partial(ask_pipeline, model, matrix.numeric)),
    }
    with threadpool_limits(1):
        found = interleave(sides, repetitions, tell)
    title = f"{MEMORY_ROWS:,} rows in memory, {family}"
    return compare(title, found["ONNX Runtime"], found["scikit-learn"], "rows/s", "ours / peer")


def ask_pipeline(model: Any, numeric: npt.NDArray[np.float32]) -> Any:
    """The probabilities of yes, by scikit-learn."""
    return model.predict_proba(numeric)[:, 1]


def count_per_second(answer: Callable[[], Any]) -> float:
    """Rows of a second."""
    began_at = time.perf_counter()
    answer()
    return MEMORY_ROWS / (time.perf_counter() - began_at)
