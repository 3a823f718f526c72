"""Batch scoring on a real warehouse and a real registry."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

import pytest

from include.errors import RegistryError, ServingError, SourceError, StaleWriterError
from include.registry.onnx import OnnxModel
from include.rollout.state import bootstrap_champion, read_rollout, restore_champion
from include.scoring import batch
from include.scoring.batch import score_customers
from include.scoring.customers import read_customers
from include.warehouse.fence import take_fence
from include.warehouse.session import open_session
from include.warehouse.trace import trace_tables
from tests.unit.scoring.registered_models import FEATURES, MODEL, TEST_AS_OF_DATE, make_onnx, register

NOW = datetime(2017, 9, 6, tzinfo=UTC)
TEST_DAY = date.fromisoformat(TEST_AS_OF_DATE)
HOUSEHOLDS = 20


@pytest.fixture(scope="session")
def onnx() -> bytes:
    """A model."""
    return make_onnx()


@pytest.fixture(scope="session")
def good_version(mlflow_uri: str, onnx: bytes) -> int:
    """The model, registered."""
    return register(mlflow_uri, MODEL, onnx)


@pytest.fixture
def uri(warehouse_uri: str) -> str:
    """Twenty customers at each as-of date from two days before the champion's test to three days after."""
    with open_session(warehouse_uri) as session:
        session.execute(
            "create table features.customer_features (as_of_date date, household_id bigint, "
            f"{', '.join(f'{name} double precision' for name in FEATURES)}, "
            "unique (as_of_date, household_id))"
        )
        session.execute(
            "insert into features.customer_features "
            "select %s::date + step, household, household * 2.5, nullif(household %% 4, 0), 10 + step "
            "from generate_series(-2, 3) as step, generate_series(1, %s) as household",
            (TEST_DAY, HOUSEHOLDS),
        )
    return warehouse_uri


@pytest.fixture
def champion_uri(uri: str, good_version: int) -> str:
    """The same with a champion."""
    with open_session(uri) as session:
        bootstrap_champion(session, MODEL, good_version)
    return uri


def read_predictions(uri: str) -> list[dict[str, Any]]:
    """All predictions, in order, without the time at which they were made."""
    with open_session(uri) as session:
        rows = session.fetch_all("select * from ml.predictions order by as_of_date, household_id, model_version")
    return [{key: value for key, value in row.items() if key != "scored_at"} for row in rows]


def add_day(uri: str, step: int) -> None:
    """One more as-of date of features."""
    with open_session(uri) as session:
        session.execute(
            "insert into features.customer_features select %s::date + %s, household, household, 1, 1 "
            "from generate_series(1, %s) as household",
            (TEST_DAY, step, HOUSEHOLDS),
        )


def test_every_day_after_the_champions_test_is_scored(champion_uri: str, mlflow_uri: str, good_version: int) -> None:
    result = score_customers(champion_uri, mlflow_uri, MODEL, NOW)
    assert result == {
        "scored": 60,
        "model_version": good_version,
        "partitions": 3,
        "first_as_of_date": "2017-09-04",
        "last_as_of_date": "2017-09-06",
    }
    rows = read_predictions(champion_uri)
    assert {row["as_of_date"] for row in rows} == {date(2017, 9, 4), date(2017, 9, 5), date(2017, 9, 6)}
    assert {row["model_version"] for row in rows} == {good_version}


def test_what_scoring_reads_and_writes_is_reported_for_its_lineage(champion_uri: str, mlflow_uri: str) -> None:
    with trace_tables() as trace:
        score_customers(champion_uri, mlflow_uri, MODEL, NOW)
    assert {"features.customer_features", "serving.rollouts"} <= {str(table) for table in trace.reads}
    assert {"ml.predictions"} <= {str(table) for table in trace.writes}


def test_scores_are_what_the_model_says_of_the_features(champion_uri: str, mlflow_uri: str, onnx: bytes) -> None:
    score_customers(champion_uri, mlflow_uri, MODEL, NOW)
    customers = read_customers(champion_uri, [date(2017, 9, 5)], FEATURES)
    expected = OnnxModel(onnx).predict(customers.features).astype(float).tolist()
    rows = [row for row in read_predictions(champion_uri) if row["as_of_date"] == date(2017, 9, 5)]
    assert {row["household_id"]: row["probability"] for row in rows} == dict(
        zip(customers.household_ids, expected, strict=True)
    )
    assert all(row["is_churn_predicted"] == (row["probability"] >= 0.5) for row in rows)
    assert len({row["is_churn_predicted"] for row in rows}) == 2


def test_scoring_again_replaces_the_newest_day_alone_and_changes_nothing(champion_uri: str, mlflow_uri: str) -> None:
    score_customers(champion_uri, mlflow_uri, MODEL, NOW)
    before = read_predictions(champion_uri)
    result = score_customers(champion_uri, mlflow_uri, MODEL, NOW)
    assert (result["scored"], result["partitions"]) == (HOUSEHOLDS, 1)
    assert read_predictions(champion_uri) == before


