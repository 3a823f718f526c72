"""The build reports each node once, and only what a model's task reads."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.sdk.exceptions import AirflowException, AirflowFailException
from cosmos import ProfileConfig
from cosmos.profiles import PostgresUserPasswordProfileMapping

from include.orchestration.dbt_build import FAILED_TESTS, DbtBuild, DbtModel, TestsFailedError, report_once

MODEL, TEST = "model.shop.days", "test.shop.unique_days"


@pytest.fixture
def producer(tmp_path: Path) -> DbtBuild:
    profile = PostgresUserPasswordProfileMapping(conn_id="warehouse", profile_args={"schema": "features"})
    return DbtBuild(
        task_id="producer", project_dir=str(tmp_path), tests_per_model={MODEL: [TEST]}, emit_datasets=False,
        profile_config=ProfileConfig(profile_name="shop", target_name="airflow", profile_mapping=profile),
    )  # fmt: skip


def describe(name: str, unique_id: str, status: str, **data: Any) -> str:
    """One event, as dbt writes it with ``--log-format json``."""
    kind = unique_id.partition(".")[0]
    node = {"unique_id": unique_id, "node_status": status, "resource_type": kind, "node_path": "days.sql"}
    return json.dumps({"info": {"name": name, "msg": name, "level": "info"}, "data": {"node_info": node, **data}})


def read_reports(producer: DbtBuild, *lines: str) -> list[tuple[str, Any]]:
    """What the lines make the producer report: key and value of each XCom."""
    reports: list[tuple[str, Any]] = []
    ti = SimpleNamespace(
        xcom_push=lambda key, value: reports.append((key, value)), xcom_pull=lambda *_, **__: None, task_id="producer"
    )
    parse = producer._make_parse_callable()
    for line in lines:
        parse(line, {"context": {"ti": ti}, "project_dir": producer.project_dir})
    return reports


def test_a_model_that_dbt_mentions_five_times_is_reported_once(producer: DbtBuild) -> None:
    reports = read_reports(
        producer,
        describe("LogStartLine", MODEL, "started"), describe("NodeStart", MODEL, "started"),
        describe("NodeExecuting", MODEL, "executing"), describe("LogModelResult", MODEL, "success"),
        describe("NodeFinished", MODEL, "success", run_result={"message": "SELECT 3"}),
    )  # fmt: skip

    assert [key for key, _ in reports] == ["model__shop__days_dbt_event", "model__shop__days_status"]
    assert reports[0][1]["msg"] == "SELECT 3"
    assert reports[1][1]["status"] == "success"


def test_a_failed_model_is_reported_with_its_error(producer: DbtBuild) -> None:
    reports = dict(
        read_reports(
            producer,
            describe("LogModelResult", MODEL, "error"),
            describe("NodeFinished", MODEL, "error", run_result={"message": "relation does not exist"}),
        )
    )

    assert reports["model__shop__days_status"]["status"] == "error"
    assert reports["model__shop__days_dbt_event"]["msg"] == "relation does not exist"


def test_a_model_left_out_after_a_failure_counts_as_failed(producer: DbtBuild) -> None:
    reports = dict(
        read_reports(
            producer, describe("SkippingDetails", MODEL, "skipped"), describe("NodeFinished", MODEL, "skipped")
        )
    )

    assert reports["model__shop__days_status"]["status"] == "failed"


@pytest.mark.parametrize("status", ["pass", "fail"])
def test_the_tests_of_a_model_are_reported_together(producer: DbtBuild, status: str) -> None:
    lines = (describe("LogTestResult", TEST, status), describe("NodeFinished", TEST, status))

    reports = read_reports(producer, *lines)

    assert [value for key, value in reports if key == "model__shop__days_tests_status"] == [status]


def test_a_test_of_two_models_of_which_one_failed_says_nothing_of_the_other(producer: DbtBuild) -> None:
    lines = (describe("SkippingDetails", TEST, "skipped"), describe("NodeFinished", TEST, "skipped"))

    assert dict(read_reports(producer, *lines))["model__shop__days_tests_status"] == "pass"


def test_what_a_driver_prints_is_logged(producer: DbtBuild, caplog: pytest.LogCaptureFixture) -> None:
    assert read_reports(producer, "open https://login.example in a browser") == []
    assert "login.example" in caplog.text


@pytest.fixture
def model(producer: DbtBuild) -> DbtModel:
    """The task of a model with two tests."""
    task = DbtModel(
        task_id="days", project_dir=producer.project_dir, profile_config=producer.profile_config,
        extra_context={"dbt_node_config": {"unique_id": MODEL}}, producer_task_id="producer",
    )  # fmt: skip
    task.tests = {TEST: "unique_days", "test.shop.agree.1f": "agree"}
    return task


class Ti:
    """A task instance with what the build has reported; Airflow gives one to running tasks only."""

    def __init__(self, **statuses: str) -> None:
        self.reports = {
            f"test__shop__{name}_dbt_event": {"status": status, "msg": f"said {status}"}
            for name, status in statuses.items()
        }
        self.pushed: dict[str, Any] = {}

    def xcom_pull(self, task_ids: str, key: str) -> Any:
        assert task_ids == "producer"
        return self.reports.get(key)

    def xcom_push(self, key: str, value: Any) -> None:
        self.pushed[key] = value


REFUSED = {"status": "failed", "reason": "tests_failed"}


def test_failed_tests_are_named_and_not_tried_again(model: DbtModel) -> None:
    ti = Ti(unique_days="fail", agree__1f="pass")

    with pytest.raises(
        AirflowFailException, match="days was built, and tests of it failed: \n  unique_days: said fail"
    ):
        model.execute_complete({"ti": ti}, REFUSED)

    assert ti.pushed == {FAILED_TESTS: ["unique_days"]}


@pytest.mark.parametrize("other", ["fail", "pass"])
def test_a_test_that_could_not_be_run_is_no_finding_and_is_tried_again(model: DbtModel, other: str) -> None:
    ti = Ti(unique_days="error", agree__1f=other)

    with pytest.raises(AirflowException, match="could not be run") as raised:
        model.execute_complete({"ti": ti}, REFUSED)

    assert not isinstance(raised.value, AirflowFailException)
    assert ti.pushed == {FAILED_TESTS: []}


def test_what_an_earlier_try_has_found_does_not_stay(model: DbtModel) -> None:
    ti = Ti()

    with pytest.raises(AirflowException, match="failed"):
        model.execute_complete({"ti": ti}, {"status": "failed", "reason": "node_failed"})

    assert ti.pushed == {FAILED_TESTS: []}


def describe_result(**statuses: str) -> Any:
    """What dbt returns of a run that failed."""
    results = [
        SimpleNamespace(node=SimpleNamespace(name=n), status=s, message=f"said {s}") for n, s in statuses.items()
    ]
    return SimpleNamespace(success=False, exception=None, result=SimpleNamespace(results=results))


def test_a_task_that_ran_dbt_itself_tells_failed_tests_from_all_else(model: DbtModel) -> None:
    with pytest.raises(TestsFailedError, match="unique_days"):
        model.handle_exception_dbt_runner(describe_result(days="success", unique_days="fail"))
    with pytest.raises(Exception, match="said error") as raised:
        model.handle_exception_dbt_runner(describe_result(days="error", unique_days="fail"))
    assert not isinstance(raised.value, TestsFailedError)


def test_the_build_leaves_no_copy_of_its_reports_behind(producer: DbtBuild) -> None:
    from cosmos.operators._watcher.xcom import _backup_xcom_to_variable

    kept = [print]
    producer.on_failure_callback = [*kept, _backup_xcom_to_variable]
    producer.__class__ = DbtBuild.__mro__[1]

    report_once(producer, {MODEL: [TEST]})

    assert isinstance(producer, DbtBuild)
    assert (producer.on_failure_callback, producer.on_retry_callback) == (kept, [])
