"""What a version has learned from says nothing of how good it is."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from include.monitoring.held_out import read_held_out
from include.monitoring.measure_drift import measure_score_drift
from include.monitoring.outcomes import ensure_outcomes_table
from include.monitoring.performance import Cohorts, read_cohorts
from include.monitoring.records import MonitoringRun
from include.registry.contract import ModelContract, SplitRule
from include.scoring.predictions import ensure_predictions_table
from include.training.dataset import build_training_set
from include.training.entity_split import TEST_SHARE, describe_split
from include.warehouse.partitions import ensure_day_partitions
from include.warehouse.session import open_session
from tests.model.machines import load_training
from tests.unit.monitoring.shared_settings import SETTINGS
from tests.unit.scoring.registered_models import MACHINE, PART, TEST_DAY, TICKET, ModelCase

NOW = datetime(2024, 4, 1, tzinfo=UTC)
LATER = TEST_DAY + timedelta(days=1)
ENTITIES = 400
LABELS = {MACHINE.name: "hours > 20", PART.name: "stock", TICKET.name: "(array['blue', 'green', 'red'])[1 + mod(n, 3)]"}


def by_entity(case: ModelCase, share: float = TEST_SHARE) -> ModelContract:
    """The contract of a version that was split by entity."""
    return replace(case.contract, split=SplitRule("entity", share))


@pytest.fixture
def uri(warehouse_uri: str, case: ModelCase) -> str:
    """Entities with labels, scored by version 1 on the day of its test and on the next."""
    case.create_tables(warehouse_uri)
    table, keys = case.group.table.quoted, ", ".join(case.keys)
    with open_session(warehouse_uri) as session:
        ensure_predictions_table(session, case.name, case.contract.entity)
        ensure_outcomes_table(session, case.spec)
        for name in (case.spec.predictions_table, case.spec.outcomes_table):
            ensure_day_partitions(session, name, [TEST_DAY, LATER])
    for day in (TEST_DAY, LATER):
        case.add_day(warehouse_uri, day, ENTITIES)
    numbered = f"(select *, row_number() over (order by {keys}) as n from {table} where {case.group.event_time} = %s)"
    outcome = {"binary": "'true'", "regression": "'1.5'", "multiclass": "'red'"}[case.contract.task]
    scores = "array[0.2, 0.3, 0.5]" if case.contract.task == "multiclass" else "null"
    with open_session(warehouse_uri) as session:
        session.execute(
            f"insert into {case.spec.label.table.quoted} select {case.group.event_time}, {keys}, {LABELS[case.name]} "
            f"from {numbered} as facts",
            (TEST_DAY,),
        )
        for day in (TEST_DAY, LATER):
            session.execute(
                f"insert into {case.spec.predictions_table.quoted} (as_of_date, {keys}, model_version, prediction, "
                f"scores, scored_at) select %s, {keys}, 1, n / 1000.0, {scores}, %s from {numbered} as facts",
                (day, NOW, day),
            )
            session.execute(
                f"insert into {case.spec.outcomes_table.quoted} (as_of_date, {keys}, outcome, known_at) "
                f"select %s, {keys}, {outcome}, %s from {numbered} as facts",
                (day, NOW, day),
            )
    return warehouse_uri


def read_keys(uri: str, case: ModelCase, contract: ModelContract) -> set[tuple[str, ...]]:
    """The keys, as text, of the scored rows of the test's day that count."""
    keys = ", ".join(f"{key}::text as text_{key}" for key in case.keys)
    source = f"from {case.spec.predictions_table.quoted} where as_of_date = date '{TEST_DAY}'"
    table = read_held_out(uri, contract, keys, source)
    assert table.column_names == [f"text_{key}" for key in case.keys]
    return set(zip(*(column.to_pylist() for column in table.columns), strict=True))


def test_what_counts_of_the_day_of_training_is_what_was_tested_on(uri: str, case: ModelCase) -> None:
    settings = load_training(case.contract.task, split="entity", min_training_rows=1, min_split_count=1)
    frame = build_training_set(uri, case.spec, settings)
    tested = frame[frame["split"] == "test"]
    contract = replace(case.contract, split=describe_split(settings.split))
    assert len(frame) == ENTITIES
    assert 0 < len(tested) < ENTITIES / 2
    assert read_keys(uri, case, contract) == {tuple(map(str, row)) for row in tested[list(case.keys)].to_numpy()}


@pytest.mark.parametrize("rule", [None, SplitRule("time")], ids=["older release", "by time"])
def test_every_row_counts_where_entities_were_not_split(uri: str, case: ModelCase, rule: SplitRule | None) -> None:
    assert len(read_keys(uri, case, replace(case.contract, split=rule))) == ENTITIES


def test_the_share_is_the_versions_own(uri: str, case: ModelCase) -> None:
    few, more = read_keys(uri, case, by_entity(case, 0.1)), read_keys(uri, case, by_entity(case, 0.6))
    assert few < more
    assert len(more) > ENTITIES / 2
    assert read_keys(uri, case, by_entity(case, 0.0)) == set()


def count(cohorts: Cohorts | None) -> int:
    assert cohorts is not None
    return len(cohorts.labels)


def test_outcomes_of_rows_that_were_trained_on_do_not_count(uri: str, case: ModelCase) -> None:
    tested = len(read_keys(uri, case, by_entity(case)))
    assert count(read_cohorts(uri, case.contract, 1, 1)) == ENTITIES
    assert count(read_cohorts(uri, by_entity(case), 1, 1)) == tested
    # and neither do their later rows
    assert count(read_cohorts(uri, by_entity(case), 1, 7)) == 2 * tested
    assert read_cohorts(uri, by_entity(case, 0.0), 1, 7) is None


@pytest.mark.parametrize(("is_held_out", "is_drifted"), [(False, False), (True, True)])
@pytest.mark.parametrize("case", [MACHINE], ids=["binary"])
def test_scores_of_rows_that_were_trained_on_do_not_drift(
    uri: str, case: ModelCase, is_held_out: bool, is_drifted: bool
) -> None:
    tested = [int(key) for (key,) in read_keys(uri, case, by_entity(case))]
    with open_session(uri) as session:
        session.execute(
            f"update {case.spec.predictions_table.quoted} set prediction = prediction / 4 + 0.6 "
            "where as_of_date = %s and (machine_id = any(%s)) = %s",
            (LATER, tested, is_held_out),
        )
    found = measure(uri, by_entity(case))
    assert (found.psi == 0, found.is_drifted) == (not is_drifted, is_drifted)


def measure(uri: str, contract: ModelContract) -> Any:
    """The drift of the scores between the first day and the next."""
    settings = SETTINGS.drift.model_copy(update={"score_reference_days": 1})
    found = measure_score_drift(uri, MonitoringRun(contract.model, 1, LATER, NOW, ""), contract, settings)
    assert found is not None
    return found
