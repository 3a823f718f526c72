"""Scores every customer with the champion, one partition of ``ml.predictions`` per as-of date."""

from __future__ import annotations

import tempfile
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from include.errors import ServingError
from include.registry.onnx import OnnxModel
from include.registry.registry import fetch_onnx
from include.rollout.state import read_rollout
from include.scoring.customers import Customers, read_customers
from include.warehouse.fence import check_fence, take_fence
from include.warehouse.session import Session, open_session

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt


def score_customers(uri: str, tracking_uri: str, model_name: str, now: datetime | None = None) -> dict[str, Any]:
    """Score the newest as-of date, and every earlier one since the champion's test that has no scores yet.

    The days in between are filled in so that outcomes become known day by day. All partitions are
    replaced in one transaction, under a fence: of two workers at once, the later one publishes.

    Args:
        now: when the scores are made; the clock's time when absent.

    Returns:
        ``scored`` (rows), and with any rows ``model_version``, ``partitions``, ``first_as_of_date``
        and ``last_as_of_date`` (ISO), else ``reason``.

    Raises:
        RegistryError: the registry is away or does not hold the champion.
        SourceError: a feature that the champion needs is gone.
        ServingError: the champion's answers are no probabilities; nothing was published.
        StaleWriterError: another worker started the same work later; nothing was published.
    """
    with open_session(uri) as session:
        rollout = read_rollout(session, model_name)
        if rollout is None:
            return {"scored": 0, "reason": f"model {model_name!r} has no champion yet"}
        fence = f"predictions.{model_name}"
        token = take_fence(session, fence)
    version = rollout.champion_version
    with tempfile.TemporaryDirectory() as folder:
        model = fetch_onnx(tracking_uri, model_name, version, Path(folder))
        with open_session(uri) as session:
            dates = find_unscored_dates(session, model_name, version, model.test_as_of_date)
        if not dates:
            return {"scored": 0, "reason": "features.customer_features holds no customers"}
        customers = read_customers(uri, dates, model.feature_names)
        probabilities = predict(OnnxModel(model.onnx_path), customers, model_name, version)
    with open_session(uri) as session:
        check_fence(session, fence, token)
        replace_predictions(
            session, model_name, version, customers, probabilities, model.threshold, now or datetime.now(UTC)
        )
    return {
        "scored": len(customers.household_ids),
        "model_version": version,
        "partitions": len(dates),
        "first_as_of_date": dates[0].isoformat(),
        "last_as_of_date": dates[-1].isoformat(),
    }


def find_unscored_dates(session: Session, model_name: str, model_version: int, test_as_of_date: date) -> list[date]:
    """As-of dates after the version's test without its scores, and the newest always; ascending."""
    rows = session.fetch_all(
        """
        with dates as (
            select distinct as_of_date
            from features.customer_features
        )
        select as_of_date
        from dates
        where as_of_date = (select max(as_of_date) from dates)
            or (
                as_of_date > %s
                and not exists (
                    select
                    from ml.predictions as predictions
                    where predictions.as_of_date = dates.as_of_date
                        and predictions.model_name = %s
                        and predictions.model_version = %s
                )
            )
        order by as_of_date
        """,
        (test_as_of_date, model_name, model_version),
    )
    return [row["as_of_date"] for row in rows]


def predict(model: OnnxModel, customers: Customers, model_name: str, model_version: int) -> npt.NDArray[np.float64]:
    """The probability of churn of each customer (float64 [n]), all in one call of the model.

    Raises:
        ServingError: the model gave something that is no probability.
    """
    import numpy as np

    probabilities = np.asarray(model.predict(customers.features), dtype=np.float64)
    wrong = ~((probabilities >= 0) & (probabilities <= 1))
    if wrong.any():
        raise ServingError(
            f"{model_name} version {model_version} gave {probabilities[wrong][0]} and {wrong.sum() - 1} more "
            f"answers of {wrong.size} that are no probabilities; nothing was published. Roll it back."
        )
    return probabilities


def replace_predictions(
    session: Session,
    model_name: str,
    model_version: int,
    customers: Customers,
    probabilities: npt.NDArray[np.float64],
    threshold: float,
    scored_at: datetime,
) -> None:
    """Replace a version's partitions of ``ml.predictions``, one for each as-of date of ``customers``."""
    session.execute(
        "delete from ml.predictions where model_name = %s and model_version = %s and as_of_date = any(%s)",
        (model_name, model_version, sorted(set(customers.as_of_dates))),
    )
    session.execute(
        """
        insert into ml.predictions (
            as_of_date,
            household_id,
            model_name,
            model_version,
            probability,
            is_churn_predicted,
            scored_at
        )
        select
            scores.as_of_date,
            scores.household_id,
            %s,
            %s,
            scores.probability,
            scores.probability >= %s,
            %s
        from unnest(%s::date[], %s::bigint[], %s::double precision[])
            as scores (as_of_date, household_id, probability)
        """,
        (
            model_name,
            model_version,
            threshold,
            scored_at,
            customers.as_of_dates,
            customers.household_ids,
            probabilities.tolist(),
        ),
    )
