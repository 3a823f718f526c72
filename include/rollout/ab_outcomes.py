"""What came of the answers in an A/B test: each entity's first answer, beside its label once that is known."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final, Literal

from include.errors import SettingsError
from include.features.catalog import SQL_TYPES
from include.features.spec import ModelSpec
from include.registry.contract import ModelContract
from include.tasks import TASKS
from include.tasks.bootstrap import estimate_standard_error
from include.warehouse.names import quote_column
from include.warehouse.session import Row, Session

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

Metric = Literal["score", "value"]
Side = Literal["champion", "challenger"]

_REPETITIONS: Final = 200


@dataclass(frozen=True)
class Measured:
    """The metric of one side; None where the rows leave it undefined."""

    entities: int
    value: float | None
    standard_error: float | None


def count_outcomes(session: Session, spec: ModelSpec, versions: Mapping[Side, int], since: datetime) -> dict[Side, int]:
    """Entities of each side whose label is known."""
    rows = session.fetch_all(
        f"{_select_labelled(spec)} select variant, count(*) as entities from labelled group by variant",
        _name_parameters(spec, versions, since),
    )
    found = {row["variant"]: row["entities"] for row in rows}
    return {"champion": found.get("champion", 0), "challenger": found.get("challenger", 0)}


def measure_outcomes(
    session: Session,
    spec: ModelSpec,
    contracts: Mapping[Side, ModelContract],
    versions: Mapping[Side, int],
    since: datetime,
    metric: Metric,
    gains: Mapping[str, float],
) -> dict[Side, Measured]:
    """The metric of each side: the task's score, or the mean gain of an entity.

    Raises:
        SettingsError: the metric is ``value``, and the model names no gains.
    """
    if metric == "value" and not gains:
        raise SettingsError(f"The A/B test of {spec.name} is by value, but gates.value.gains of its file is empty.")
    rows = session.fetch_all(
        f"{_select_labelled(spec)} select variant, prediction, answer, outcome from labelled order by keys",
        _name_parameters(spec, versions, since),
    )
    return {
        side: _measure([row for row in rows if row["variant"] == side], contract, metric, gains)
        for side, contract in contracts.items()
    }


def _measure(rows: list[Row], contract: ModelContract, metric: Metric, gains: Mapping[str, float]) -> Measured:
    import numpy as np

    task, decision = TASKS[contract.task], contract.decision
    if not rows:
        return Measured(0, None, None)
    labels = task.parse_outcomes([row["outcome"] for row in rows], decision)
    is_known = labels >= 0 if labels.dtype.kind == "i" else np.isfinite(labels)
    labels, predictions = labels[is_known], _read_predictions(rows, decision)[is_known]
    if not len(labels):
        return Measured(0, None, None)
    if metric == "value":
        profits = task.measure_profits(labels, predictions, decision, gains)
        error = float(profits.std(ddof=1) / np.sqrt(len(profits))) if len(profits) > 1 else None
        return Measured(len(labels), float(profits.mean()), error)
    score = float(task.measure(labels, predictions, decision)["score"])
    alone: npt.NDArray[np.int64] = np.arange(len(labels))
    error = estimate_standard_error(task, labels, predictions, alone, _REPETITIONS, seed=0)
    return Measured(len(labels), score if np.isfinite(score) else None, error)


def _read_predictions(rows: list[Row], decision: Mapping[str, Any]) -> Any:
    import numpy as np

    if "classes" not in decision:
        return np.array([row["prediction"] for row in rows], dtype=np.float64)
    return np.array(
        [[row["answer"]["probabilities"].get(name, 0.0) for name in decision["classes"]] for row in rows],
        dtype=np.float64,
    )


def _name_parameters(spec: ModelSpec, versions: Mapping[Side, int], since: datetime) -> dict[str, Any]:
    return {"model": spec.name, "since": since, **{str(side): number for side, number in versions.items()}}


def _select_labelled(spec: ModelSpec) -> str:
    """The first answer of each entity that one side alone has answered, with its label.

    What the champion answered in the place of a challenger that had failed does not count, nor what it answered while
    nobody watched the test, when all entities were its own.
    """
    matches = " and ".join(
        f"labels.{quote_column(key.name)} = (firsts.keys ->> '{key.name}')::{SQL_TYPES[key.type]}"
        for key in spec.entity.keys
    ).replace("%", "%%")
    label, time = quote_column(spec.label_column), quote_column(spec.label.event_time)
    return (
        "with log as materialized (select * from serving.inference_log where model_name = %(model)s "
        "and at >= %(since)s and keys is not null and as_of_date is not null "
        "and ((variant = 'champion' and model_version = %(champion)s) "
        "or (variant = 'challenger' and model_version = %(challenger)s)) "
        "and not exists (select from serving.rollout_events as event where event.model_name = %(model)s "
        "and event.event = 'resumed' and event.at >= %(since)s and inference_log.at < event.at "
        "and inference_log.at >= (event.detail ->> 'unwatched_since')::timestamptz)), "
        "answers as (select * from log where not (variant = 'champion' and (request_id, keys) in "
        "(select request_id, keys from log as other where other.variant = 'challenger'))), "
        "sides as (select keys from answers group by keys having min(variant) = max(variant)), "
        "firsts as (select distinct on (answers.keys) answers.* from answers inner join sides "
        "on sides.keys = answers.keys where not answers.is_error order by answers.keys, answers.at, answers.id), "
        f"labelled as (select firsts.*, labels.{label}{TASKS[spec.task].outcome_sql} as outcome from firsts "
        f"inner join {spec.label.table.quoted} as labels on labels.{time} = firsts.as_of_date and {matches} "
        f"where labels.{label} is not null)"
    )
