"""Figures of a variant, from rows of the inference log."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

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
) -> None:
    """One row; without a prediction it is an error."""
    session.execute(
        "insert into serving.inference_log (at, request_id, model_name, model_version, variant, features, "
        "prediction, latency_ms, is_error, error, keys) values (%s, %s, %s, %s, %s, '{}', %s, %s, %s, %s, %s)",
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
        ),
    )


def test_only_the_version_in_its_variant_since_the_time_counts(warehouse_uri: str) -> None:
    with open_session(warehouse_uri) as session:
        for latency_ms in range(1, 102):
            log_answer(session, latency_ms=float(latency_ms), prediction=0.2)
        log_answer(session, prediction=None, latency_ms=9999.0)
        log_answer(session, at=BEGAN_AT - timedelta(microseconds=1), prediction=None)
        log_answer(session, variant="champion", prediction=None)
        log_answer(session, variant="staging", prediction=None)
        log_answer(session, version=3, prediction=None)
        log_answer(session, model_name="other", prediction=None)
        stats = read_stats(session, "machine_failure", "challenger", 2, BEGAN_AT)
    assert (stats.samples, stats.errors) == (102, 1)
    assert stats.latency_p95_ms == pytest.approx(96.0)
    assert stats.prediction_mean == pytest.approx(0.2)
    assert stats.prediction_deviation == pytest.approx(0, abs=1e-12)
    assert stats.error_rate == pytest.approx(1 / 102)
    assert stats.success_rate == pytest.approx(101 / 102)


def test_no_rows_are_no_figures(warehouse_uri: str) -> None:
    with open_session(warehouse_uri) as session:
        assert read_stats(session, "machine_failure", "champion", 1, BEGAN_AT) == VariantStats(
            0, 0, None, None, None, entities=0
        )


def test_only_errors_have_no_latency(warehouse_uri: str) -> None:
    with open_session(warehouse_uri) as session:
        log_answer(session, prediction=None)
        stats = read_stats(session, "machine_failure", "challenger", 2, BEGAN_AT)
    assert stats == VariantStats(1, 1, None, None, None, entities=0)
    assert stats.error_rate == 1.0


def test_predictions_may_be_numbers_of_any_size(warehouse_uri: str) -> None:
    with open_session(warehouse_uri) as session:
        for prediction in (-100.0, 0.0, 400.0):
            log_answer(session, prediction=prediction)
        stats = read_stats(session, "machine_failure", "challenger", 2, BEGAN_AT)
    assert (stats.prediction_mean, stats.prediction_deviation) == (100.0, pytest.approx(70_000**0.5))


def test_one_answer_has_a_mean_and_no_deviation(warehouse_uri: str) -> None:
    with open_session(warehouse_uri) as session:
        log_answer(session)
        stats = read_stats(session, "machine_failure", "challenger", 2, BEGAN_AT)
    assert (stats.prediction_mean, stats.prediction_deviation) == (0.5, None)


def test_an_entity_that_is_asked_about_again_counts_once_and_each_request_without_keys(warehouse_uri: str) -> None:
    with open_session(warehouse_uri) as session:
        for machine_id, line in ((1, 7), (2, 7), (1, 7), (1, 8)):
            log_answer(session, keys={"machine_id": machine_id, "line": line})
        log_answer(session, keys={"line": 7, "machine_id": 2})
        log_answer(session, keys={"machine_id": 9}, prediction=None)
        for request_id in ("a", "b"):
            log_answer(session, request_id=request_id)
        stats = read_stats(session, "machine_failure", "challenger", 2, BEGAN_AT)
    assert (stats.samples, stats.entities, stats.independent) == (8, 5, 5)
