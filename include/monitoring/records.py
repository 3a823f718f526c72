"""What monitoring found, as rows keyed by model and as-of date; a repeated run replaces them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import date, datetime
from typing import Any

from include.monitoring.decision import Baseline, RetrainingDecision
from include.monitoring.drift import DriftReport
from include.monitoring.performance import Performance
from include.warehouse.jsonb import to_jsonb
from include.warehouse.session import Session


@dataclass(frozen=True)
class MonitoringRun:
    """One run for a champion: which version, the features and scores of which day, when, and under which key."""

    model_name: str
    model_version: int
    as_of_date: date
    at: datetime
    run_key: str


def write_performance(
    session: Session, run: MonitoringRun, performance: Performance | None, baseline: Baseline | None
) -> None:
    """Replace the run's row of ``monitoring.performance``; there is none while no outcome is known."""
    _delete_rows(session, "monitoring.performance", run)
    if performance is None:
        return
    measured = asdict(performance)
    row = {
        "first_cohort": measured.pop("first_as_of_date"),
        "last_cohort": measured.pop("last_as_of_date"),
        **measured,
        "metrics": to_jsonb(performance.metrics),
        "baseline_score": None if baseline is None else baseline.score,
    }
    _insert_rows(session, "monitoring.performance", run, [row])


def write_drift(session: Session, run: MonitoringRun, drift: DriftReport) -> None:
    """Replace the run's rows of ``monitoring.drift``: one per feature, one for the scores."""
    _delete_rows(session, "monitoring.drift", run)
    measured = [("feature", column) for column in drift.features]
    if drift.scores is not None:
        measured.append(("score", drift.scores))
    rows = []
    for kind, column in measured:
        values = asdict(column)
        rows.append({"kind": kind, "column_name": values.pop("column"), **values})
    _insert_rows(session, "monitoring.drift", run, rows)


def write_decision(session: Session, run: MonitoringRun, decision: RetrainingDecision) -> None:
    """Replace the decision about the version on the run's day; a request to retrain, once made, stands."""
    session.execute(
        """
        insert into monitoring.decisions as decisions (
            model_name,
            as_of_date,
            model_version,
            action,
            reasons,
            checks,
            run_key,
            decided_at
        )
        values (%s, %s, %s, %s, %s, %s, %s, %s)
        on conflict (model_name, as_of_date, model_version) do update
        set
            action = excluded.action,
            reasons = excluded.reasons,
            checks = excluded.checks,
            run_key = excluded.run_key,
            decided_at = excluded.decided_at
        where decisions.action <> 'retrain'
        """,
        (
            run.model_name,
            run.as_of_date,
            run.model_version,
            decision.action,
            list(decision.reasons),
            to_jsonb([asdict(check) for check in decision.checks]),
            run.run_key,
            run.at,
        ),
    )


def read_last_request(session: Session, run: MonitoringRun) -> date | None:
    """The as-of date of the newest request to retrain up to this run's, without one of its own run.

    A run that died after its request was written and is repeated has to make the same request again;
    any other run on the same day must not.
    """
    day: date | None = session.fetch_value(
        """
        select max(as_of_date)
        from monitoring.decisions
        where model_name = %s
            and action = 'retrain'
            and as_of_date <= %s
            and not (as_of_date = %s and run_key = %s and run_key <> '')
        """,
        (run.model_name, run.as_of_date, run.as_of_date, run.run_key),
    )
    return day


def _delete_rows(session: Session, table: str, run: MonitoringRun) -> None:
    session.execute(
        f"delete from {table} where model_name = %s and model_version = %s and as_of_date = %s",
        (run.model_name, run.model_version, run.as_of_date),
    )


def _insert_rows(session: Session, table: str, run: MonitoringRun, rows: Sequence[dict[str, Any]]) -> None:
    keys = {
        "model_name": run.model_name,
        "model_version": run.model_version,
        "as_of_date": run.as_of_date,
        "computed_at": run.at,
    }
    if not rows:
        return
    columns = [*keys, *rows[0]]
    session.execute_many(
        f"insert into {table} ({', '.join(columns)}) values ({', '.join(['%s'] * len(columns))})",
        [[*keys.values(), *row.values()] for row in rows],
    )
