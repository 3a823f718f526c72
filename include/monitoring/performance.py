"""How well the champion's predictions came true, on the cohorts whose outcomes are known."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from math import isfinite
from typing import TYPE_CHECKING, Any, Final

from include.features.read import AS_OF
from include.monitoring.held_out import read_held_out
from include.registry.contract import ModelContract
from include.tasks import TASKS
from include.tasks.bootstrap import estimate_standard_error
from include.warehouse.names import name_table, quote_column
from include.warehouse.session import open_session

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from include.tasks.task import Floats, Labels

REPETITIONS: Final = 200
"""Samples behind a standard error; enough for its first two digits (Efron & Tibshirani, 1993)."""


@dataclass(frozen=True)
class Cohorts:
    """Predictions with known outcomes of one model version; arrays of one length, row by row.

    Attributes:
        entities: a number for each entity, the same in all cohorts.
        labels, predictions: in the task's form.
    """

    first_as_of_date: date
    last_as_of_date: date
    entities: npt.NDArray[np.int64]
    labels: Labels
    predictions: Floats


@dataclass(frozen=True)
class Performance:
    """Metrics over cohorts; None where the data leave a metric undefined.

    Attributes:
        predictions: rows.
        entities: distinct ones among the rows.
        metric: the name of the score.
        score: higher is better, at most 1.
        metrics: all metrics of the task.
    """

    first_as_of_date: date
    last_as_of_date: date
    predictions: int
    entities: int
    metric: str
    score: float | None
    score_standard_error: float | None
    metrics: dict[str, float | None]


def read_cohorts(uri: str, contract: ModelContract, model_version: int, window_days: int) -> Cohorts | None:
    """The predictions of the newest ``window_days`` as-of days with outcomes; None when there are none.

    Rows that the version has learned from do not count (:func:`include.monitoring.held_out.read_held_out`).

    The tables of predictions and outcomes have to be there.
    """
    newest = _find_newest_cohort(uri, contract, model_version)
    if newest is None:
        return None
    keys = ", ".join(f"predictions.{quote_column(key)}" for key in contract.entity.key_names)
    table = read_held_out(
        uri,
        contract,
        f"predictions.{AS_OF}, dense_rank() over (order by {keys}) as entity, predictions.prediction, "
        "predictions.scores, outcomes.outcome",
        f"from {_join_outcomes(contract)} "
        f"where predictions.model_version = {model_version} and predictions.{AS_OF} <= date '{newest}' "
        f"and predictions.{AS_OF} > date '{newest}' - {window_days}",
    )
    return _to_cohorts(table, contract)


def _find_newest_cohort(uri: str, contract: ModelContract, model_version: int) -> date | None:
    with open_session(uri) as session:
        newest: date | None = session.fetch_value(
            f"select predictions.{AS_OF} from {_join_outcomes(contract)} where predictions.model_version = %s "
            f"order by predictions.{AS_OF} desc limit 1",
            (model_version,),
        )
    return newest


def _join_outcomes(contract: ModelContract) -> str:
    columns = ", ".join(map(quote_column, (AS_OF, *contract.entity.key_names)))
    predictions, outcomes = (name_table(contract.model, kind) for kind in ("predictions", "outcomes"))
    return f"{predictions.quoted} as predictions inner join {outcomes.quoted} as outcomes using ({columns})"


def _to_cohorts(table: Any, contract: ModelContract) -> Cohorts | None:
    """Rows as arrays, without those whose outcome the version has never seen."""
    import numpy as np
    import pyarrow.compute as pc

    labels = TASKS[contract.task].parse_outcomes(table.column("outcome").to_pylist(), contract.decision)
    # Positions of classes are integers; a number to forecast may well be negative.
    is_known = labels >= 0 if labels.dtype.kind == "i" else np.isfinite(labels)
    if not is_known.any():
        return None
    dates = table.column(AS_OF).filter(is_known)
    return Cohorts(
        first_as_of_date=pc.min(dates).as_py(),
        last_as_of_date=pc.max(dates).as_py(),
        entities=table.column("entity").to_numpy()[is_known],
        labels=labels[is_known],
        predictions=_to_predictions(table)[is_known],
    )


def _to_predictions(table: Any) -> Floats:
    """The predictions as the task takes them: one number of each row, or the probability of each class."""
    import numpy as np

    scores, numbers = table.column("scores"), table.column("prediction").to_numpy()
    if scores.null_count:
        return np.asarray(numbers, dtype=np.float64)
    probabilities: Floats = scores.combine_chunks().flatten().to_numpy(zero_copy_only=False)
    return probabilities.reshape(len(numbers), -1)


def measure_performance(cohorts: Cohorts, contract: ModelContract) -> Performance:
    """All metrics of one set of cohorts (at least one row).

    The standard error is that of resampled entities, because one entity stands in many cohorts.
    """
    import numpy as np

    task = TASKS[contract.task]
    measured = task.measure(cohorts.labels, cohorts.predictions, contract.decision)
    metrics = {name: value if isfinite(value) else None for name, value in measured.items()}
    score = metrics.pop("score")
    error = None
    if score is not None:
        error = estimate_standard_error(
            task, cohorts.labels, cohorts.predictions, cohorts.entities, REPETITIONS, seed=0
        )
    return Performance(
        first_as_of_date=cohorts.first_as_of_date,
        last_as_of_date=cohorts.last_as_of_date,
        predictions=len(cohorts.labels),
        entities=int(np.unique(cohorts.entities).size),
        metric=task.score_name,
        score=score,
        score_standard_error=error,
        metrics=metrics,
    )
