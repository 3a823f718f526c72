"""One monitoring run of a champion: outcomes, performance, drift, decision, all written down by as-of date."""

from __future__ import annotations

import tempfile
from datetime import UTC, date, datetime, time
from pathlib import Path
from typing import Any

from include.errors import SettingsError
from include.features.read import AS_OF
from include.features.spec import ModelSpec
from include.monitoring.decision import Baseline, RetrainingDecision, decide_retraining
from include.monitoring.drift import DriftReport
from include.monitoring.measure_drift import measure_drift
from include.monitoring.outcomes import record_outcomes
from include.monitoring.performance import Performance, measure_performance, read_cohorts
from include.monitoring.records import (
    MonitoringRun,
    read_last_request,
    write_decision,
    write_drift,
    write_performance,
)
from include.registry.contract import ModelContract
from include.registry.files import fetch_onnx
from include.registry.ledger import RegisteredVersion, require_version
from include.registry.onnx import OnnxModel
from include.rollout.state import read_rollout
from include.settings.models import ModelSettings
from include.settings.monitoring import MonitoringSettings
from include.tasks import TASKS
from include.warehouse.fence import check_fence, take_fence
from include.warehouse.names import TableName
from include.warehouse.session import Session, open_session


def monitor_champion(
    uri: str,
    tracking_uri: str,
    model: ModelSettings,
    spec: ModelSpec,
    run_key: str = "",
    now: datetime | None = None,
) -> dict[str, Any]:
    """Join the outcomes that are known, measure the champion on them, measure drift, decide.

    Rows are keyed by model and by the newest as-of date that the model has scored, and replaced when the run
    is repeated. The cool-down is counted in as-of days, so that a replay of old days decides as those days did.

    Args:
        spec: says where the labels are; everything else is the champion's own contract.
        run_key: names the run; a repeat of the run that requested a retraining requests it again,
            while another run on the same day finds itself in the cool-down.
        now: when the run is made; the clock's time when absent.

    Returns:
        ``action`` ('keep' or 'retrain') and ``reasons``; with a champion and scores also
        ``model_version``, ``as_of_date`` (ISO), ``failed_checks`` (reasons by name), ``new_outcomes``, ``metric``,
        ``score`` (or None), ``drifted_share`` and ``drifted_features``.

    Raises:
        RegistryError: the registry is away.
        SettingsError: the champion was trained for another entity, task or label than the model declares now.
        SourceError: a feature that the champion needs, or the label table, is gone.
        StaleWriterError: another worker started the same work later; only outcomes were written.
    """
    at = now or datetime.now(UTC)
    fence = f"monitoring.{model.name}"
    with open_session(uri) as session:
        rollout = read_rollout(session, model.name)
        as_of_date = find_newest_scored(session, spec.predictions_table)
        champion = require_version(session, model.name, rollout.champion_version) if rollout else None
    if rollout is None or champion is None:
        return _keep(f"model {model.name!r} has no champion yet")
    if as_of_date is None:
        return _keep(f"model {model.name!r} has scored nothing yet")
    run = MonitoringRun(model.name, champion.version, as_of_date, at, run_key)
    contract = load_contract(tracking_uri, champion)
    check_declaration(contract, spec, run)
    with open_session(uri) as session:
        token = take_fence(session, fence)
        new_outcomes = record_outcomes(session, spec, at)
    baseline = read_baseline(contract, champion)
    drift = measure_drift(uri, run, contract, model.monitoring.drift)
    cohorts = read_cohorts(uri, contract, run.model_version, model.monitoring.performance.window_days)
    performance = measure_performance(cohorts, contract) if cohorts else None
    with open_session(uri) as session:
        check_fence(session, fence, token)
        decision = _decide(session, run, performance, baseline, drift, model.monitoring)
        write_performance(session, run, performance, baseline)
        write_drift(session, run, drift)
        write_decision(session, run, decision)
    return {
        "action": decision.action,
        "reasons": list(decision.reasons),
        "model_version": run.model_version,
        "as_of_date": as_of_date.isoformat(),
        "failed_checks": {check.name: check.reason for check in decision.checks if not check.is_passed},
        "new_outcomes": new_outcomes,
        "metric": TASKS[contract.task].score_name,
        "score": performance.score if performance else None,
        "drifted_share": drift.drifted_share,
        "drifted_features": list(drift.drifted_features),
    }


def find_newest_scored(session: Session, table: TableName) -> date | None:
    """The newest as-of date with scores of any version; None without any."""
    if session.fetch_value("select to_regclass(%s)", (table.quoted,)) is None:
        return None
    newest: date | None = session.fetch_value(f"select max({AS_OF}) from {table.quoted}")
    return newest


def load_contract(tracking_uri: str, version: RegisteredVersion) -> ModelContract:
    """What a version says of itself, out of its verified file."""
    with tempfile.TemporaryDirectory() as folder:
        return OnnxModel(fetch_onnx(tracking_uri, version, Path(folder))).contract


def check_declaration(contract: ModelContract, spec: ModelSpec, run: MonitoringRun) -> None:
    """Refuse to judge a champion by a label that it was not trained for.

    Raises:
        SettingsError: says what differs.
    """
    # The contract's label is for people: with or without its table.
    trained = (contract.entity, contract.task, contract.label.rpartition(".")[2])
    declared = (spec.entity, spec.task, spec.label_column)
    for name, before, now in zip(("entity", "task", "label"), trained, declared, strict=True):
        if before != now:
            raise SettingsError(
                f"Version {run.model_version} of {run.model_name!r} was trained for another {name} than "
                f"include/config/models/{run.model_name}.yml declares: {before}, declared is {now}. Nothing was "
                "measured. Train and promote a version of the new declaration."
            )


def read_baseline(contract: ModelContract, version: RegisteredVersion) -> Baseline | None:
    """The score that was measured of a version before it was registered; None where it was another score."""
    measured = version.result
    if measured["score_name"] != TASKS[contract.task].score_name:
        return None
    return Baseline(measured["score"], measured["score_low"], measured["score_high"])


def _decide(
    session: Session,
    run: MonitoringRun,
    performance: Performance | None,
    baseline: Baseline | None,
    drift: DriftReport,
    settings: MonitoringSettings,
) -> RetrainingDecision:
    last = read_last_request(session, run)
    last_at = None if last is None else _start_of(last)
    return decide_retraining(performance, baseline, drift, last_at, _start_of(run.as_of_date), settings)


def _start_of(day: date) -> datetime:
    return datetime.combine(day, time(), tzinfo=UTC)


def _keep(reason: str) -> dict[str, Any]:
    return {"action": "keep", "reasons": [reason]}