def test_customers_who_left_the_newest_day_lose_their_scores(champion_uri: str, mlflow_uri: str) -> None:
    score_customers(champion_uri, mlflow_uri, MODEL, NOW)
    with open_session(champion_uri) as session:
        session.execute("delete from features.customer_features where as_of_date = '2017-09-06' and household_id = 7")
    score_customers(champion_uri, mlflow_uri, MODEL, NOW)
    newest = [row for row in read_predictions(champion_uri) if row["as_of_date"] == date(2017, 9, 6)]
    assert len(newest) == HOUSEHOLDS - 1
    assert 7 not in {row["household_id"] for row in newest}


def test_a_new_day_and_a_day_that_was_missed_are_filled_in(champion_uri: str, mlflow_uri: str) -> None:
    score_customers(champion_uri, mlflow_uri, MODEL, NOW)
    add_day(champion_uri, 4)
    add_day(champion_uri, 5)
    result = score_customers(champion_uri, mlflow_uri, MODEL, NOW)
    assert (result["first_as_of_date"], result["last_as_of_date"], result["partitions"]) == (
        "2017-09-07", "2017-09-08", 2,
    )  # fmt: skip


def test_the_next_champion_scores_the_days_after_its_own_test_and_leaves_the_others_scores(
    champion_uri: str, mlflow_uri: str, onnx: bytes, good_version: int
) -> None:
    score_customers(champion_uri, mlflow_uri, MODEL, NOW)
    before = read_predictions(champion_uri)
    later = register(mlflow_uri, MODEL, onnx, test_as_of_date="2017-09-05")
    with open_session(champion_uri) as session:
        state = read_rollout(session, MODEL)
        assert state is not None
        restore_champion(session, state, later, "test")
    result = score_customers(champion_uri, mlflow_uri, MODEL, NOW)
    assert (result["model_version"], result["scored"], result["first_as_of_date"]) == (later, 20, "2017-09-06")
    after = read_predictions(champion_uri)
    assert [row for row in after if row["model_version"] == good_version] == before


def test_the_newest_day_is_scored_even_by_a_champion_that_was_tested_on_it(
    uri: str, mlflow_uri: str, onnx: bytes
) -> None:
    version = register(mlflow_uri, MODEL, onnx, test_as_of_date="2017-09-06")
    with open_session(uri) as session:
        bootstrap_champion(session, MODEL, version)
    assert score_customers(uri, mlflow_uri, MODEL, NOW)["last_as_of_date"] == "2017-09-06"


def test_without_a_champion_nothing_is_scored_and_the_reason_is_given(uri: str, mlflow_uri: str) -> None:
    result = score_customers(uri, mlflow_uri, MODEL, NOW)
    assert result == {"scored": 0, "reason": "model 'churn-scoring' has no champion yet"}
    assert read_predictions(uri) == []


def test_without_customers_nothing_is_scored_and_the_reason_is_given(champion_uri: str, mlflow_uri: str) -> None:
    with open_session(champion_uri) as session:
        session.execute("delete from features.customer_features")
    result = score_customers(champion_uri, mlflow_uri, MODEL, NOW)
    assert result == {"scored": 0, "reason": "features.customer_features holds no customers"}


def test_a_feature_that_is_gone_is_named_and_nothing_is_published(champion_uri: str, mlflow_uri: str) -> None:
    with open_session(champion_uri) as session:
        session.execute("alter table features.customer_features rename column spend_28d to spend")
    with pytest.raises(SourceError, match="has lost spend_28d"):
        score_customers(champion_uri, mlflow_uri, MODEL, NOW)
    assert read_predictions(champion_uri) == []


def test_answers_that_are_no_probabilities_are_refused_and_old_scores_stay(champion_uri: str, mlflow_uri: str) -> None:
    score_customers(champion_uri, mlflow_uri, MODEL, NOW)
    before = read_predictions(champion_uri)
    broken = register(mlflow_uri, MODEL, make_onnx(is_numeric=False))
    with open_session(champion_uri) as session:
        state = read_rollout(session, MODEL)
        assert state is not None
        restore_champion(session, state, broken, "test")
    with pytest.raises(ServingError, match=f"version {broken} gave nan and 59 more answers of 60"):
        score_customers(champion_uri, mlflow_uri, MODEL, NOW)
    assert read_predictions(champion_uri) == before


def test_a_worker_that_was_overtaken_publishes_nothing(
    champion_uri: str, mlflow_uri: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    # given a second worker that starts the same work while the first one is scoring
    predict = batch.predict

    def predict_slowly(*arguments: Any) -> Any:
        with open_session(champion_uri) as session:
            take_fence(session, f"predictions.{MODEL}")
        return predict(*arguments)

    monkeypatch.setattr(batch, "predict", predict_slowly)
    with pytest.raises(StaleWriterError, match="Nothing was published"):
        score_customers(champion_uri, mlflow_uri, MODEL, NOW)
    assert read_predictions(champion_uri) == []


def test_a_registry_that_is_away_is_said_to_be(champion_uri: str) -> None:
    with pytest.raises(RegistryError, match="is away"):
        score_customers(champion_uri, "http://127.0.0.1:9", MODEL, NOW)
