"""Figures of a variant, from rows of the inference log."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from psycopg.types.json import Jsonb

from include.rollout.stats import VariantStats, read_stats
from include.warehouse.session import Session, open_session

BEGAN_AT = datetime(2026, 3, 1, 12, tzinfo=UTC)


def log_answer(
    session: Session,
    *,
    variant: str = "challenger",
    version: int = 2,
    model_name: str = "machine_failure",
    at: datetime = BEGAN_AT,
    prediction: float | None = 0.5,
    latency_ms: float = 1.0,
    keys: dict[str, int] | None = None,
    request_id: str = "r",
    batch_id: str | None = None,
) -> None:
    """One row; without a prediction it is an error."""
    session.execute(
        "insert into serving.inference_log (at, request_id, model_name, model_version, variant, features, "
        "prediction, latency_ms, is_error, error, keys, batch_id) "
        "values (%s, %s, %s, %s, %s, '{}', %s, %s, %s, %s, %s, %s)",
        (
            at,
            request_id,
            model_name,
            version,
            variant,
            prediction,
            latency_ms,
            prediction is None,
            "broke" if prediction is None else None,
            keys and Jsonb(keys),
            batch_id,
        ),
    )


def test_only_the_version_in_its_variant_since_the_time_counts(warehouse_uri: str) -> None:
    with open_session(warehouse_uri) as session:
        for latency_ms in range(1, 102):
            log_answer(session, latency_ms=float(latency_ms), prediction=0.2, request_id=f"r{latency_ms}")
        log_answer(session, prediction=None, latency_ms=9999.0)
        log_answer(session, at=BEGAN_AT - timedelta(microseconds=1), prediction=None)
        log_answer(session, variant="champion", prediction=None)
        log_answer(session, variant="staging", prediction=None)
        log_answer(session, version=3, prediction=None)
        log_answer(session, model_name="other", prediction=None)
        stats = read_stats(session, "machine_failure", "challenger", 2, BEGAN_AT)
    assert (stats.samples, stats.errors) == (102, 1)
    # Of a bin a hundredth wide.
    assert stats.latency_p95_ms == pytest.approx(96.0, rel=0.011)
    assert sum(stats.latencies.values()) == 101
    assert stats.count_slower(50.0) == pytest.approx(51, abs=1)
    assert stats.count_slower(0.5) == 101
    assert stats.prediction_mean == pytest.approx(0.2)
    assert stats.prediction_deviation == pytest.approx(0, abs=1e-12)
    assert stats.error_rate == pytest.approx(1 / 102)


def test_no_rows_are_no_figures(warehouse_uri: str) -> None:
    with open_session(warehouse_uri) as session:
        stats = read_stats(session, "machine_failure", "champion", 1, BEGAN_AT)
    assert stats == VariantStats(0, 0, tries=0, failures=0.0)


def test_only_errors_have_no_latency(warehouse_uri: str) -> None:
    with open_session(warehouse_uri) as session:
        log_answer(session, prediction=None)
        stats = read_stats(session, "machine_failure", "challenger", 2, BEGAN_AT)
    assert stats == VariantStats(1, 1, recent=1, recent_failures=1, recent_entities=1, tries=1, failures=1.0)
    assert (stats.error_rate, stats.latency_p95_ms) == (1.0, None)


def test_predictions_may_be_numbers_of_any_size(warehouse_uri: str) -> None:
    with open_session(warehouse_uri) as session:
        for prediction in (-100.0, 0.0, 400.0):
            log_answer(session, prediction=prediction, request_id=f"r{prediction}")
        stats = read_stats(session, "machine_failure", "challenger", 2, BEGAN_AT)
    assert (stats.prediction_mean, stats.prediction_deviation) == (100.0, pytest.approx(70_000**0.5))


def test_one_answer_has_a_mean_and_no_deviation(warehouse_uri: str) -> None:
    with open_session(warehouse_uri) as session:
        log_answer(session)
        stats = read_stats(session, "machine_failure", "challenger", 2, BEGAN_AT)
    assert (stats.prediction_mean, stats.prediction_deviation) == (0.5, None)


def test_an_entity_counts_by_its_first_answer_and_each_request_without_keys(warehouse_uri: str) -> None:
    with open_session(warehouse_uri) as session:
        for second, (machine_id, line) in enumerate(((1, 7), (2, 7), (1, 7), (1, 8))):
            log_answer(session, keys={"machine_id": machine_id, "line": line}, at=BEGAN_AT + timedelta(seconds=second))
        later = BEGAN_AT + timedelta(seconds=9)
        log_answer(session, keys={"line": 7, "machine_id": 2}, prediction=None, at=later)
        log_answer(session, keys={"machine_id": 9}, prediction=None, at=later)
        for request_id in ("a", "b"):
            log_answer(session, request_id=request_id, at=later)
        stats = read_stats(session, "machine_failure", "challenger", 2, BEGAN_AT)
    assert (stats.samples, stats.errors, stats.succeeded) == (6, 1, 5)
    assert (stats.counted_tries, stats.counted_failures) == (6, 1.0)
    # The latency of each answer counts.
    assert stats.timed == 6
    assert (stats.recent, stats.recent_failures, stats.recent_entities) == (8, 2, 6)


def test_a_batch_is_one_request_however_many_of_its_rows_fail(warehouse_uri: str) -> None:
    with open_session(warehouse_uri) as session:
        for number in range(1, 501):
            log_answer(session, keys={"machine_id": number}, prediction=None, batch_id="b", request_id=f"b-{number}")
        for number in range(501, 511):
            prediction = None if number < 504 else 0.5
            log_answer(session, keys={"machine_id": number}, prediction=prediction, batch_id="c", latency_ms=number)
        for number in range(600, 640):
            log_answer(session, keys={"machine_id": number})
        stats = read_stats(session, "machine_failure", "challenger", 2, BEGAN_AT)
    assert (stats.samples, stats.errors, stats.succeeded) == (550, 503, 47)
    assert (stats.counted_tries, stats.counted_failures) == (42, pytest.approx(1.3))
    assert (stats.recent, stats.recent_failures) == (42, pytest.approx(1.3))
    # Of a batch, the mean of its rows; one that has failed as a whole has none.
    assert (stats.timed, stats.count_slower(500.0)) == (41, 1)
    assert stats.find_latency(41) == pytest.approx(507, rel=0.011)


def test_the_champion_is_judged_by_entities_that_are_its_own(warehouse_uri: str) -> None:
    moments = [BEGAN_AT + timedelta(seconds=second) for second in range(4)]
    champion: dict[str, Any] = {"variant": "champion", "version": 1}
    with open_session(warehouse_uri) as session:
        # In the place of the challenger; before the challenger's share rose; its own; and after the challenger.
        log_answer(session, keys={"machine_id": 1}, request_id="fell back", prediction=None)
        log_answer(session, keys={"machine_id": 1}, request_id="fell back", at=moments[1], **champion)
        log_answer(session, keys={"machine_id": 2}, request_id="early", **champion)
        log_answer(session, keys={"machine_id": 2}, request_id="late", at=moments[2])
        log_answer(session, keys={"machine_id": 3}, request_id="own", prediction=0.7, **champion)
        before = read_stats(session, "machine_failure", "champion", 1, BEGAN_AT, moments[2])
        stats = read_stats(session, "machine_failure", "champion", 1, BEGAN_AT)
        log_answer(session, keys={"machine_id": 2}, request_id="again", at=moments[3], **champion)
        crossed = read_stats(session, "machine_failure", "champion", 1, BEGAN_AT)
        log_answer(session, keys={"machine_id": 2}, request_id="healed", at=moments[3] + timedelta(seconds=1))
        healed = read_stats(session, "machine_failure", "champion", 1, BEGAN_AT)
    assert (before.samples, before.crossed) == (2, 0)
    assert (stats.samples, stats.crossed, stats.prediction_mean) == (1, 0, 0.7)
    assert (crossed.samples, crossed.crossed) == (1, 1)
    # Whoever goes where it belongs again is no sign of a split that fails.
    assert healed.crossed == 0


def test_a_request_id_that_clients_use_again_and_again_takes_no_answers_away(warehouse_uri: str) -> None:
    with open_session(warehouse_uri) as session:
        for machine_id in range(10):
            variant = "challenger" if machine_id < 3 else "champion"
            version = 2 if machine_id < 3 else 1
            log_answer(session, keys={"machine_id": machine_id}, variant=variant, version=version, request_id="trace")
        stats = read_stats(session, "machine_failure", "champion", 1, BEGAN_AT)
    assert stats.samples == 7


def test_entities_of_the_time_before_the_challenger_was_loaded_count_once_they_come_back(warehouse_uri: str) -> None:
    loaded = BEGAN_AT + timedelta(seconds=40)
    champion: dict[str, Any] = {"variant": "champion", "version": 1}
    with open_session(warehouse_uri) as session:
        for machine_id in range(20):
            log_answer(session, keys={"machine_id": machine_id}, request_id=f"a{machine_id}", **champion)
        for machine_id in range(20):
            later = {"keys": {"machine_id": machine_id}, "at": loaded + timedelta(seconds=machine_id)}
            if machine_id < 5:
                log_answer(session, request_id=f"b{machine_id}", **later)  # type: ignore[arg-type]
            else:
                log_answer(session, request_id=f"b{machine_id}", **later, **champion)  # type: ignore[arg-type]
        session.execute("update serving.inference_log set as_of_date = '2026-03-01'")
        both = [
            read_stats(session, "machine_failure", variant, version, BEGAN_AT)
            for variant, version in (("champion", 1), ("challenger", 2))
        ]
    assert [stats.looked_up for stats in both] == [15, 5]
    assert both[0].crossed == 0


def test_entities_of_the_online_store_are_counted(warehouse_uri: str) -> None:
    with open_session(warehouse_uri) as session:
        for request_id in ("a", "b", "c"):
            log_answer(session, request_id=request_id)
        session.execute("update serving.inference_log set as_of_date = '2026-03-01' where request_id <> 'a'")
        assert read_stats(session, "machine_failure", "challenger", 2, BEGAN_AT).looked_up == 2
        # The champion's count since the challenger has answered for the first time.
        for request_id, second in (("d", -1), ("e", 1), ("f", 2)):
            log_answer(session, request_id=request_id, variant="champion", at=BEGAN_AT + timedelta(seconds=second))
        session.execute("update serving.inference_log set as_of_date = '2026-03-01' where variant = 'champion'")
        began_at = BEGAN_AT - timedelta(seconds=9)
        champion = read_stats(session, "machine_failure", "champion", 2, began_at)
    assert (champion.samples, champion.looked_up) == (3, 2)
