"""What is said of the feature store, and what when it is not there."""

from __future__ import annotations

import pytest

from include.errors import TrainingError
from include.features.store import describe_features, read_feature_names
from include.settings import load_settings
from include.warehouse.session import open_session

SETTINGS = load_settings(environment="development").features


@pytest.fixture
def store_uri(warehouse_uri: str) -> str:
    """Three customers on two as-of dates, two features, and labels of the older date only."""
    with open_session(warehouse_uri) as session:
        session.execute(
            "create table features.customer_features (spend_28d double precision, household_id bigint, "
            "as_of_date date, baskets_28d double precision)"
        )
        session.execute(
            "insert into features.customer_features "
            "select 1.5, n, day::date, null from generate_series(1, 3) as n, "
            "unnest(array['2017-11-06', '2017-12-04']) as day"
        )
        session.execute(
            "create table features.churn_labels as select as_of_date, household_id, true as churned "
            "from features.customer_features where as_of_date = '2017-11-06' and household_id < 3"
        )
    return warehouse_uri


def test_the_store_is_described(store_uri: str) -> None:
    assert describe_features(store_uri, SETTINGS) == {
        "feature_version": SETTINGS.feature_version,
        "features": 2,
        "as_of_dates": 2,
        "newest_as_of": "2017-12-04",
        "rows": 6,
        "labels": 2,
        "newest_labelled_as_of": "2017-11-06",
    }


def test_features_are_the_columns_besides_the_keys_in_table_order(store_uri: str) -> None:
    with open_session(store_uri) as session:
        assert read_feature_names(session) == ["spend_28d", "baskets_28d"]


def test_a_store_without_rows_has_no_dates(store_uri: str) -> None:
    with open_session(store_uri) as session:
        session.execute("truncate features.customer_features, features.churn_labels")

    described = describe_features(store_uri, SETTINGS)

    assert (described["rows"], described["newest_as_of"], described["newest_labelled_as_of"]) == (0, None, None)
    assert described["features"] == 2


def test_without_the_table_it_says_which_dag_makes_it(warehouse_uri: str) -> None:
    with pytest.raises(TrainingError, match=r"customer_features does not exist\. Run the DAG build_features first"):
        describe_features(warehouse_uri, SETTINGS)


def test_a_table_of_the_same_name_elsewhere_is_not_the_store(warehouse_uri: str) -> None:
    with open_session(warehouse_uri) as session:
        session.execute("create table online.customer_features (household_id bigint, spend_28d double precision)")
        with pytest.raises(TrainingError, match="build_features"):
            read_feature_names(session)
