"""Batch scoring of each kind of label on a real warehouse and a real registry."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from include.errors import RegistryError, ServingError, SourceError, StaleWriterError, WarehouseSchemaError
from include.features.catalog import Entity, Key
from include.features.matrix import from_table
from include.features.read import read_features
from include.registry.onnx import OnnxModel
from include.rollout.state import bootstrap_champion, promote_challenger, require_rollout, start_canary
from include.scoring import entities
from include.scoring.entities import explain_scores, score_entities
from include.scoring.scorer import Scorer
from include.settings.scoring import ScoringSettings
from include.warehouse.fence import take_fence
from include.warehouse.partitions import list_partitions
from include.warehouse.session import open_session
from include.warehouse.trace import trace_tables
from tests.unit.scoring.registered_models import (
    CASES,
    MACHINE,
    PART,
    TEST_DAY,
    TICKET,
    ModelCase,
    make_onnx,
    register,
    to_key,
    with_test_day,
)

NOW = datetime(2024, 3, 13, tzinfo=UTC)
NEWEST = TEST_DAY + timedelta(days=3)
ENTITIES = 20


@pytest.fixture
def versions(warehouse_uri: str, mlflow_uri: str) -> dict[str, int]:
    """Each model, registered."""
    return {case.name: register(warehouse_uri, mlflow_uri, case) for case in CASES}


@pytest.fixture
def uri(warehouse_uri: str) -> str:
    """Twenty entities of each model at each as-of date from two days before the champion's test to three after."""
    for case in CASES:
        case.create_tables(warehouse_uri)
        for step in range(-2, 4):
            case.add_day(warehouse_uri, TEST_DAY + timedelta(days=step), ENTITIES)
    return warehouse_uri


@pytest.fixture
def champion_uri(uri: str, versions: dict[str, int]) -> str:
    """The same with champions."""
    with open_session(uri) as session:
        for name, version in versions.items():
            bootstrap_champion(session, name, version)
    return uri


def read_predictions(uri: str, case: ModelCase) -> list[dict[str, Any]]:
    """All predictions, in order, without the time at which they were made."""
    order = ", ".join(case.keys)
    with open_session(uri) as session:
        rows = session.fetch_all(
            f"select * from ml.{case.name}_predictions order by as_of_date, {order}, model_version"
        )
    return [{key: value for key, value in row.items() if key != "scored_at"} for row in rows]


def count_predictions(uri: str, case: ModelCase) -> int:
    """How many predictions there are, and 0 without a table."""
    with open_session(uri) as session:
        if session.fetch_value("select to_regclass(%s)", (case.spec.predictions_table.quoted,)) is None:
            return 0
        return int(session.fetch_value(f"select count(*) from {case.spec.predictions_table.quoted}"))


def promote(uri: str, case: ModelCase, version: int) -> None:
    """Make another version champion."""
    with open_session(uri) as session:
        canary = start_canary(session, require_rollout(session, case.name), version, 0.5)
        promote_challenger(session, canary, version)


def test_every_day_after_the_champions_test_is_scored(
    champion_uri: str, mlflow_uri: str, versions: dict[str, int], case: ModelCase
) -> None:
    result = score_entities(champion_uri, mlflow_uri, case.name, NOW)

    assert result == {
        "scored": 3 * ENTITIES,
        "model_version": versions[case.name],
        "partitions": 3,
        "first_as_of_date": "2024-03-11",
        "last_as_of_date": "2024-03-13",
    }
    rows = read_predictions(champion_uri, case)
    assert {row["as_of_date"] for row in rows} == {TEST_DAY + timedelta(days=step) for step in (1, 2, 3)}
    assert {row["model_version"] for row in rows} == {versions[case.name]}
    with open_session(champion_uri) as session:
        partitions = list_partitions(session, case.spec.predictions_table)
        assert {row["scored_at"] for row in session.fetch_all(f"select scored_at from ml.{case.name}_predictions")} == {
            NOW
        }
    assert [one.day for one in partitions] == sorted({row["as_of_date"] for row in rows})


def test_scores_are_what_the_model_says_of_the_features(champion_uri: str, mlflow_uri: str, case: ModelCase) -> None:
    score_entities(champion_uri, mlflow_uri, case.name, NOW)

    contract, model = case.contract, OnnxModel(make_onnx(case))
    table = read_features(champion_uri, contract.entity, contract.groups, contract.features, [NEWEST])
    expected = model.predict(from_table(table, contract.features))
    keys = [to_key(row, case) for row in table.select(list(case.keys)).to_pylist()]
    rows = {to_key(row, case): row for row in read_predictions(champion_uri, case) if row["as_of_date"] == NEWEST}
    assert len(keys) == len(rows) == ENTITIES
    assert [rows[key]["prediction"] for key in keys] == model.task.summarise(expected).tolist()
    assert [rows[key]["decision"] for key in keys] == model.task.decide(expected, contract.decision)
    assert len({row["prediction"] for row in rows.values()}) > 5


