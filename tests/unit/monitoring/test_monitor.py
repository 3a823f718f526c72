"""The whole look at a champion, on a real warehouse and a real registry."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from include.errors import RegistryError, SourceError, StaleWriterError
from include.monitoring import monitor
from include.monitoring.monitor import monitor_champion, read_baseline
from include.rollout.state import bootstrap_champion
from include.settings import CONFIG_DIR
from include.settings.monitoring import MonitoringSettings
from include.settings.section import load_section
from include.warehouse.arrow import write_arrow
from include.warehouse.fence import take_fence
from include.warehouse.session import open_session
from include.warehouse.trace import trace_tables
from tests.unit.scoring.registered_models import FEATURES, MODEL, make_onnx, register

SETTINGS = load_section(CONFIG_DIR / "monitoring.yml", MonitoringSettings, "production")
NOW = datetime(2017, 11, 2, tzinfo=UTC)
COHORT = date(2017, 10, 3)
TODAY = date(2017, 11, 1)
CUSTOMERS = 600


@pytest.fixture(scope="session")
def version(mlflow_uri: str) -> int:
    """A registered version with an AUC of 0.80 in its test."""
    return register(mlflow_uri, MODEL, make_onnx(), auc=0.80, auc_low=0.78, auc_high=0.82)


def make_features(seed: int, rows: int = CUSTOMERS, factor: float = 1.0) -> dict[str, Any]:
    """Features of customers who are alike but for chance; ``factor`` makes them others."""
    random = np.random.default_rng(seed)
    return {name: random.gamma(2, 10, rows) * factor for name in FEATURES}


def write_training_set(uri: str, factor: float = 1.0) -> None:
    """What the newest training was made from."""
    rows = 3 * CUSTOMERS
    columns = {
        "as_of_date": pa.array([date(2017, 8, 1)] * rows),
        "household_id": np.arange(rows),
        "split": ["train"] * rows,
        "churned": np.zeros(rows, dtype=np.int64),
    }
    write_arrow(uri, "ml.training_set", pa.table({**columns, **make_features(1, rows, factor)}), "replace")


def write_day(uri: str, day: date, factor: float = 1.0) -> None:
    """The features of one as-of date."""
    keys = {"as_of_date": pa.array([day] * CUSTOMERS), "household_id": np.arange(CUSTOMERS)}
    features = make_features(day.toordinal(), factor=factor)
    write_arrow(uri, "features.customer_features", pa.table({**keys, **features}), "append")


def write_scores(uri: str, day: date, version: int, factor: float = 1.0) -> np.ndarray:
    """Scores of one as-of date; returns them."""
    scores = np.random.default_rng(day.toordinal() + 1).beta(2, 6, CUSTOMERS) * factor
    with open_session(uri) as session:
        session.execute_many(
            "insert into ml.predictions values (%s, %s, %s, %s, %s, %s, now())",
            [(day, household, MODEL, version, score, bool(score >= 0.3)) for household, score in enumerate(scores)],
        )
    return scores


def write_labels(uri: str, day: date, scores: np.ndarray, sign: float = 1.0) -> None:
    """Labels that a model with these scores foresees well; with a negative sign, the contrary."""
    noise = np.random.default_rng(3).normal(0, 0.12, CUSTOMERS)
    churned = sign * (scores - scores.mean()) + noise > 0.2
    labels = {"as_of_date": pa.array([day] * CUSTOMERS), "household_id": np.arange(CUSTOMERS), "churned": churned}
    write_arrow(uri, "features.churn_labels", pa.table(labels), "append")


@pytest.fixture
def uri(warehouse_uri: str, version: int) -> str:
    """A champion that does as well as in its test, on customers like those of its training."""
    with open_session(warehouse_uri) as session:
        bootstrap_champion(session, MODEL, version)
    write_training_set(warehouse_uri)
    write_labels(warehouse_uri, COHORT, write_scores(warehouse_uri, COHORT, version))
    write_scores(warehouse_uri, TODAY, version)
    write_day(warehouse_uri, TODAY)
    return warehouse_uri


def look(uri: str, mlflow_uri: str, run_key: str = "", settings: MonitoringSettings = SETTINGS) -> dict[str, Any]:
    """Monitor the champion once."""
    return monitor_champion(uri, mlflow_uri, MODEL, settings, run_key, NOW)


def read_all(uri: str, table: str) -> list[dict[str, Any]]:
    """All rows of a table of monitoring, without the time at which they were made."""
    with open_session(uri) as session:
        rows = session.fetch_all(f"select * from monitoring.{table} order by 1, 2, 3, 4, 5")
    return [{k: v for k, v in row.items() if k not in ("computed_at", "decided_at", "captured_at")} for row in rows]


def drift_today(uri: str) -> None:
    """Customers of today become others."""
    with open_session(uri) as session:
        session.execute("delete from features.customer_features")
    write_day(uri, TODAY, factor=2.0)


def test_a_champion_that_does_as_in_its_test_stays(uri: str, mlflow_uri: str, version: int) -> None:
    result = look(uri, mlflow_uri)
    assert result["action"] == "keep"
    assert (result["model_version"], result["as_of_date"], result["new_outcomes"]) == (version, "2017-11-01", CUSTOMERS)
    assert (result["drifted_share"], result["drifted_features"]) == (0, [])
    (performance,) = read_all(uri, "performance")
    assert (performance["customers"], performance["last_cohort"]) == (CUSTOMERS, COHORT)
    assert performance["auc"] == pytest.approx(result["auc"])
    assert performance["baseline_auc"] == 0.8
    assert {(row["kind"], row["column_name"]) for row in read_all(uri, "drift")} == {
        *(("feature", name) for name in FEATURES),
        ("score", "score"),
    }
    (decision,) = read_all(uri, "decisions")
    assert (decision["action"], decision["reasons"]) == ("keep", result["reasons"])
    assert [check["name"] for check in decision["checks"]] == ["auc_drop", "drifted_share", "score_drift"]


def test_what_monitoring_reads_and_writes_is_reported_for_its_lineage(uri: str, mlflow_uri: str) -> None:
    with trace_tables() as trace:
        look(uri, mlflow_uri)
    reads = {str(table) for table in trace.reads}
    assert {"features.customer_features", "features.churn_labels", "ml.predictions", "ml.training_set"} <= reads
    assert {str(table) for table in trace.writes} >= {
        "ml.outcomes", "monitoring.performance", "monitoring.drift", "monitoring.decisions",
        "monitoring.reference_profiles",
    }  # fmt: skip


def test_the_same_look_again_changes_nothing(uri: str, mlflow_uri: str) -> None:
    first = look(uri, mlflow_uri)
    before = {table: read_all(uri, table) for table in ("performance", "drift", "decisions", "reference_profiles")}
    assert look(uri, mlflow_uri) == {**first, "new_outcomes": 0}
    assert {table: read_all(uri, table) for table in before} == before


def test_customers_who_became_others_start_a_retraining(uri: str, mlflow_uri: str) -> None:
    drift_today(uri)
    result = look(uri, mlflow_uri)
    assert result["action"] == "retrain"
    assert result["drifted_share"] == 1
    assert "100% of 3 features drifted" in result["reasons"][0]


def test_scores_that_became_others_start_a_retraining(uri: str, mlflow_uri: str, version: int) -> None:
    with open_session(uri) as session:
        session.execute("delete from ml.predictions where as_of_date = %s", (TODAY,))
    write_scores(uri, TODAY, version, factor=0.5)
    result = look(uri, mlflow_uri)
    assert result["action"] == "retrain"
    assert "PSI of the scores" in result["reasons"][0]


def test_outcomes_that_the_champion_did_not_foresee_start_a_retraining(uri: str, mlflow_uri: str, version: int) -> None:
    later = COHORT + timedelta(days=10)
    write_labels(uri, later, write_scores(uri, later, version), sign=-1)
    result = look(uri, mlflow_uri)
    assert result["action"] == "retrain"
    assert result["auc"] < 0.5
    assert "against 0.800 in the test" in result["reasons"][0]


def test_a_drift_stays_a_drift_when_a_refused_training_has_seen_it(uri: str, mlflow_uri: str) -> None:
    # given a look at the champion before a training on the new customers, whose model was refused
    look(uri, mlflow_uri)
    write_training_set(uri, factor=2.0)
    write_day(uri, TODAY + timedelta(days=1), factor=2.0)
    assert look(uri, mlflow_uri)["action"] == "retrain"


def test_a_request_is_followed_by_a_cool_down_in_as_of_days(uri: str, mlflow_uri: str) -> None:
    drift_today(uri)
    actions = []
    for days in (0, 1, 6, 7, 8):
        if days:
            write_day(uri, TODAY + timedelta(days=days), factor=2.0)
        actions.append(look(uri, mlflow_uri, run_key=f"run_{days}")["action"])
    assert actions == ["retrain", "keep", "keep", "retrain", "keep"]
    assert [row["action"] for row in read_all(uri, "decisions")] == actions


def test_a_run_that_is_repeated_makes_its_request_again_and_another_run_does_not(uri: str, mlflow_uri: str) -> None:
    drift_today(uri)
    assert look(uri, mlflow_uri, run_key="run_1")["action"] == "retrain"
    assert look(uri, mlflow_uri, run_key="run_1")["action"] == "retrain"
    second = look(uri, mlflow_uri, run_key="run_2")
    assert second["action"] == "keep"
    assert "cool-down" in second["reasons"][0]
    # and the request stays on record
    (decision,) = read_all(uri, "decisions")
    assert (decision["action"], decision["run_key"]) == ("retrain", "run_1")


def test_runs_without_a_name_do_not_repeat_a_request(uri: str, mlflow_uri: str) -> None:
    drift_today(uri)
    assert [look(uri, mlflow_uri)["action"] for _ in range(2)] == ["retrain", "keep"]


def test_before_any_outcome_the_performance_is_inconclusive_and_has_no_row(uri: str, mlflow_uri: str) -> None:
    with open_session(uri) as session:
        session.execute("delete from features.churn_labels")
    result = look(uri, mlflow_uri)
    assert (result["action"], result["auc"]) == ("keep", None)
    assert result["reasons"][0] == "performance inconclusive: no outcome is known yet"
    assert read_all(uri, "performance") == []


def test_outcomes_of_another_version_are_not_the_champions(uri: str, mlflow_uri: str, version: int) -> None:
    with open_session(uri) as session:
        session.execute("update ml.predictions set model_version = %s", (version + 1000,))
    result = look(uri, mlflow_uri)
    assert (result["new_outcomes"], result["auc"]) == (CUSTOMERS, None)


def test_without_a_champion_there_is_nothing_to_decide(warehouse_uri: str, mlflow_uri: str) -> None:
    write_day(warehouse_uri, TODAY)
    result = look(warehouse_uri, mlflow_uri)
    assert result == {"action": "keep", "reasons": ["model 'churn-scoring' has no champion yet"]}
    assert read_all(warehouse_uri, "decisions") == []


def test_without_customers_there_is_nothing_to_decide(uri: str, mlflow_uri: str) -> None:
    with open_session(uri) as session:
        session.execute("delete from features.customer_features")
    assert look(uri, mlflow_uri)["reasons"] == ["features.customer_features holds no customers"]


def ignoring(*features: str) -> MonitoringSettings:
    """Settings that ignore features."""
    drift = SETTINGS.drift.model_copy(update={"ignored_features": features})
    return SETTINGS.model_copy(update={"drift": drift})


def test_a_feature_that_follows_the_calendar_can_be_ignored(uri: str, mlflow_uri: str) -> None:
    result = look(uri, mlflow_uri, settings=ignoring(FEATURES[0]))
    assert result["action"] == "keep"
    columns = {row["column_name"] for row in read_all(uri, "drift")}
    assert columns == {*FEATURES[1:], "score"}


def test_a_feature_that_another_version_has_can_be_ignored(uri: str, mlflow_uri: str) -> None:
    look(uri, mlflow_uri, settings=ignoring("tenure_days"))
    assert {row["column_name"] for row in read_all(uri, "drift")} == {*FEATURES, "score"}


def test_a_feature_that_is_gone_is_named(uri: str, mlflow_uri: str) -> None:
    with open_session(uri) as session:
        session.execute(f"alter table features.customer_features drop column {FEATURES[1]}")
    with pytest.raises(SourceError, match=f"has lost {FEATURES[1]}"):
        look(uri, mlflow_uri)


def test_a_worker_that_was_overtaken_decides_nothing(
    uri: str, mlflow_uri: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    measure_drift = monitor.measure_drift

    def measure_slowly(*arguments: Any) -> Any:
        with open_session(uri) as session:
            take_fence(session, f"monitoring.{MODEL}")
        return measure_drift(*arguments)

    monkeypatch.setattr(monitor, "measure_drift", measure_slowly)
    with pytest.raises(StaleWriterError):
        look(uri, mlflow_uri)
    assert [read_all(uri, table) for table in ("performance", "drift", "decisions")] == [[], [], []]


def test_a_version_that_is_not_registered_has_no_baseline(mlflow_uri: str, version: int) -> None:
    assert read_baseline(mlflow_uri, MODEL, version + 1000) is None


def test_a_registry_that_is_away_is_said_to_be(uri: str) -> None:
    with pytest.raises(RegistryError, match="is away"):
        look(uri, "http://127.0.0.1:9")
