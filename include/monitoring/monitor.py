"""One look at the champion: outcomes, performance, drift, decision, all written down by as-of date."""

from __future__ import annotations

from datetime import UTC, date, datetime, time
from typing import Any

from include.monitoring.decision import Baseline, RetrainingDecision, decide_retraining
from include.monitoring.drift import ColumnDrift, DriftReport, compare_columns
from include.monitoring.outcomes import record_outcomes
from include.monitoring.performance import Performance, measure_performance, read_cohorts
from include.monitoring.profiles import profile_column
from include.monitoring.records import Look, read_last_request, write_decision, write_drift, write_performance
from include.monitoring.reference import load_reference
from include.registry.registry import read_version
from include.rollout.state import read_rollout
from include.scoring.customers import read_customers
from include.settings.monitoring import DriftSettings, MonitoringSettings
from include.warehouse.fence import check_fence, take_fence
from include.warehouse.session import Session, open_session


def monitor_champion(
    uri: str,
    tracking_uri: str,
    model_name: str,
    settings: MonitoringSettings,
    run_key: str = "",
    now: datetime | None = None,
) -> dict[str, Any]:
    """Join the outcomes that are known, measure the champion on them, measure drift, decide.

    Rows are keyed by model and newest as-of date and replaced when the look is repeated. The
    cool-down is counted in as-of days, so that a replay of old days decides as those days did.

    Args:
        run_key: names the run; a repeat of the run that requested a retraining requests it again,
            while another run on the same day finds itself in the cool-down.
        now: when the look is taken; the clock's time when absent.

    Returns:
        ``action`` ('keep' or 'retrain') and ``reasons``; with a champion and features also
        ``model_version``, ``as_of_date`` (ISO), ``new_outcomes``, ``auc`` (or None),
        ``drifted_share`` and ``drifted_features``.

    Raises:
        RegistryError: the registry is away.
        SourceError: a feature that the champion needs is gone.
        StaleWriterError: another worker started the same work later; only outcomes were written.
    """
    at = now or datetime.now(UTC)
    fence = f"monitoring.{model_name}"
    with open_session(uri) as session:
        rollout = read_rollout(session, model_name)
        as_of_date = session.fetch_value("select max(as_of_date) from features.customer_features")
        if rollout is None:
            return _keep(f"model {model_name!r} has no champion yet")
        if as_of_date is None:
            return _keep("features.customer_features holds no customers")
        token = take_fence(session, fence)
        new_outcomes = record_outcomes(session, at)
    look = Look(model_name, rollout.champion_version, as_of_date, at, run_key)
    baseline = read_baseline(tracking_uri, model_name, look.model_version)
    drift = measure_drift(uri, look, settings.drift)
    with open_session(uri) as session:
        check_fence(session, fence, token)
        cohorts = read_cohorts(session, model_name, look.model_version, settings.performance.window_days)
        performance = measure_performance(cohorts) if cohorts else None
        decision = _decide(session, look, performance, baseline, drift, settings)
        write_performance(session, look, performance, baseline)
        write_drift(session, look, drift)
        write_decision(session, look, decision)
    return {
        "action": decision.action,
        "reasons": list(decision.reasons),
        "model_version": look.model_version,
        "as_of_date": as_of_date.isoformat(),
        "new_outcomes": new_outcomes,
        "auc": performance.auc if performance else None,
        "drifted_share": drift.drifted_share,
        "drifted_features": list(drift.drifted_features),
    }


def read_baseline(tracking_uri: str, model_name: str, model_version: int) -> Baseline | None:
    """The test metrics that a version was registered with; None when its tags lack them."""
    version = read_version(tracking_uri, model_name, str(model_version))
    tags = version.tags if version else {}
    try:
        return Baseline(float(tags["auc"]), float(tags["auc_low"]), float(tags["auc_high"]))
    except KeyError:
        return None


def measure_drift(uri: str, look: Look, settings: DriftSettings) -> DriftReport:
    """Compare the customers of the look's day with those of the training, and their scores with the first.

    Raises:
        SourceError: a feature that the champion needs is gone.
    """
    profiles = load_reference(uri, look.model_name, look.model_version, look.at)
    names = [name for name in profiles if name not in settings.ignored_features]
    customers = read_customers(uri, [look.as_of_date], names)
    columns = {name: customers.features[:, index] for index, name in enumerate(names)}
    references = {name: profiles[name] for name in names}
    return DriftReport(
        reference_rows=min((int(profile.counts.sum()) for profile in references.values()), default=0),
        current_rows=len(customers.household_ids),
        features=compare_columns(references, columns, settings),
        scores=measure_score_drift(uri, look, settings),
    )


def measure_score_drift(uri: str, look: Look, settings: DriftSettings) -> ColumnDrift | None:
    """Compare the scores of the look's day with those of the version's first days; None without scores.

    Scores of training rows are no reference: a model is surer of rows that it has learned from.
    """
    import numpy as np

    key = (look.model_name, look.model_version)
    with open_session(uri) as session:
        first = session.fetch_value(
            "select array_agg(probability) from ml.predictions where model_name = %s and model_version = %s "
            "and as_of_date < %s::integer + (select min(as_of_date) from ml.predictions "
            "where model_name = %s and model_version = %s)",
            (*key, settings.score_reference_days, *key),
        )
        current = session.fetch_value(
            "select array_agg(probability) from ml.predictions "
            "where model_name = %s and model_version = %s and as_of_date = %s",
            (*key, look.as_of_date),
        )
    if not first or not current:
        return None
    reference = {"score": profile_column(np.array(first, np.float64))}
    return compare_columns(reference, {"score": np.array(current, np.float64)}, settings)[0]


def _decide(
    session: Session,
    look: Look,
    performance: Performance | None,
    baseline: Baseline | None,
    drift: DriftReport,
    settings: MonitoringSettings,
) -> RetrainingDecision:
    last = read_last_request(session, look)
    last_at = None if last is None else _start_of(last)
    return decide_retraining(performance, baseline, drift, last_at, _start_of(look.as_of_date), settings)


def _start_of(day: date) -> datetime:
    return datetime.combine(day, time(), tzinfo=UTC)


def _keep(reason: str) -> dict[str, Any]:
    return {"action": "keep", "reasons": [reason]}
