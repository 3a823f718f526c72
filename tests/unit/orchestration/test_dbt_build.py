"""The build reports what became of its nodes, and tells tests that failed from what dbt could not do."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.sdk.exceptions import AirflowFailException
from cosmos import ProfileConfig
from cosmos.profiles import PostgresUserPasswordProfileMapping
from dbt.events import core_types_pb2

from include.orchestration.dbt_build import DbtBuild, DbtModel, TestsFailedError
from include.orchestration.dbt_reports import REPORTS, BuildReports
from include.orchestration.dbt_trigger import FAIL, FAILED_TESTS

MODEL, TEST = "model.shop.days", "test.shop.unique_days"


@pytest.fixture
def producer(tmp_path: Path) -> DbtBuild:
    profile = PostgresUserPasswordProfileMapping(conn_id="warehouse", profile_args={"schema": "features"})
    return DbtBuild(
        task_id="producer", project_dir=str(tmp_path), emit_datasets=False,
        profile_config=ProfileConfig(profile_name="shop", target_name="airflow", profile_mapping=profile),
    )  # fmt: skip


def make_event(name: str, unique_id: str, status: str, message: str = "", level: str = "info") -> Any:
    """One event, as dbt hands it to its callbacks."""
    event = getattr(core_types_pb2, f"{name}Msg")()
    event.info.name, event.info.msg, event.info.level = name, f"{name} {unique_id}", level
    node = event.data.node_info
    node.unique_id, node.node_status, node.resource_type = unique_id, status, unique_id.partition(".")[0]
    node.node_path = "marts/days.sql"
    if name == "NodeFinished":
        event.data.run_result.message = message
    return event


def read_reports(folder: Path, *events: Any) -> tuple[dict[str, Any], list[str]]:
    """What is left of the XComs after the events, and the keys in the order in which they were first written."""
    xcoms: dict[str, Any] = {}
    with BuildReports(xcoms.__setitem__, folder) as reports:
        for event in events:
            reports.take(event)
    return xcoms, [*xcoms]


def test_what_became_of_each_node_is_reported(tmp_path: Path) -> None:
    xcoms, _ = read_reports(
        tmp_path,
        make_event("LogStartLine", MODEL, "started"), make_event("NodeStart", MODEL, "started"),
        make_event("NodeExecuting", MODEL, "executing"), make_event("LogModelResult", MODEL, "success"),
        make_event("NodeFinished", MODEL, "success", "SELECT 3"), make_event("NodeFinished", TEST, "fail", "Got 2"),
    )  # fmt: skip

    assert xcoms == {
        REPORTS: {MODEL: {"status": "success", "message": "SELECT 3"}, TEST: {"status": "fail", "message": "Got 2"}}
    }


def test_the_compiled_sql_of_a_model_is_there_before_its_report(tmp_path: Path) -> None:
    file = tmp_path / "target/compiled/shop/models/marts/days.sql"
    file.parent.mkdir(parents=True)
    file.write_text("select 1")

    xcoms, keys = read_reports(tmp_path, make_event("NodeFinished", MODEL, "error", "no such column"))

    assert keys == ["sql.1.1", REPORTS]
    assert xcoms["sql.1.1"] == {MODEL: "select 1"}
    assert xcoms[REPORTS][MODEL] == {"status": "error", "message": "no such column", "sql": "sql.1.1"}


def test_models_that_end_together_share_an_xcom_which_another_try_does_not_touch(tmp_path: Path) -> None:
    xcoms: dict[str, Any] = {}
    models = ["days", "weeks"]
    for name in models:
        file = tmp_path / f"target/compiled/shop/models/{name}.sql"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(f"select {name}")

    with BuildReports(xcoms.__setitem__, tmp_path, try_number=2) as reports:
        for name in models:
            event = make_event("NodeFinished", f"model.shop.{name}", "success")
            event.data.node_info.node_path = f"{name}.sql"
            reports.take(event)

    assert [*xcoms] == ["sql.2.1", REPORTS]
    assert xcoms["sql.2.1"] == {f"model.shop.{name}": f"select {name}" for name in models}


def test_a_test_of_two_models_of_which_one_failed_says_nothing_of_the_other(tmp_path: Path) -> None:
    xcoms, _ = read_reports(
        tmp_path, make_event("NodeFinished", TEST, "skipped"), make_event("NodeFinished", MODEL, "skipped")
    )

    assert {name: node["status"] for name, node in xcoms[REPORTS].items()} == {TEST: "pass", MODEL: "skipped"}


def test_dbt_waits_for_no_report(tmp_path: Path) -> None:
    pushed: list[Any] = []
    with BuildReports(lambda _, value: pushed.append(value), tmp_path) as reports:
        for number in range(500):
            reports.take(make_event("NodeFinished", f"model.shop.m{number}", "success"))
        assert len(pushed) <= 1

    assert len(pushed[-1]) == 500


def test_lines_of_dbt_are_logged_at_their_level(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level("DEBUG"):
        read_reports(
            tmp_path, make_event("NodeStart", MODEL, "started"), make_event("NodeStart", TEST, "", level="error"),
            make_event("NodeExecuting", MODEL, "executing", level="debug"),
        )  # fmt: skip

    assert [(line.levelname, line.getMessage()) for line in caplog.records] == [
        ("INFO", f"NodeStart {MODEL}"), ("ERROR", f"NodeStart {TEST}"),
    ]  # fmt: skip


def test_a_report_that_cannot_be_sent_fails_the_build_at_its_end(tmp_path: Path) -> None:
    def push(*_: Any) -> None:
        raise ConnectionError("Airflow is away")

    reports = BuildReports(push, tmp_path)
    with pytest.raises(ConnectionError, match="away"), reports:
        reports.take(make_event("NodeFinished", MODEL, "success"))
    with pytest.raises(ValueError, match="dbt's own"), BuildReports(push, tmp_path):
        raise ValueError("dbt's own")


class Ti:
    """Keeps what a task writes; Airflow gives a task instance to running tasks only."""

    def __init__(self) -> None:
        self.pushed: dict[str, Any] = {}

    def xcom_push(self, key: str, value: Any) -> None:
        self.pushed[key] = value


def describe_result(**statuses: str) -> Any:
    """What dbt returns of a run that failed."""
    results = [
        SimpleNamespace(node=SimpleNamespace(name=n), status=s, message=f"said {s}") for n, s in statuses.items()
    ]
    return SimpleNamespace(success=False, exception=None, result=SimpleNamespace(results=results))


@pytest.fixture
def model(producer: DbtBuild) -> DbtModel:
    """The task of a model with two tests."""
    task = DbtModel(
        task_id="days", project_dir=producer.project_dir, profile_config=producer.profile_config,
        extra_context={"dbt_node_config": {"unique_id": MODEL}}, producer_task_id="producer",
    )  # fmt: skip
    task.tests = {TEST: "unique_days", "test.shop.agree.1f": "agree"}
    return task


def let_dbt_return(task: Any, monkeypatch: pytest.MonkeyPatch, method: str, **statuses: str) -> None:
    """Let dbt have run with this result; what Cosmos does with it is its own."""

    def run(*_: Any, **__: Any) -> None:
        task.handle_exception_dbt_runner(describe_result(**statuses))

    owner = next(base for base in type(task).__mro__[2:] if method in vars(base))
    monkeypatch.setattr(owner, method, run)


def test_once_dbt_is_done_and_reported_the_task_leaves_the_processor_to_others(
    producer: DbtBuild, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    from include.orchestration import dbt_build

    order: list[str] = []
    ti = SimpleNamespace(try_number=1, xcom_push=lambda key, value: order.append(f"report {key}"))

    def run(task: DbtBuild, *_: Any) -> str:
        task._dbt_runner_callbacks[-1](make_event("NodeFinished", MODEL, "success"))
        order.append("dbt")
        return "result"

    monkeypatch.setattr(dbt_build, "run_dbt", run)
    monkeypatch.setattr(dbt_build.os, "nice", lambda by: order.append(f"nice {by}"))
    producer._dbt_runner_callbacks = None
    assert producer.run_dbt_runner(["dbt", "build"], {}, str(tmp_path), context={"ti": ti}) == "result"
    assert order == ["dbt", f"report {REPORTS}", "nice 10"]


def test_a_build_whose_tests_failed_is_not_tried_again(producer: DbtBuild, monkeypatch: pytest.MonkeyPatch) -> None:
    ti = Ti()
    let_dbt_return(producer, monkeypatch, "execute", days="success", unique_days="fail")

    with pytest.raises(AirflowFailException, match="unique_days: said fail"):
        producer.execute({"ti": ti})
    assert ti.pushed == {FAILED_TESTS: ["unique_days"]}


def test_a_build_in_which_something_could_not_be_done_is_tried_again(
    producer: DbtBuild, monkeypatch: pytest.MonkeyPatch
) -> None:
    ti = Ti()
    let_dbt_return(producer, monkeypatch, "execute", days="error", unique_days="fail")

    with pytest.raises(Exception, match="said error") as raised:
        producer.execute({"ti": ti})
    assert not isinstance(raised.value, AirflowFailException)
    assert ti.pushed == {}


def test_a_model_that_is_built_anew_names_the_tests_that_failed(
    model: DbtModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    ti = Ti()
    let_dbt_return(model, monkeypatch, "build_and_run_cmd", days="success", unique_days="fail")

    with pytest.raises(
        AirflowFailException, match="days was built, and tests of it failed: \n  unique_days: said fail"
    ):
        model.execute_complete({"ti": ti}, {"status": "build_it"})

    assert ti.pushed == {FAILED_TESTS: ["unique_days"]}
    assert model.select == "days unique_days agree"


def test_a_model_fails_with_the_reason_of_its_trigger(model: DbtModel) -> None:
    ti = Ti()

    with pytest.raises(AirflowFailException, match="days was built"):
        model.execute_complete({"ti": ti}, {"status": FAIL, "reason": "days was built", FAILED_TESTS: ["unique_days"]})
    assert ti.pushed == {FAILED_TESTS: ["unique_days"]}


def test_what_an_earlier_try_has_found_does_not_stay(model: DbtModel, monkeypatch: pytest.MonkeyPatch) -> None:
    ti = Ti()
    monkeypatch.setattr(DbtModel, "build_and_run_cmd", lambda *_, **__: None)

    model.execute({"ti": ti})

    assert ti.pushed == {FAILED_TESTS: []}


def test_a_task_that_ran_dbt_itself_tells_failed_tests_from_all_else(model: DbtModel) -> None:
    with pytest.raises(TestsFailedError, match="unique_days"):
        model.handle_exception_dbt_runner(describe_result(days="success", unique_days="fail"))
    with pytest.raises(Exception, match="said error") as raised:
        model.handle_exception_dbt_runner(describe_result(days="error", unique_days="fail"))
    assert not isinstance(raised.value, TestsFailedError)
