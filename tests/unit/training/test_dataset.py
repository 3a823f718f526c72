"""The training set holds the labelled households of the chosen dates, and only what can be learned from."""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import pandas as pd
import pytest

from include.errors import TrainingError
from include.settings.training import TrainingSettings
from include.training.dataset import build_training_set, check_training_set, list_features, take_split
from include.warehouse.session import open_session
from include.warehouse.trace import trace_tables

TEST = date(2017, 12, 4)
HOUSEHOLDS = 200


@pytest.fixture
def shop_uri(warehouse_uri: str) -> str:
    """Features and labels of 200 households on 20 Mondays; every fifth household churns."""
    with open_session(warehouse_uri) as session:
        session.execute(
            f"""
            create table features.customer_features as
            select
                day::date as as_of_date,
                household_id::bigint,
                extract(epoch from day)::double precision as day_seen,
                case when household_id % 3 = 0 then null else household_id::double precision end as spend,
                household_id::integer as orders
            from generate_series(date '{TEST}' - 7 * 19, date '{TEST}', interval '7 days') as day
            cross join generate_series(1, {HOUSEHOLDS}) as household_id
            """
        )
        session.execute(
            "create table features.churn_labels as select as_of_date, household_id, household_id % 5 = 0 as churned "
            "from features.customer_features"
        )
    return warehouse_uri


def execute(uri: str, sql: str) -> None:
    with open_session(uri) as session:
        session.execute(sql)


def test_it_joins_what_was_known_at_each_date_with_what_followed(shop_uri: str, settings: TrainingSettings) -> None:
    frame = build_training_set(shop_uri, settings)
    assert list(frame.columns) == ["as_of_date", "household_id", "split", "churned", "day_seen", "spend", "orders"]
    assert dict(frame.groupby("split")["as_of_date"].nunique()) == {"test": 1, "train": 4, "validation": 1}
    assert len(frame) == 6 * HOUSEHOLDS
    assert not frame.duplicated(["as_of_date", "household_id"]).any()
    seconds = pd.to_datetime(frame["as_of_date"]).astype("int64") / 1e9
    assert (frame["day_seen"] == seconds).all()
    assert (frame["churned"] == (frame["household_id"] % 5 == 0)).all()
    assert (frame["spend"].isna() == (frame["household_id"] % 3 == 0)).all()
    assert frame.equals(frame.sort_values(["as_of_date", "household_id"]))


def test_types_are_those_that_the_training_set_promises(shop_uri: str, settings: TrainingSettings) -> None:
    frame = build_training_set(shop_uri, settings)
    assert isinstance(frame["as_of_date"].iloc[0], date)
    expected = {"household_id": "int64", "churned": "int64", "spend": "float64", "orders": "float64"}
    assert {name: str(frame[name].dtype) for name in expected} == expected


def test_households_and_dates_without_labels_stay_out(shop_uri: str, settings: TrainingSettings) -> None:
    execute(shop_uri, "delete from features.churn_labels where household_id = 7")
    execute(shop_uri, f"insert into features.customer_features values ('{TEST + timedelta(days=7)}', 1, 0, 0, 0)")
    frame = build_training_set(shop_uri, settings)
    assert 7 not in set(frame["household_id"])
    assert frame["as_of_date"].max() == TEST


def test_it_reports_the_tables_that_it_read(shop_uri: str, settings: TrainingSettings) -> None:
    with trace_tables() as trace:
        build_training_set(shop_uri, settings)
    assert {str(table) for table in trace.reads} == {"features.customer_features", "features.churn_labels"}
    assert not trace.writes


def test_a_split_comes_as_arrays(shop_uri: str, settings: TrainingSettings) -> None:
    test = take_split(build_training_set(shop_uri, settings), "test")
    assert (test.features.shape, test.features.dtype) == ((HOUSEHOLDS, 3), np.float32)
    assert (test.labels.sum(), test.labels.dtype) == (HOUSEHOLDS // 5, np.int64)
    assert test.as_of_date == TEST


def test_labelled_households_without_features_stop_it(shop_uri: str, settings: TrainingSettings) -> None:
    execute(shop_uri, f"delete from features.customer_features where as_of_date = '{TEST}' and household_id <= 3")
    with pytest.raises(TrainingError, match="3 at 2017-12-04"):
        build_training_set(shop_uri, settings)


def test_no_labels_stop_it(shop_uri: str, settings: TrainingSettings) -> None:
    execute(shop_uri, "delete from features.churn_labels")
    with pytest.raises(TrainingError, match="No as-of date has labels yet"):
        build_training_set(shop_uri, settings)


def test_too_few_rows_stop_it(shop_uri: str, settings: TrainingSettings) -> None:
    few = settings.model_copy(update={"min_training_rows": 801})
    with pytest.raises(TrainingError, match="800 training rows, 801 are needed"):
        build_training_set(shop_uri, few)


@pytest.mark.parametrize(
    ("value", "problem"), [("false", "one-sided: 0 churned, 200 stayed"), ("true", "one-sided: 200 churned, 0 stayed")]
)
def test_a_split_where_all_did_the_same_stops_it(
    shop_uri: str, settings: TrainingSettings, value: str, problem: str
) -> None:
    execute(shop_uri, f"update features.churn_labels set churned = {value} where as_of_date = '{TEST}'")
    with pytest.raises(TrainingError, match=f"The test split is {problem}"):
        build_training_set(shop_uri, settings)


@pytest.mark.parametrize("value", ["'infinity'", "1e300"], ids=["infinite", "infinite in float32"])
def test_infinite_values_stop_it_with_the_column_named(shop_uri: str, settings: TrainingSettings, value: str) -> None:
    execute(shop_uri, f"update features.customer_features set spend = {value} where household_id = 1")
    with pytest.raises(TrainingError, match=r"Infinite values .* in spend"):
        build_training_set(shop_uri, settings)


def test_a_good_training_set_passes(frame: pd.DataFrame, settings: TrainingSettings) -> None:
    check_training_set(frame, settings)
    assert "split" not in list_features(frame)
