"""The reference of a version is what it was trained on, whatever is trained afterwards."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import pytest

from include.errors import TrainingError
from include.monitoring.reference import load_reference
from include.warehouse.session import open_session

NOW = datetime(2017, 12, 1, tzinfo=UTC)


def write_training_set(uri: str, recency: float, split: str = "train") -> None:
    """A training set of 300 customers who all have one recency."""
    with open_session(uri) as session:
        session.execute("drop table if exists ml.training_set")
        session.execute(
            "create table ml.training_set as select date '2017-08-01' as as_of_date, "
            "household_id, %s::text as split, 0::bigint as churned, %s::double precision as recency, "
            "case when household_id <= 30 then null else household_id::double precision end as spend "
            "from generate_series(1, 300) as household_id",
            (split, recency),
        )


def test_the_reference_holds_the_features_of_the_training_rows(warehouse_uri: str) -> None:
    write_training_set(warehouse_uri, recency=5)
    profiles = load_reference(warehouse_uri, "churn", 1, NOW)
    assert sorted(profiles) == ["recency", "spend"]
    assert profiles["recency"].edges == pytest.approx([5, 5])
    assert profiles["spend"].counts[0] == 30


def test_a_later_training_does_not_change_the_reference_of_an_earlier_version(warehouse_uri: str) -> None:
    write_training_set(warehouse_uri, recency=5)
    first = load_reference(warehouse_uri, "churn", 1, NOW)
    write_training_set(warehouse_uri, recency=9)
    again = load_reference(warehouse_uri, "churn", 1, NOW)
    # then it is the same to the last bit, though it went through the warehouse
    for name, profile in first.items():
        assert np.array_equal(again[name].edges, profile.edges)
        assert np.array_equal(again[name].counts, profile.counts)
    # and the next version has its own
    assert load_reference(warehouse_uri, "churn", 2, NOW)["recency"].edges == pytest.approx([9, 9])


def test_rows_that_the_model_was_tested_on_are_no_reference(warehouse_uri: str) -> None:
    write_training_set(warehouse_uri, recency=5, split="test")
    with pytest.raises(TrainingError, match="without rows"):
        load_reference(warehouse_uri, "churn", 1, NOW)