def test_keys_of_every_type_come_through_as_they_are(champion_uri: str, mlflow_uri: str, case: ModelCase) -> None:
    score_entities(champion_uri, mlflow_uri, case.name, NOW)

    keys = ", ".join(case.keys)
    with open_session(champion_uri) as session:
        scored = session.fetch_all(f"select {keys} from ml.{case.name}_predictions where as_of_date = %s", (NEWEST,))
        known = session.fetch_all(
            f"select {keys} from {case.group.table} where {case.group.event_time} = %s", (NEWEST,)
        )
    assert sorted(map(str, scored)) == sorted(map(str, known))


def test_only_several_classes_have_scores_of_each(champion_uri: str, mlflow_uri: str) -> None:
    for case in CASES:
        score_entities(champion_uri, mlflow_uri, case.name, NOW)

    assert all(row["scores"] is None for case in (MACHINE, PART) for row in read_predictions(champion_uri, case))
    for row in read_predictions(champion_uri, TICKET):
        assert sum(row["scores"]) == pytest.approx(1, abs=1e-5)
        assert row["prediction"] == max(row["scores"])
        assert row["decision"] == TICKET.contract.decision["classes"][row["scores"].index(row["prediction"])]
    assert {row["decision"] for row in read_predictions(champion_uri, PART)} == {None}
    assert {row["decision"] for row in read_predictions(champion_uri, MACHINE)} == {"true", "false"}


def test_what_scoring_reads_and_writes_is_reported_for_its_lineage(
    champion_uri: str, mlflow_uri: str, case: ModelCase
) -> None:
    with trace_tables() as trace:
        score_entities(champion_uri, mlflow_uri, case.name, NOW)
    assert {str(case.group.table), "serving.rollouts"} <= {str(table) for table in trace.reads}
    assert f"ml.{case.name}_predictions" in {str(table) for table in trace.writes}


def test_scoring_again_replaces_the_newest_day_alone_and_changes_nothing(
    champion_uri: str, mlflow_uri: str, case: ModelCase
) -> None:
    score_entities(champion_uri, mlflow_uri, case.name, NOW)
    before = read_predictions(champion_uri, case)
    result = score_entities(champion_uri, mlflow_uri, case.name, NOW)
    assert (result["scored"], result["partitions"]) == (ENTITIES, 1)
    assert read_predictions(champion_uri, case) == before


def test_an_entity_that_left_the_newest_day_loses_its_score(champion_uri: str, mlflow_uri: str) -> None:
    score_entities(champion_uri, mlflow_uri, MACHINE.name, NOW)
    with open_session(champion_uri) as session:
        session.execute(f"delete from {MACHINE.group.table.quoted} where as_of_date = %s and machine_id = 7", (NEWEST,))
    score_entities(champion_uri, mlflow_uri, MACHINE.name, NOW)
    newest = [row for row in read_predictions(champion_uri, MACHINE) if row["as_of_date"] == NEWEST]
    assert len(newest) == ENTITIES - 1
    assert 7 not in {row["machine_id"] for row in newest}


def test_a_new_day_and_a_day_that_was_missed_are_filled_in(champion_uri: str, mlflow_uri: str) -> None:
    score_entities(champion_uri, mlflow_uri, PART.name, NOW)
    PART.add_day(champion_uri, NEWEST + timedelta(days=1))
    PART.add_day(champion_uri, NEWEST + timedelta(days=2))
    result = score_entities(champion_uri, mlflow_uri, PART.name, NOW)
    assert (result["first_as_of_date"], result["last_as_of_date"], result["partitions"]) == (
        "2024-03-14", "2024-03-15", 2,
    )  # fmt: skip


def test_the_next_champion_scores_the_days_after_its_own_test_and_leaves_the_others_scores(
    champion_uri: str, mlflow_uri: str, versions: dict[str, int]
) -> None:
    score_entities(champion_uri, mlflow_uri, MACHINE.name, NOW)
    before = read_predictions(champion_uri, MACHINE)
    later = register(champion_uri, mlflow_uri, with_test_day(MACHINE, date(2024, 3, 12)))
    promote(champion_uri, MACHINE, later)
    result = score_entities(champion_uri, mlflow_uri, MACHINE.name, NOW)
    assert (result["model_version"], result["scored"], result["first_as_of_date"]) == (later, ENTITIES, "2024-03-13")
    after = read_predictions(champion_uri, MACHINE)
    assert [row for row in after if row["model_version"] == versions[MACHINE.name]] == before


