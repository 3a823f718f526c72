"""Outcomes on a real warehouse: only what was predicted, each once, corrected when the label is."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any

import pytest

from include.errors import SourceError, WarehouseSchemaError
from include.features.catalog import Entity, Key
from include.monitoring.outcomes import record_outcomes
from include.scoring.predictions import ensure_predictions_table
from include.warehouse.partitions import ensure_day_partitions, list_partitions
from include.warehouse.session import open_session
from tests.unit.scoring.registered_models import CASES, MACHINE, PART, TICKET, ModelCase, to_key

FIRST = datetime(2024, 4, 1, tzinfo=UTC)
SECOND = datetime(2024, 4, 2, tzinfo=UTC)
DAY = date(2024, 3, 1)
LABELS = {MACHINE.name: ("true", "false"), PART.name: ("3.5", "0"), TICKET.name: ("'blue'", "'red'")}
OUTCOMES = {MACHINE.name: ("true", "false"), PART.name: ("3.5", "0"), TICKET.name: ("blue", "red")}


def add_predictions(uri: str, case: ModelCase, entities: list[int], version: int = 1) -> None:
    """A version's predictions of the day."""
    with open_session(uri) as session:
        table = ensure_predictions_table(session, case.name, case.contract.entity)
        ensure_day_partitions(session, table, [DAY])
        session.execute(
            f"insert into {table.quoted} (as_of_date, {', '.join(case.keys)}, model_version, prediction, scored_at) "
            f"select as_of_date, {', '.join(case.keys)}, %s, 0.5, now() from ({select_keys(case)}) as keys "
            "where n = any(%s)",
            (version, entities),
        )


def select_keys(case: ModelCase) -> str:
    """The keys of entities 1 to 9 on the day, by number."""
    facts = f"select n, {case.row} from (select date '{DAY}' as day) as days, generate_series(1, 9) as n"
    return (
        f"select n, {case.group.event_time} as as_of_date, {', '.join(case.keys)} "
        f"from ({facts}) as facts (n, {', '.join(case.columns)})"
    )


def add_label(uri: str, case: ModelCase, entity: int, value: str) -> None:
    """The label of one entity on the day."""
    with open_session(uri) as session:
        session.execute(
            f"insert into {case.spec.label.table.quoted} select as_of_date, {', '.join(case.keys)}, {value} "
            f"from ({select_keys(case)}) as keys where n = {entity}"
        )


@pytest.fixture
def labelled_uri(warehouse_uri: str) -> str:
    """For each model entities 1 and 2 predicted, and labels of 1 and 3."""
    for case in CASES:
        case.create_tables(warehouse_uri)
        add_predictions(warehouse_uri, case, [1, 2])
        for entity in (1, 3):
            add_label(warehouse_uri, case, entity, LABELS[case.name][0])
    return warehouse_uri


def read_outcomes(uri: str, case: ModelCase) -> list[tuple[Any, ...]]:
    """All outcomes as (outcome, known_at), in the order of their keys."""
    with open_session(uri) as session:
        rows = session.fetch_all(f"select * from ml.{case.name}_outcomes")
    return [(row["outcome"], row["known_at"]) for row in sorted(rows, key=lambda row: to_key(row, case))]


def record(uri: str, case: ModelCase, at: datetime) -> int:
    """Record outcomes in a transaction of their own."""
    with open_session(uri) as session:
        return record_outcomes(session, case.spec, at)


def change_label(uri: str, case: ModelCase, value: str) -> None:
    """Every label becomes another."""
    with open_session(uri) as session:
        session.execute(f"update {case.spec.label.table.quoted} set {case.label[0]} = {value}")


def test_a_known_label_of_a_prediction_becomes_an_outcome_and_others_do_not(labelled_uri: str, case: ModelCase) -> None:
    assert record(labelled_uri, case, FIRST) == 1
    assert read_outcomes(labelled_uri, case) == [(OUTCOMES[case.name][0], FIRST)]
    with open_session(labelled_uri) as session:
        assert [one.day for one in list_partitions(session, case.spec.outcomes_table)] == [DAY]


def test_the_same_outcomes_again_change_nothing(labelled_uri: str, case: ModelCase) -> None:
    record(labelled_uri, case, FIRST)
    assert record(labelled_uri, case, SECOND) == 0
    assert read_outcomes(labelled_uri, case) == [(OUTCOMES[case.name][0], FIRST)]


def test_a_label_that_is_known_later_is_added(labelled_uri: str, case: ModelCase) -> None:
    record(labelled_uri, case, FIRST)
    add_label(labelled_uri, case, 2, LABELS[case.name][1])
    assert record(labelled_uri, case, SECOND) == 1
    assert {*read_outcomes(labelled_uri, case)} == {
        (OUTCOMES[case.name][0], FIRST),
        (OUTCOMES[case.name][1], SECOND),
    }


def test_a_label_that_a_late_row_changed_is_corrected_and_dated_anew(labelled_uri: str, case: ModelCase) -> None:
    record(labelled_uri, case, FIRST)
    change_label(labelled_uri, case, LABELS[case.name][1])
    assert record(labelled_uri, case, SECOND) == 1
    assert read_outcomes(labelled_uri, case) == [(OUTCOMES[case.name][1], SECOND)]


def test_a_label_that_is_null_is_not_known(labelled_uri: str, case: ModelCase) -> None:
    change_label(labelled_uri, case, "null")
    assert record(labelled_uri, case, FIRST) == 0


def test_two_versions_that_scored_one_entity_share_the_outcome(labelled_uri: str, case: ModelCase) -> None:
    add_predictions(labelled_uri, case, [1], version=2)
    assert record(labelled_uri, case, FIRST) == 1


@pytest.mark.parametrize("kind", ["bigint", "smallint", "integer"])
def test_zeros_and_ones_are_false_and_true(labelled_uri: str, kind: str) -> None:
    with open_session(labelled_uri) as session:
        session.execute(
            f"alter table {MACHINE.spec.label.table.quoted} alter column failed type {kind} using failed::integer"
        )
    add_label(labelled_uri, MACHINE, 2, "0")
    record(labelled_uri, MACHINE, FIRST)
    assert read_outcomes(labelled_uri, MACHINE) == [("true", FIRST), ("false", FIRST)]


def test_a_label_table_that_is_gone_is_named(labelled_uri: str) -> None:
    with open_session(labelled_uri) as session:
        session.execute(f"drop table {MACHINE.spec.label.table.quoted}")
    with pytest.raises(SourceError, match="machine_failure_labels"):
        record(labelled_uri, MACHINE, FIRST)


def test_a_label_that_is_gone_is_named(labelled_uri: str) -> None:
    with open_session(labelled_uri) as session:
        session.execute(f"alter table {MACHINE.spec.label.table.quoted} rename column failed to broke")
    with pytest.raises(SourceError, match="failed"):
        record(labelled_uri, MACHINE, FIRST)


def test_a_table_of_outcomes_with_other_keys_is_refused(labelled_uri: str) -> None:
    record(labelled_uri, MACHINE, FIRST)
    other = Entity("machine", (Key("machine_id", "text"),))
    spec = MACHINE.spec
    with open_session(labelled_uri) as session, pytest.raises(WarehouseSchemaError, match="outcomes has the key"):
        record_outcomes(session, replace(spec, entity=other), SECOND)
