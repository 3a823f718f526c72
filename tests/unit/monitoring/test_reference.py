"""The reference of a version is what it was trained on, whatever is trained afterwards."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from include.errors import SourceError, TrainingError
from include.monitoring.reference import load_reference
from include.warehouse.session import open_session
from tests.unit.scoring.registered_models import MACHINE, TICKET

NOW = datetime(2024, 12, 1, tzinfo=UTC)


def write_training_set(uri: str, hours: float, split: str = "train") -> None:
    """A training set of 300 machines that all have one number of hours."""
    with open_session(uri) as session:
        session.execute("drop table if exists ml.machine_failure_training_set")
        session.execute(
            "create table ml.machine_failure_training_set as select date '2024-08-01' as as_of_date, "
            "n as machine_id, %s::text as split, 0::bigint as label, %s::double precision as hours, "
            "case when n <= 30 then null else n end as alarms, n <= 60 as is_new from generate_series(1, 300) as n",
            (split, hours),
        )


def test_the_reference_holds_the_features_of_the_training_rows(warehouse_uri: str) -> None:
    write_training_set(warehouse_uri, hours=5)
    profiles = load_reference(warehouse_uri, MACHINE.contract, 1, NOW)
    assert sorted(profiles) == ["alarms", "hours", "is_new"]
    assert profiles["hours"].counts.max() == 300
    assert profiles["alarms"].counts[0] == 30
    assert sorted(profiles["is_new"].counts[profiles["is_new"].counts > 0]) == [60, 240]


def test_a_later_training_does_not_change_the_reference_of_an_earlier_version(warehouse_uri: str) -> None:
    write_training_set(warehouse_uri, hours=5)
    first = load_reference(warehouse_uri, MACHINE.contract, 1, NOW)
    write_training_set(warehouse_uri, hours=9)
    again = load_reference(warehouse_uri, MACHINE.contract, 1, NOW)
    # then it is the same to the last bit, though it went through the warehouse
    assert {name: str(profile) for name, profile in again.items()} == {n: str(p) for n, p in first.items()}
    # and the next version has its own
    later = load_reference(warehouse_uri, MACHINE.contract, 2, NOW)
    assert str(later["hours"]) != str(first["hours"])


def test_categories_go_through_the_warehouse_as_they_are(warehouse_uri: str) -> None:
    with open_session(warehouse_uri) as session:
        session.execute(
            "create table ml.ticket_color_training_set as select 'train' as split, 1.5 as weight, "
            "(array['a, \"b\"', 'ü', null])[1 + n % 3] as region, 'mail' as channel from generate_series(1, 9) as n"
        )
    first = load_reference(warehouse_uri, TICKET.contract, 1, NOW)
    again = load_reference(warehouse_uri, TICKET.contract, 1, NOW)
    assert str(again["region"]) == str(first["region"])
    assert again["region"].counts.tolist() == [3, 0, 3, 3]
    assert not again["region"].is_ordered


def test_rows_that_the_model_was_tested_on_are_no_reference(warehouse_uri: str) -> None:
    write_training_set(warehouse_uri, hours=5, split="test")
    with pytest.raises(TrainingError, match="without rows"):
        load_reference(warehouse_uri, MACHINE.contract, 1, NOW)


def test_a_training_set_that_lacks_a_feature_is_no_reference(warehouse_uri: str) -> None:
    write_training_set(warehouse_uri, hours=5)
    with open_session(warehouse_uri) as session:
        session.execute("alter table ml.machine_failure_training_set drop column alarms")
    with pytest.raises(SourceError, match="alarms"):
        load_reference(warehouse_uri, MACHINE.contract, 1, NOW)