def test_the_newest_day_is_scored_even_by_a_champion_that_was_with_test_day_it(uri: str, mlflow_uri: str) -> None:
    version = register(uri, mlflow_uri, with_test_day(MACHINE, NEWEST))
    with open_session(uri) as session:
        bootstrap_champion(session, MACHINE.name, version)
    assert score_entities(uri, mlflow_uri, MACHINE.name, NOW)["last_as_of_date"] == NEWEST.isoformat()


def test_without_a_champion_nothing_is_scored_and_the_reason_is_given(uri: str, mlflow_uri: str) -> None:
    result = score_entities(uri, mlflow_uri, MACHINE.name, NOW)
    assert result == {"scored": 0, "reason": "model 'machine_failure' has no champion yet"}
    assert count_predictions(uri, MACHINE) == 0


def test_without_rows_nothing_is_scored_and_the_reason_is_given(champion_uri: str, mlflow_uri: str) -> None:
    with open_session(champion_uri) as session:
        session.execute(f"delete from {PART.group.table.quoted}")
    result = score_entities(champion_uri, mlflow_uri, PART.name, NOW)
    assert result == {"scored": 0, "reason": "features.part_units_facts holds no rows"}


def test_a_feature_that_is_gone_is_named_and_nothing_is_published(champion_uri: str, mlflow_uri: str) -> None:
    with open_session(champion_uri) as session:
        session.execute(f"alter table {MACHINE.group.table.quoted} rename column hours to minutes")
    with pytest.raises(SourceError, match="hours"):
        score_entities(champion_uri, mlflow_uri, MACHINE.name, NOW)
    assert count_predictions(champion_uri, MACHINE) == 0


def test_a_feature_table_that_is_gone_is_named(champion_uri: str, mlflow_uri: str) -> None:
    with open_session(champion_uri) as session:
        session.execute(f"drop table {MACHINE.group.table.quoted}")
    with pytest.raises(SourceError, match=r"features\.machine_failure_facts"):
        score_entities(champion_uri, mlflow_uri, MACHINE.name, NOW)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("alter column part type bigint using site_id", "Key 'part' .* is int64; .* trained with text"),
        ("alter column site_id type text", "Key 'site_id' .* is string; .* trained with integer"),
        ("alter column site_id type numeric", "Key 'site_id' .* trained with integer"),
    ],
)
def test_keys_of_another_type_are_refused(champion_uri: str, mlflow_uri: str, change: str, message: str) -> None:
    with open_session(champion_uri) as session:
        session.execute(f"alter table {PART.group.table.quoted} {change}")
    with pytest.raises(SourceError, match=message):
        score_entities(champion_uri, mlflow_uri, PART.name, NOW)
    assert count_predictions(champion_uri, PART) == 0


def test_a_row_without_a_key_is_refused(champion_uri: str, mlflow_uri: str) -> None:
    with open_session(champion_uri) as session:
        session.execute(
            f"update {PART.group.table.quoted} set part = null where part = 'part 9' and day = %s", (NEWEST,)
        )
    with pytest.raises(SourceError, match=r"'part' .* is null in 1 rows"):
        score_entities(champion_uri, mlflow_uri, PART.name, NOW)


def test_an_entity_that_stands_twice_at_one_date_is_named(champion_uri: str, mlflow_uri: str) -> None:
    MACHINE.add_day(champion_uri, NEWEST, entities=1)
    with pytest.raises(SourceError, match=r"twice at one date: .*machine_id.*=\(2024-03-13, 1"):
        score_entities(champion_uri, mlflow_uri, MACHINE.name, NOW)
    assert count_predictions(champion_uri, MACHINE) == 0


def test_a_table_of_scores_with_other_keys_is_refused(champion_uri: str, mlflow_uri: str) -> None:
    # given scores of a version whose entity had another key
    other = Entity("machine", (Key("serial", "text"),))
    with open_session(champion_uri) as session:
        entities.ensure_predictions_table(session, MACHINE.name, other)
    with pytest.raises(WarehouseSchemaError, match="machine_failure_predictions has the key"):
        score_entities(champion_uri, mlflow_uri, MACHINE.name, NOW)


def test_answers_that_are_no_predictions_are_refused_and_old_scores_stay(
    champion_uri: str, mlflow_uri: str, case: ModelCase
) -> None:
    score_entities(champion_uri, mlflow_uri, case.name, NOW)
    before = read_predictions(champion_uri, case)
    broken = register(champion_uri, mlflow_uri, case, make_onnx(case, is_broken=True))
    promote(champion_uri, case, broken)
    with pytest.raises(ServingError, match=f"version {broken} gave .*nan.* and 19 more answers of 20 on 2024-03-11"):
        score_entities(champion_uri, mlflow_uri, case.name, NOW)
    assert read_predictions(champion_uri, case) == before


