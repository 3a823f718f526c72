"""A shadow test compares pairs of answers, ends once, and tells the same however often it is asked."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from include.errors import RolloutError
from include.rollout.runs import DeploymentRun
from include.rollout.shadow import ShadowFigures, judge_shadow, look_at_shadow, read_figures
from include.rollout.state import (
    bootstrap_champion,
    promote_challenger,
    require_rollout,
    restore_champion,
    roll_back,
    set_weight,
    start_canary,
    start_shadow,
)
from include.settings.rollout import ShadowSettings
from include.warehouse.session import Row, open_session
from tests.unit.rollout.killed_controller import AFTER, kill_controller
from tests.unit.rollout.shared_settings import load_rollout

MODEL = "machine_failure"
RUN = DeploymentRun("scheduled__1", "shadow")
SETTINGS: ShadowSettings = load_rollout("production").shadow.model_copy(
    update={"min_entities": 20, "share": 1.0, "max_wait_s": 300.0, "lease_s": 200.0}
)
GOOD = ShadowFigures(
    entities=400, requests=400, latency_p95_ms=9.0, champion_latency_p95_ms=1.0, difference_mean=0.01,
    difference_p95=0.1, correlation=0.9, rank_correlation=0.9, decided=400, differing=40,
)  # fmt: skip


@pytest.fixture
def shadow_uri(warehouse_uri: str) -> str:
    """Version 1 is the champion."""
    with open_session(warehouse_uri) as session:
        bootstrap_champion(session, MODEL, 1)
    return warehouse_uri


def log_pairs(
    uri: str, count: int, *, said: str = "n * 1.0 / 100", copied: str = "n * 1.0 / 100", errors: int = 0,
    batch: str | None = None, first: int = 1, version: int = 2,
) -> None:  # fmt: skip
    """Pairs about ``count`` entities; both predictions are SQL over the entity's number n; so many copies failed."""
    with open_session(uri) as session:
        for variant, number, sql, failed in (("champion", 1, said, 0), ("shadow", version, copied, errors)):
            session.execute(
                "insert into serving.inference_log (at, request_id, model_name, model_version, variant, keys, "
                "features, prediction, answer, latency_ms, is_error, error, batch_id) "
                "select clock_timestamp(), 'q' || n, %s, %s, %s, jsonb_build_object('machine_id', n), '{}', "
                f"case when n >= {first + failed} then {sql} end, jsonb_build_object('prediction', {sql} > 0.5), "
                "case %s when 'shadow' then 2.0 else 1.0 end, "
                f"n < {first + failed}, case when n < {first + failed} then 'broke' end, %s "
                f"from generate_series({first}, {first + count - 1}) as n",
                (MODEL, number, variant, variant, batch),
            )


def read_events(uri: str) -> list[Row]:
    with open_session(uri) as session:
        return session.fetch_all("select event, detail, challenger_version from serving.rollout_events order by id")


@pytest.mark.parametrize(
    ("figures", "elapsed_s", "verdict", "failed"),
    [
        (replace(GOOD, entities=19), 10.0, None, None),
        (replace(GOOD, entities=19), 300.0, "inconclusive", None),
        (GOOD, 10.0, "proceed", None),
        # Too many failures are shown before there are enough entities; a few prove nothing.
        (replace(GOOD, entities=9, requests=9, failed=9), 1.0, "refuse", "failed"),
        (replace(GOOD, requests=400, failed=2), 10.0, "proceed", None),
        (replace(GOOD, requests=400, failed=40), 10.0, "refuse", "failed"),
        (replace(GOOD, latency_p95_ms=90.0), 10.0, "refuse", "latency_ratio"),
        (replace(GOOD, latency_p95_ms=None), 10.0, "refuse", "latency_ratio"),
        (replace(GOOD, rank_correlation=-0.8), 10.0, "refuse", "rank_correlation"),
        (replace(GOOD, rank_correlation=None), 10.0, "proceed", None),
        (replace(GOOD, differing=390), 10.0, "refuse", "decisions_differ"),
        (replace(GOOD, differing=210), 10.0, "proceed", None),
        (replace(GOOD, decided=0, differing=0), 10.0, "proceed", None),
    ],
)
def test_the_verdict_follows_from_the_figures(
    figures: ShadowFigures, elapsed_s: float, verdict: str | None, failed: str | None
) -> None:
    report = judge_shadow(figures, elapsed_s, SETTINGS)
    assert (None if report is None else report.verdict) == verdict
    if report is not None:
        assert [check.name for check in report.checks if check.has_failed] == ([failed] if failed else [])


