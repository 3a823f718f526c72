"""How well the champion's predictions came true, on the cohorts whose outcomes are known."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Any

from include.warehouse.session import Session

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Floats = npt.NDArray[np.float64]
    Booleans = npt.NDArray[np.bool_]
    Integers = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Cohorts:
    """Predictions with known outcomes of one model version; arrays of one length, row by row."""

    first_as_of_date: date
    last_as_of_date: date
    customers: Integers
    probabilities: Floats
    is_predicted: Booleans
    is_churned: Booleans


@dataclass(frozen=True)
class Performance:
    """Metrics over cohorts; None where the data leave a metric undefined."""

    first_as_of_date: date
    last_as_of_date: date
    predictions: int
    customers: int
    base_rate: float
    auc: float | None
    auc_standard_error: float | None
    accuracy: float
    precision: float | None
    recall: float | None
    f1: float | None
    brier_score: float
    log_loss: float
    calibration_error: float


def read_cohorts(session: Session, model_name: str, model_version: int, window_days: int) -> Cohorts | None:
    """The predictions of the newest ``window_days`` as-of days with outcomes; None when there are none."""
    import numpy as np

    rows = session.fetch_all(
        """
        with matured as (
            select
                predictions.as_of_date,
                predictions.household_id,
                predictions.probability,
                predictions.is_churn_predicted,
                outcomes.churned
            from ml.predictions as predictions
            inner join ml.outcomes as outcomes using (as_of_date, household_id)
            where predictions.model_name = %s
                and predictions.model_version = %s
        )
        select *
        from matured
        where as_of_date > (select max(as_of_date) from matured) - %s::integer
        order by as_of_date, household_id
        """,
        (model_name, model_version, window_days),
    )
    if not rows:
        return None
    return Cohorts(
        first_as_of_date=rows[0]["as_of_date"],
        last_as_of_date=rows[-1]["as_of_date"],
        customers=np.array([row["household_id"] for row in rows], dtype=np.int64),
        probabilities=np.array([row["probability"] for row in rows], dtype=np.float64),
        is_predicted=np.array([row["is_churn_predicted"] for row in rows], dtype=np.bool_),
        is_churned=np.array([row["churned"] for row in rows], dtype=np.bool_),
    )


def measure_performance(cohorts: Cohorts) -> Performance:
    """All metrics of one set of cohorts (at least one row)."""
    import numpy as np

    predicted, churned = cohorts.is_predicted, cohorts.is_churned
    hits = int((predicted & churned).sum())
    auc, auc_standard_error = measure_auc(churned, cohorts.probabilities, cohorts.customers)
    return Performance(
        first_as_of_date=cohorts.first_as_of_date,
        last_as_of_date=cohorts.last_as_of_date,
        predictions=int(churned.size),
        customers=int(np.unique(cohorts.customers).size),
        base_rate=float(churned.mean()),
        auc=auc,
        auc_standard_error=auc_standard_error,
        accuracy=float((predicted == churned).mean()),
        precision=_divide(hits, int(predicted.sum())),
        recall=_divide(hits, int(churned.sum())),
        f1=_divide(2 * hits, int(predicted.sum()) + int(churned.sum())),
        brier_score=float(np.mean((cohorts.probabilities - churned) ** 2)),
        log_loss=measure_log_loss(churned, cohorts.probabilities),
        calibration_error=measure_calibration_error(churned, cohorts.probabilities),
    )


def measure_auc(is_positive: Booleans, scores: Floats, clusters: Integers) -> tuple[float, float] | tuple[None, None]:
    """Area under the ROC curve and its standard error; None for both unless two clusters have each class.

    The area is the Mann-Whitney statistic, ties count half. The error is Obuchowski's (1997) for
    clustered data, because one customer stands in many cohorts; with one row per cluster it is
    DeLong's (1988).
    """
    import numpy as np

    positives, negatives = np.sort(scores[is_positive]), np.sort(scores[~is_positive])
    clusters = np.unique(clusters, return_inverse=True)[1]
    with_positive, with_negative = np.unique(clusters[is_positive]), np.unique(clusters[~is_positive])
    if min(with_positive.size, with_negative.size) < 2:
        return None, None
    above = _share_below(negatives, scores[is_positive])
    below = 1 - _share_below(positives, scores[~is_positive])
    area = float(above.mean())
    size = int(clusters.max()) + 1
    x = np.bincount(clusters[is_positive], weights=above - area, minlength=size) / positives.size
    y = np.bincount(clusters[~is_positive], weights=below - area, minlength=size) / negatives.size
    variance = (
        _unbias(with_positive.size) * float(x @ x)
        + _unbias(with_negative.size) * float(y @ y)
        + 2 * _unbias(size) * float(x @ y)
    )
    return area, float(np.sqrt(max(variance, 0.0)))


def measure_log_loss(is_positive: Booleans, probabilities: Floats) -> float:
    """Mean negative log-likelihood in nats; probabilities are kept 1e-15 away from 0 and 1."""
    import numpy as np

    clipped = np.clip(probabilities, 1e-15, 1 - 1e-15)
    return float(-np.mean(np.where(is_positive, np.log(clipped), np.log1p(-clipped))))


def measure_calibration_error(is_positive: Booleans, probabilities: Floats, bins: int = 10) -> float:
    """Expected calibration error over bins of equal width (Naeini, Cooper & Hauskrecht, 2015).

    The mean distance between predicted and observed share of positives, weighted by rows per bin.
    """
    import numpy as np

    index = np.minimum((probabilities * bins).astype(np.int64), bins - 1)
    surplus = np.bincount(index, weights=probabilities - is_positive, minlength=bins)
    return float(np.abs(surplus).sum() / probabilities.size)


def _share_below(ordered: Floats, values: Floats) -> Any:
    """Share of ``ordered`` that is less than each value, equals counting half."""
    import numpy as np

    left, right = np.searchsorted(ordered, values, "left"), np.searchsorted(ordered, values, "right")
    return (left + right) / (2 * ordered.size)


def _unbias(size: int) -> float:
    return size / (size - 1)


def _divide(numerator: float, denominator: float) -> float | None:
    return numerator / denominator if denominator else None
