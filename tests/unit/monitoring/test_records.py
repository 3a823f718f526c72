"""Decisions of monitoring are kept by day and version, on a real warehouse."""

from __future__ import annotations

import math
from datetime import UTC, date, datetime

from include.monitoring.decision import Action, RetrainingDecision
from include.monitoring.records import MonitoringRun, read_last_request, write_decision
from include.rollout.check import Check
from include.warehouse.session import open_session

DAY = date(2026, 3, 9)


def decide(uri: str, version: int, action: Action, run_key: str = "run") -> date | None:
    """Write what a run decides; the newest request as another run sees it."""
    run = MonitoringRun("machines", version, DAY, datetime(2026, 3, 10, tzinfo=UTC), run_key)
    with open_session(uri) as session:
        write_decision(session, run, RetrainingDecision(action, (f"{action} {version}",), ()))
        return read_last_request(session, MonitoringRun("machines", version, DAY, run.at, "another run"))


def test_a_new_champion_is_judged_on_a_day_on_which_the_one_before_asked_for_a_retraining(warehouse_uri: str) -> None:
    assert decide(warehouse_uri, 1, "keep") is None
    assert decide(warehouse_uri, 1, "retrain") == DAY
    assert decide(warehouse_uri, 2, "keep") == DAY, "the cool-down is the model's, whichever version has asked"
    assert decide(warehouse_uri, 1, "keep", "a later run") == DAY, "a request that was made stands"
    with open_session(warehouse_uri) as session:
        rows = session.fetch_all(
            "select model_version, action, reasons from monitoring.decisions where model_name = 'machines' "
            "order by model_version"
        )
    assert [tuple(row.values()) for row in rows] == [(1, "retrain", ["retrain 1"]), (2, "keep", ["keep 2"])]


def test_a_decision_with_an_infinite_figure_is_kept(warehouse_uri: str) -> None:
    check = Check("score_drift", False, math.inf, 0.2, "PSI of the scores inf, threshold 0.2")
    run = MonitoringRun("machines", 1, DAY, datetime(2026, 3, 10, tzinfo=UTC), "run")
    with open_session(warehouse_uri) as session:
        write_decision(session, run, RetrainingDecision("retrain", (check.reason,), (check,)))
        (kept,) = session.fetch_value("select checks from monitoring.decisions where model_name = 'machines'")
    assert (kept["observed"], kept["threshold"], kept["reason"]) == (None, 0.2, check.reason)