def test_pairs_are_compared_by_entity(shadow_uri: str) -> None:
    with open_session(shadow_uri) as session:
        began = session.fetch_value("select clock_timestamp()")
    log_pairs(shadow_uri, 100, copied="n * 1.0 / 100 + 0.1", errors=10)
    # A second question about the same entities is no second observation, and a version before has no part in it.
    log_pairs(shadow_uri, 100, copied="0.0")
    log_pairs(shadow_uri, 50, copied="0.0", first=500, version=7)
    with open_session(shadow_uri) as session:
        figures = read_figures(session, MODEL, 2, began)
    assert (figures.entities, figures.requests, figures.failed) == (100, 200, 10.0)
    assert figures.difference_mean == pytest.approx(0.1)
    assert (figures.difference_p50, figures.difference_p95) == (pytest.approx(0.1), pytest.approx(0.1))
    assert (figures.correlation, figures.rank_correlation) == (pytest.approx(1.0), pytest.approx(1.0))
    assert (figures.latency_p95_ms, figures.champion_latency_p95_ms) == (2.0, 1.0)
    # 0.41 to 0.50 become 0.51 to 0.60; of 1 to 10 the first copy failed.
    assert (figures.decided, figures.differing) == (90, 10)


def test_a_batch_that_fails_is_one_failure(shadow_uri: str) -> None:
    with open_session(shadow_uri) as session:
        began = session.fetch_value("select clock_timestamp()")
    log_pairs(shadow_uri, 500, errors=500, batch="b")
    log_pairs(shadow_uri, 300, first=1000)
    with open_session(shadow_uri) as session:
        figures = read_figures(session, MODEL, 2, began)
    assert (figures.entities, figures.requests, figures.failed) == (800, 301, 1.0)
    report = judge_shadow(figures, 10.0, SETTINGS)
    assert report is not None
    assert report.verdict == "proceed"


def test_a_shadow_test_begins_waits_ends_and_tells_the_same_again(shadow_uri: str) -> None:
    assert look_at_shadow(shadow_uri, MODEL, 2, SETTINGS, RUN) is None
    with open_session(shadow_uri) as session:
        state = require_rollout(session, MODEL)
    assert (state.stage, state.challenger_version, state.challenger_weight) == ("shadow", 2, 0.0)
    assert (state.shadow_share, state.lease_left_s > 0) == (1.0, True)
    log_pairs(shadow_uri, 40)
    report = look_at_shadow(shadow_uri, MODEL, 2, SETTINGS, RUN)
    assert report is not None
    assert (report["verdict"], report["figures"]["entities"]) == ("proceed", 40)
    log_pairs(shadow_uri, 40, first=100, errors=40)
    again = look_at_shadow(shadow_uri, MODEL, 2, SETTINGS, RUN)
    assert again == {**report, "shadow_version": 2, **RUN.describe()}
    assert [row["event"] for row in read_events(shadow_uri)] == ["bootstrapped", "shadow_started", "shadow_ended"]
    with open_session(shadow_uri) as session:
        state = require_rollout(session, MODEL)
    assert (state.stage, state.champion_version, state.shadow_share) == ("idle", 1, 0.0)
    # Cleared by a person, it is done anew.
    assert look_at_shadow(shadow_uri, MODEL, 2, SETTINGS, replace(RUN, attempts_before_clear=1)) is None


