"""A whole monitoring run for each kind of model, on a real warehouse and a real registry."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from include.errors import RegistryError, SettingsError, SourceError, StaleWriterError
from include.features.catalog import Entity, Key
from include.monitoring import monitor
from include.monitoring.decision import Baseline
from include.monitoring.monitor import load_contract, monitor_champion, read_baseline
from include.registry.contract import SplitRule
from include.registry.ledger import require_version
from include.rollout.state import bootstrap_champion
from include.scoring.entities import score_entities
from include.training.entity_split import is_held_out
from include.warehouse.fence import take_fence
from include.warehouse.session import open_session
from include.warehouse.trace import trace_tables
from tests.unit.monitoring.shared_settings import declare_model
from tests.unit.scoring.registered_models import CASES, MACHINE, PART, TEST_DAY, TICKET, ModelCase, register

NOW = datetime(2024, 3, 25, tzinfo=UTC)
COHORT = TEST_DAY + timedelta(days=1)
TODAY = TEST_DAY + timedelta(days=9)
ENTITIES = 300
CHANGES = {
    MACHINE.name: ("hours", "hours + 100"),
    PART.name: ("stock", "stock * 10"),
    TICKET.name: ("region", "'east'"),
}


@pytest.fixture
def versions(warehouse_uri: str, mlflow_uri: str) -> dict[str, int]:
    """Each model, registered with a score of 0.90 in its test."""
    return {case.name: register(warehouse_uri, mlflow_uri, case) for case in CASES}


@pytest.fixture
def uri(warehouse_uri: str, mlflow_uri: str, versions: dict[str, int], case: ModelCase) -> str:
    """A champion that does as well as in its test, on rows like those of its training."""
    with open_session(warehouse_uri) as session:
        bootstrap_champion(session, case.name, versions[case.name])
    case.create_tables(warehouse_uri)
    for day in (COHORT, TODAY):
        case.add_day(warehouse_uri, day, ENTITIES)
    write_training_set(warehouse_uri, case)
    score_entities(warehouse_uri, mlflow_uri, case.name, NOW)
    write_labels(warehouse_uri, case, COHORT, as_predicted)
    return warehouse_uri


only_machines = pytest.mark.parametrize("case", [MACHINE], ids=["binary"])


def write_training_set(uri: str, case: ModelCase, change: str = "") -> None:
    """What the newest training was made from: the rows of today, with a column changed if asked."""
    with open_session(uri) as session:
        session.execute(f"drop table if exists ml.{case.name}_training_set")
        session.execute(
            f"create table ml.{case.name}_training_set as select *, 'train' as split from {case.group.table} "
            f"where {case.group.event_time} = %s",
            (TODAY,),
        )
        if change:
            session.execute(f"update ml.{case.name}_training_set set {CHANGES[case.name][0]} = {change}")


def as_predicted(prediction: dict[str, Any], number: int) -> Any:
    """A label that the model foresees but for one entity in fifteen."""
    is_other = number % 15 == 0
    if prediction["decision"] is None:
        return prediction["prediction"] + (3 if is_other else 0.1)
    return against(prediction, number) if is_other else prediction["decision"]


def against(prediction: dict[str, Any], number: int) -> Any:
    """A label that is the contrary of what the model foresees."""
    others = {None: -prediction["prediction"], "true": "false", "false": "true", "blue": "green", "green": "red"}
    return others.get(prediction["decision"], "blue")


def write_labels(uri: str, case: ModelCase, day: date, label: Callable[[dict[str, Any], int], Any]) -> None:
    """Labels of everything that was scored at a date."""
    with open_session(uri) as session:
        predictions = session.fetch_all(
            f"select * from ml.{case.name}_predictions where as_of_date = %s order by {', '.join(case.keys)}", (day,)
        )
        session.execute_many(
            f"insert into {case.spec.label.table.quoted} values (%s, {', '.join(['%s'] * len(case.keys))}, %s)",
            [(day, *(row[key] for key in case.keys), label(row, number)) for number, row in enumerate(predictions)],
        )


def watch(uri: str, mlflow_uri: str, case: ModelCase, run_key: str = "", **monitoring: Any) -> dict[str, Any]:
    """Monitor the champion once."""
    return monitor_champion(uri, mlflow_uri, declare_model(case, monitoring), case.spec, run_key, NOW)


def read_all(uri: str, table: str) -> list[dict[str, Any]]:
    """All rows of a table of monitoring, without the time at which they were made."""
    with open_session(uri) as session:
        rows = session.fetch_all(f"select * from monitoring.{table} order by 1, 2, 3, 4, 5")
    return [{k: v for k, v in row.items() if k not in ("computed_at", "decided_at", "captured_at")} for row in rows]


def change_today(uri: str, case: ModelCase) -> None:
    """The rows of today become others."""
    column, value = CHANGES[case.name]
    with open_session(uri) as session:
        session.execute(
            f"update {case.group.table.quoted} set {column} = {value} where {case.group.event_time} = %s", (TODAY,)
        )


def add_changed_day(uri: str, mlflow_uri: str, case: ModelCase, day: date) -> None:
    """One more day of other rows, scored."""
    column, value = CHANGES[case.name]
    case.add_day(uri, day, ENTITIES)
    with open_session(uri) as session:
        session.execute(
            f"update {case.group.table.quoted} set {column} = {value} where {case.group.event_time} = %s", (day,)
        )
    score_entities(uri, mlflow_uri, case.name, NOW)


def test_a_champion_that_does_as_in_its_test_stays(
    uri: str, mlflow_uri: str, case: ModelCase, versions: dict[str, int]
) -> None:
    result = watch(uri, mlflow_uri, case)

    assert (result["action"], result["model_version"]) == ("keep", versions[case.name]), result["reasons"]
    assert (result["as_of_date"], result["new_outcomes"]) == (TODAY.isoformat(), ENTITIES)
    assert (result["drifted_share"], result["drifted_features"]) == (0, [])
    (performance,) = read_all(uri, "performance")
    assert (performance["entities"], performance["last_cohort"]) == (ENTITIES, COHORT)
    assert (performance["metric"], performance["score"]) == (result["metric"], result["score"])
    assert performance["score"] > 0.85
    assert performance["score_standard_error"] > 0
    assert performance["baseline_score"] == 0.9
    assert performance["metrics"][result["metric"]] == performance["score"]
    assert {(row["kind"], row["column_name"]) for row in read_all(uri, "drift")} == {
        *(("feature", feature.name) for feature in case.contract.features),
        ("score", "score"),
    }
    (decision,) = read_all(uri, "decisions")
    assert (decision["action"], decision["reasons"]) == ("keep", result["reasons"])
    assert [check["name"] for check in decision["checks"]] == ["score_drop", "drifted_share", "score_drift"]


def test_what_monitoring_reads_and_writes_is_reported_for_its_lineage(
    uri: str, mlflow_uri: str, case: ModelCase
) -> None:
    with trace_tables() as trace:
        watch(uri, mlflow_uri, case)
    assert {str(table) for table in trace.reads} >= {
        str(case.group.table), str(case.spec.label.table), f"ml.{case.name}_predictions",
        f"ml.{case.name}_training_set", f"ml.{case.name}_outcomes",
    }  # fmt: skip
    assert {str(table) for table in trace.writes} >= {
        f"ml.{case.name}_outcomes", "monitoring.performance", "monitoring.drift", "monitoring.decisions",
        "monitoring.reference_profiles",
    }  # fmt: skip


def test_the_same_run_again_changes_nothing(uri: str, mlflow_uri: str, case: ModelCase) -> None:
    first = watch(uri, mlflow_uri, case)
    before = {table: read_all(uri, table) for table in ("performance", "drift", "decisions", "reference_profiles")}
    assert watch(uri, mlflow_uri, case) == {**first, "new_outcomes": 0}
    assert {table: read_all(uri, table) for table in before} == before


def test_rows_that_became_others_start_a_retraining(uri: str, mlflow_uri: str, case: ModelCase) -> None:
    change_today(uri, case)
    result = watch(uri, mlflow_uri, case)
    assert result["action"] == "retrain"
    assert result["drifted_features"] == [CHANGES[case.name][0]]
    assert f"of {len(case.contract.features)} features drifted" in result["reasons"][0]


def test_scores_that_became_others_start_a_retraining(uri: str, mlflow_uri: str, case: ModelCase) -> None:
    with open_session(uri) as session:
        session.execute(
            f"update ml.{case.name}_predictions set prediction = prediction / 4 + 0.3 where as_of_date = %s", (TODAY,)
        )
    result = watch(uri, mlflow_uri, case)
    assert result["action"] == "retrain"
    assert "PSI of the scores" in result["reasons"][0]


def test_classes_that_changed_places_start_a_retraining(
    uri: str, mlflow_uri: str, case: ModelCase, versions: dict[str, int]
) -> None:
    if case.contract.task != "multiclass":
        pytest.skip("has no classes")
    # given the same probability of the predicted class, which is another class
    table, size = f"ml.{case.name}_predictions", len(case.contract.decision["classes"])
    moved = ", ".join(f"scores[{index % size + 1}]" for index in range(1, size + 1))
    with open_session(uri) as session:
        changed = session.execute(f"update {table} set scores = array[{moved}] where as_of_date = %s", (TODAY,))
    assert changed == ENTITIES
    result = watch(uri, mlflow_uri, case)
    assert result["action"] == "retrain"
    assert "PSI of the scores" in result["reasons"][0]


def test_outcomes_that_the_champion_did_not_foresee_start_a_retraining(
    uri: str, mlflow_uri: str, case: ModelCase
) -> None:
    write_labels(uri, case, TODAY, against)
    result = watch(uri, mlflow_uri, case, performance={"window_days": 1})
    assert result["action"] == "retrain"
    assert result["score"] < 0.6
    assert "against 0.900 in the test" in result["reasons"][0]


@only_machines
def test_a_champion_is_not_judged_by_what_it_was_trained_on(uri: str, mlflow_uri: str, case: ModelCase) -> None:
    # given a champion that was split by entity, and foresees nothing but what it has learned by heart
    split = replace(case, contract=replace(case.contract, split=SplitRule("entity", 0.3)))
    version = register(uri, mlflow_uri, split)
    with open_session(uri) as session:
        session.execute("update serving.rollouts set champion_version = %s", (version,))
        session.execute(f"update ml.{case.name}_predictions set model_version = %s", (version,))
    held_out = {number for number in range(1, ENTITIES + 1) if is_held_out([number], 0.3)}

    def foresee(prediction: dict[str, Any], number: int) -> Any:
        return (against if prediction["machine_id"] in held_out else as_predicted)(prediction, number)

    write_labels(uri, case, TODAY, foresee)
    result = watch(uri, mlflow_uri, case, performance={"window_days": 1, "min_labels": 50})

    assert result["action"] == "retrain"
    assert f"on {len(held_out)} entities against 0.900 in the test" in result["reasons"][0]
    (performance,) = read_all(uri, "performance")
    assert performance["predictions"] == len(held_out)
    assert performance["score"] < 0.2


def test_the_newest_day_that_was_scored_is_watched(uri: str, mlflow_uri: str, case: ModelCase) -> None:
    # given features of a day that has no scores yet
    case.add_day(uri, TODAY + timedelta(days=1), ENTITIES)
    assert watch(uri, mlflow_uri, case)["as_of_date"] == TODAY.isoformat()


@only_machines
def test_a_drift_stays_a_drift_when_a_refused_training_has_seen_it(uri: str, mlflow_uri: str, case: ModelCase) -> None:
    # given a run before a training on the new rows, whose model was refused
    watch(uri, mlflow_uri, case)
    write_training_set(uri, case, CHANGES[case.name][1])
    add_changed_day(uri, mlflow_uri, case, TODAY + timedelta(days=1))
    assert watch(uri, mlflow_uri, case)["action"] == "retrain"


@only_machines
def test_a_request_is_followed_by_a_cool_down_in_as_of_days(uri: str, mlflow_uri: str, case: ModelCase) -> None:
    change_today(uri, case)
    actions = []
    for days in (0, 1, 6, 7, 8):
        if days:
            add_changed_day(uri, mlflow_uri, case, TODAY + timedelta(days=days))
        actions.append(watch(uri, mlflow_uri, case, run_key=f"run_{days}")["action"])
    assert actions == ["retrain", "keep", "keep", "retrain", "keep"]
    assert [row["action"] for row in read_all(uri, "decisions")] == actions


@only_machines
def test_a_run_that_is_repeated_makes_its_request_again_and_another_run_does_not(
    uri: str, mlflow_uri: str, case: ModelCase
) -> None:
    change_today(uri, case)
    assert watch(uri, mlflow_uri, case, run_key="run_1")["action"] == "retrain"
    assert watch(uri, mlflow_uri, case, run_key="run_1")["action"] == "retrain"
    second = watch(uri, mlflow_uri, case, run_key="run_2")
    assert second["action"] == "keep"
    assert "cool-down" in second["reasons"][0]
    # and the request stays on record
    (decision,) = read_all(uri, "decisions")
    assert (decision["action"], decision["run_key"]) == ("retrain", "run_1")


@only_machines
def test_runs_without_a_key_do_not_repeat_a_request(uri: str, mlflow_uri: str, case: ModelCase) -> None:
    change_today(uri, case)
    assert [watch(uri, mlflow_uri, case)["action"] for _ in range(2)] == ["retrain", "keep"]


@only_machines
def test_before_any_outcome_the_performance_is_inconclusive_and_has_no_row(
    uri: str, mlflow_uri: str, case: ModelCase
) -> None:
    with open_session(uri) as session:
        session.execute(f"delete from {case.spec.label.table.quoted}")
    result = watch(uri, mlflow_uri, case)
    assert (result["action"], result["score"]) == ("keep", None)
    assert result["reasons"][0].startswith("performance inconclusive: no outcome is known yet")
    assert read_all(uri, "performance") == []


@only_machines
def test_outcomes_of_another_version_are_not_the_champions(
    uri: str, mlflow_uri: str, case: ModelCase, versions: dict[str, int]
) -> None:
    with open_session(uri) as session:
        session.execute(f"update ml.{case.name}_predictions set model_version = %s", (versions[case.name] + 1000,))
    result = watch(uri, mlflow_uri, case)
    assert (result["new_outcomes"], result["score"]) == (ENTITIES, None)


@only_machines
def test_rows_of_the_day_that_are_gone_leave_drift_inconclusive(uri: str, mlflow_uri: str, case: ModelCase) -> None:
    with open_session(uri) as session:
        session.execute(f"delete from {case.group.table.quoted}")
    result = watch(uri, mlflow_uri, case)
    assert result["action"] == "keep"
    assert any("drift inconclusive: 0 rows" in reason for reason in result["reasons"])


@only_machines
def test_without_a_champion_there_is_nothing_to_decide(warehouse_uri: str, mlflow_uri: str, case: ModelCase) -> None:
    result = watch(warehouse_uri, mlflow_uri, case)
    assert result == {"action": "keep", "reasons": ["model 'machine_failure' has no champion yet"]}
    assert read_all(warehouse_uri, "decisions") == []


@only_machines
def test_before_the_first_scores_there_is_nothing_to_decide(
    warehouse_uri: str, mlflow_uri: str, case: ModelCase, versions: dict[str, int]
) -> None:
    with open_session(warehouse_uri) as session:
        bootstrap_champion(session, case.name, versions[case.name])
    assert watch(warehouse_uri, mlflow_uri, case)["reasons"] == ["model 'machine_failure' has scored nothing yet"]


def test_a_feature_that_follows_the_calendar_can_be_ignored(uri: str, mlflow_uri: str, case: ModelCase) -> None:
    change_today(uri, case)
    ignored = CHANGES[case.name][0]
    result = watch(uri, mlflow_uri, case, drift={"ignored_features": [ignored, "of_another_version"]})
    assert result["action"] == "keep"
    columns = {row["column_name"] for row in read_all(uri, "drift")}
    assert columns == {*(feature.name for feature in case.contract.features), "score"} - {ignored}


def test_a_feature_that_is_gone_is_named(uri: str, mlflow_uri: str, case: ModelCase) -> None:
    column = CHANGES[case.name][0]
    with open_session(uri) as session:
        session.execute(f"alter table {case.group.table.quoted} drop column {column}")
    with pytest.raises(SourceError, match=column):
        watch(uri, mlflow_uri, case)


@only_machines
@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"entity": Entity("machine", (Key("serial", "text"),))}, "another entity"),
        ({"task": "regression"}, "another task"),
        ({"label_column": "broke"}, "another label"),
    ],
)
def test_a_champion_of_an_earlier_declaration_is_not_judged_by_the_new_one(
    uri: str, mlflow_uri: str, case: ModelCase, change: dict[str, Any], message: str
) -> None:
    with pytest.raises(SettingsError, match=message):
        monitor_champion(uri, mlflow_uri, declare_model(case), replace(case.spec, **change), "", NOW)
    assert read_all(uri, "decisions") == []


@only_machines
def test_a_worker_that_was_overtaken_decides_nothing(
    uri: str, mlflow_uri: str, case: ModelCase, monkeypatch: pytest.MonkeyPatch
) -> None:
    measure_drift = monitor.measure_drift

    def measure_slowly(*arguments: Any) -> Any:
        with open_session(uri) as session:
            take_fence(session, f"monitoring.{case.name}")
        return measure_drift(*arguments)

    monkeypatch.setattr(monitor, "measure_drift", measure_slowly)
    with pytest.raises(StaleWriterError):
        watch(uri, mlflow_uri, case)
    assert [read_all(uri, table) for table in ("performance", "drift", "decisions")] == [[], [], []]


@pytest.mark.parametrize(("score_name", "baseline"), [("accuracy", None), ("auc", Baseline(0.9, 0.88, 0.92))])
def test_a_version_with_another_score_has_no_baseline(
    warehouse_uri: str, mlflow_uri: str, score_name: str, baseline: Baseline | None
) -> None:
    number = register(warehouse_uri, mlflow_uri, MACHINE, score_name=score_name)
    with open_session(warehouse_uri) as session:
        version = require_version(session, MACHINE.name, number)
    contract = load_contract(mlflow_uri, version)
    assert contract == MACHINE.contract
    assert read_baseline(contract, version) == baseline


@only_machines
def test_a_registry_that_is_away_is_said_to_be(uri: str, case: ModelCase) -> None:
    with pytest.raises(RegistryError, match="is away"):
        watch(uri, "http://127.0.0.1:9", case)