def test_the_newest_scores_are_explained_and_stay_the_same(champion_uri: str, mlflow_uri: str, case: ModelCase) -> None:
    score_entities(champion_uri, mlflow_uri, case.name, NOW)
    before = read_predictions(champion_uri, case)
    assert {row["reasons"] for row in before} == {None}

    result = explain_scores(champion_uri, mlflow_uri, case.name, NOW)

    after = read_predictions(champion_uri, case)
    assert [{**row, "reasons": None} for row in after] == before
    newest = [row for row in after if row["as_of_date"] == NEWEST]
    assert result["scored"] == len(newest) > 0
    assert len(after) > len(newest)
    assert all(row["reasons"] is not None for row in newest)
    assert all(row["reasons"] is None for row in after if row["as_of_date"] != NEWEST)


def test_nothing_is_explained_where_there_are_to_be_no_reasons(champion_uri: str, mlflow_uri: str) -> None:
    result = explain_scores(champion_uri, mlflow_uri, MACHINE.name, NOW, ScoringSettings(reasons=0))

    assert result == {"scored": 0, "reason": "scoring.reasons of 'machine_failure' is 0"}


def test_a_worker_that_was_overtaken_publishes_nothing(
    champion_uri: str, mlflow_uri: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    # given a second worker that starts the same work while the first one has published its first blocks to be
    score = Scorer.score
    days: list[date] = []

    def score_slowly(scorer: Scorer, table: Any, day: date) -> Any:
        days.append(day)
        if len(days) == 2:
            with open_session(champion_uri) as session:
                take_fence(session, f"predictions.{MACHINE.name}")
        return score(scorer, table, day)

    monkeypatch.setattr(Scorer, "score", score_slowly)
    with pytest.raises(StaleWriterError, match="Nothing was published"):
        score_entities(champion_uri, mlflow_uri, MACHINE.name, NOW)
    assert count_predictions(champion_uri, MACHINE) == 0


def test_of_two_workers_at_once_the_later_one_publishes(
    champion_uri: str, mlflow_uri: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    # given a worker whose first block is in the table, not committed, when another one does the same work
    score = Scorer.score
    threads: list[threading.Thread] = []
    outcomes: list[Any] = []

    def work() -> None:
        outcomes.append(score_entities(champion_uri, mlflow_uri, MACHINE.name, NOW)["scored"])

    def score_beside(scorer: Scorer, table: Any, day: date) -> Any:
        if not threads and day == NEWEST:
            threads.append(threading.Thread(target=work))
            threads[0].start()
            wait_until(lambda: count_tokens(champion_uri) == 2)
        return score(scorer, table, day)

    monkeypatch.setattr(Scorer, "score", score_beside)
    with pytest.raises(StaleWriterError):
        score_entities(champion_uri, mlflow_uri, MACHINE.name, NOW)
    threads[0].join()
    assert outcomes == [3 * ENTITIES]
    assert count_predictions(champion_uri, MACHINE) == 3 * ENTITIES


def count_tokens(uri: str) -> int:
    """How often the fence of the machines' scores was taken."""
    with open_session(uri) as session:
        return int(
            session.fetch_value("select token from governance.fences where name = %s", (f"predictions.{MACHINE.name}",))
        )


def wait_until(is_so: Callable[[], bool]) -> None:
    """Wait for something that happens in another thread."""
    for _ in range(6000):
        if is_so():
            return
        time.sleep(0.01)
    raise AssertionError("it did not happen")


def test_two_models_score_without_touching_each_other(
    champion_uri: str, mlflow_uri: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    # given that another model is scored while this one is
    score_dates = Scorer.score_dates

    def score_both(scorer: Scorer, uri: str, dates: Any) -> Any:
        if scorer._model.contract.model == MACHINE.name:
            score_entities(uri, mlflow_uri, PART.name, NOW)
        return score_dates(scorer, uri, dates)

    monkeypatch.setattr(Scorer, "score_dates", score_both)
    score_entities(champion_uri, mlflow_uri, MACHINE.name, NOW)
    assert [count_predictions(champion_uri, one) for one in (MACHINE, PART)] == [3 * ENTITIES, 3 * ENTITIES]


def test_a_registry_that_is_away_is_said_to_be(champion_uri: str) -> None:
    with pytest.raises(RegistryError, match="is away"):
        score_entities(champion_uri, "http://127.0.0.1:9", MACHINE.name, NOW)


def test_columns_that_the_champion_does_not_take_are_left_alone(champion_uri: str, mlflow_uri: str) -> None:
    with open_session(champion_uri) as session:
        session.execute(f"alter table {PART.group.table.quoted} add column extra text default 'x'")
    assert score_entities(champion_uri, mlflow_uri, PART.name, NOW)["scored"] == 3 * ENTITIES