def test_a_challenger_in_shadow_is_never_promoted_nor_given_a_share(shadow_uri: str) -> None:
    with open_session(shadow_uri) as session:
        state = start_shadow(session, require_rollout(session, MODEL), 2, 0.5)
        with pytest.raises(RolloutError, match="in shadow"):
            promote_challenger(session, state, 2)
        with pytest.raises(RolloutError, match="no canary whose share"):
            set_weight(session, state, 0.5)
        with pytest.raises(RolloutError, match="has a shadow test of version 2 already"):
            start_canary(session, state, 2, 0.5)


@pytest.mark.parametrize("by", ["rolled_back", "restored"])
def test_a_shadow_test_that_somebody_ended_is_not_begun_again(shadow_uri: str, by: str) -> None:
    assert look_at_shadow(shadow_uri, MODEL, 2, SETTINGS, RUN) is None
    with open_session(shadow_uri) as session:
        state = require_rollout(session, MODEL)
        if by == "rolled_back":
            roll_back(session, state, "by hand")
        else:
            restore_champion(session, state, 1, "by hand")
    for _ in range(2):
        with pytest.raises(RolloutError, match="was ended: by hand"):
            look_at_shadow(shadow_uri, MODEL, 2, SETTINGS, RUN)


def test_of_two_deployments_the_second_finds_the_first(shadow_uri: str) -> None:
    assert look_at_shadow(shadow_uri, MODEL, 2, SETTINGS, RUN) is None
    other = DeploymentRun("scheduled__2", "shadow")
    with pytest.raises(RolloutError, match="has a shadow test of version 2 already"):
        look_at_shadow(shadow_uri, MODEL, 3, SETTINGS, other)
    log_pairs(shadow_uri, 40)
    report = look_at_shadow(shadow_uri, MODEL, 2, SETTINGS, RUN)
    assert report is not None
    assert look_at_shadow(shadow_uri, MODEL, 3, SETTINGS, other) is None


def test_a_test_that_was_not_watched_counts_from_when_it_is_again(shadow_uri: str) -> None:
    short = SETTINGS.model_copy(update={"lease_s": -1.0})
    assert look_at_shadow(shadow_uri, MODEL, 2, short, RUN) is None
    log_pairs(shadow_uri, 40, errors=40)
    assert look_at_shadow(shadow_uri, MODEL, 2, SETTINGS, RUN) is None
    assert [row["event"] for row in read_events(shadow_uri)][-1] == "resumed"
    log_pairs(shadow_uri, 40, first=100)
    report = look_at_shadow(shadow_uri, MODEL, 2, SETTINGS, RUN)
    assert report is not None
    assert report["verdict"] == "proceed"


def kill_at(uri: str, moment: str) -> None:
    """A look that is killed with SIGKILL."""
    code = (
        "from include.rollout.runs import DeploymentRun\n"
        "from include.rollout.shadow import look_at_shadow\n"
        "from include.settings.rollout import ShadowSettings\n"
        f"settings = ShadowSettings.model_validate_json({SETTINGS.model_dump_json()!r})\n"
        "look_at_shadow(uri, 'machine_failure', 2, settings, DeploymentRun('scheduled__1', 'shadow'))\n"
    )
    kill_controller(code, moment, uri)


@pytest.mark.parametrize("event", ["shadow_started", AFTER])
def test_a_controller_that_is_killed_at_its_beginning_goes_on(shadow_uri: str, event: str) -> None:
    kill_at(shadow_uri, event)
    assert look_at_shadow(shadow_uri, MODEL, 2, SETTINGS, RUN) is None
    assert [row["event"] for row in read_events(shadow_uri)] == ["bootstrapped", "shadow_started"]


@pytest.mark.parametrize("event", ["shadow_ended", AFTER])
def test_a_controller_that_is_killed_at_its_end_ends_once(shadow_uri: str, event: str) -> None:
    assert look_at_shadow(shadow_uri, MODEL, 2, SETTINGS, RUN) is None
    log_pairs(shadow_uri, 40)
    kill_at(shadow_uri, event)
    report = look_at_shadow(shadow_uri, MODEL, 2, SETTINGS, RUN)
    assert report is not None
    assert json.loads(json.dumps(report))["verdict"] == "proceed"
    assert [row["event"] for row in read_events(shadow_uri)] == ["bootstrapped", "shadow_started", "shadow_ended"]
