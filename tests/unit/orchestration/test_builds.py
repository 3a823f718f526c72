"""What the task that publishes a group tells Airflow, and what the run makes of a refusal."""

from __future__ import annotations

from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import pytest

from include.features.builds import BUILD_TASK, UNDONE, record_build
from include.features.read import read_as_of_dates
from include.ingestion.version import read_data_version
from include.orchestration.dbt_trigger import FAILED_TESTS
from include.warehouse.session import open_session
from tests.unit.feature_quality.conftest import DATES, READINGS, add_day, make_group

DATA_VERSION = "data_version"


@dataclass
class TaskInstance:
    """What the functions ask of Airflow: XComs, and the states of the run's tasks."""

    states: dict[str, str]
    task_id: str = "publish_readings"
    dag_id: str = "build_features"
    run_id: str = "second"
    pushed: dict[tuple[str, str], Any] = field(default_factory=dict)

    try_number: int = 1
    max_tries: int = 3

    def __post_init__(self) -> None:
        self.states = {BUILD_TASK: "success", f"{BUILD_TASK}_done": "success", **self.states}
        self.pushed[BUILD_TASK, DATA_VERSION] = "the data's version"

    def xcom_push(self, key: str, value: Any) -> None:
        self.pushed[self.task_id, key] = value

    def xcom_pull(self, task_ids: str, key: str) -> Any:
        return self.pushed.get((task_ids, key))

    def get_task_states(self, dag_id: str, run_ids: list[str]) -> dict[str, dict[str, str]]:
        return {self.run_id: self.states}


@pytest.mark.usefixtures("airflow_home")
def test_a_refused_group_fails_its_task_for_good_and_the_build_is_kept_as_done(warehouse_uri: str) -> None:
    from airflow.sdk.exceptions import AirflowFailException

    from include.orchestration.builds import publish_validated, record_run

    with open_session(warehouse_uri) as session:
        for statement in READINGS:
            session.execute(statement)
        for number in range(DATES):
            add_day(session, number)
    ti = TaskInstance({"publish_readings": "failed", "dbt.readings": "success"})
    published = publish_validated({"ti": ti, "run_id": "first"}, warehouse_uri, make_group())
    assert (published["rows"], published["changed_dates"], published["score"]) == (200, DATES, 1.0)

    with open_session(warehouse_uri) as session:
        add_day(session, DATES, heat="null")
    with pytest.raises(AirflowFailException, match="Features: heat"):
        publish_validated({"ti": ti, "run_id": "second"}, warehouse_uri, make_group())
    with pytest.raises(AirflowFailException, match="publish_readings failed completeness of heat"):
        record_run({"ti": ti}, warehouse_uri, [make_group()])

    with open_session(warehouse_uri) as session:
        assert session.fetch_value("select data_version from governance.feature_builds") != UNDONE


@pytest.mark.usefixtures("airflow_home")
def test_an_online_model_with_two_rows_of_an_entity_is_a_finding_and_not_work_left_undone(warehouse_uri: str) -> None:
    from airflow.sdk.exceptions import AirflowFailException

    from include.orchestration.builds import publish_validated, record_run

    with open_session(warehouse_uri) as session:
        for statement in READINGS:
            session.execute(statement)
        session.execute("create or replace view latest.readings as select * from features.readings")
        for number in range(2):
            add_day(session, number)
    ti = TaskInstance({"publish_readings": "failed", "dbt.readings": "success"})

    with pytest.raises(AirflowFailException, match="entities with more than one row"):
        publish_validated({"ti": ti, "run_id": "first"}, warehouse_uri, make_group())
    with pytest.raises(AirflowFailException, match="publish_readings failed one row for each entity"):
        record_run({"ti": ti}, warehouse_uri, [make_group()])
    with open_session(warehouse_uri) as session:
        assert session.fetch_value("select data_version from governance.feature_builds") != UNDONE


@pytest.mark.usefixtures("airflow_home")
def test_what_a_build_has_changed_of_a_group_whose_dbt_test_failed_is_read_by_nobody_until_it_is_validated(
    warehouse_uri: str,
) -> None:
    from airflow.sdk.exceptions import AirflowFailException

    from include.orchestration.builds import publish_validated, record_run

    with open_session(warehouse_uri) as session:
        for statement in READINGS:
            session.execute(statement)
        for number in range(DATES):
            add_day(session, number)
    group = make_group()
    ti = TaskInstance({"publish_readings": "success", "dbt.readings": "success"})
    publish_validated({"ti": ti, "run_id": "first"}, warehouse_uri, group)

    def read_dates() -> list[int]:
        with open_session(warehouse_uri) as session:
            return [day.day for day in read_as_of_dates(session, group.location)]

    # dbt has restated the third day and added one; its own test of the table failed, so that publishing is left out.
    with open_session(warehouse_uri) as session:
        session.execute("update features.readings set heat = 99 where as_of_date = '2024-03-03'")
        add_day(session, DATES)
    assert read_dates() == list(range(1, DATES + 2))
    failed = TaskInstance({"publish_readings": "upstream_failed", "dbt.readings": "failed"})
    failed.pushed["dbt.readings", FAILED_TESTS] = ["accepted_range_readings_heat"]
    with pytest.raises(AirflowFailException, match="accepted_range_readings_heat"):
        record_run({"ti": failed}, warehouse_uri, [group])

    assert read_dates() == [day for day in range(1, DATES + 1) if day != 3]
    with open_session(warehouse_uri) as session:
        told = session.fetch_one(
            "select passed, date_count, reason from quality.feature_validations where build_key = 'second'"
        )
    assert told is not None
    assert (told["passed"], told["date_count"]) == (False, 2)
    assert "not validated: a test has failed" in told["reason"]

    with open_session(warehouse_uri) as session:
        session.execute("update features.readings set heat = 20 where as_of_date = '2024-03-03'")
    publish_validated({"ti": ti, "run_id": "third"}, warehouse_uri, group)
    record_run({"ti": ti}, warehouse_uri, [group])
    assert read_dates() == list(range(1, DATES + 2))


@pytest.mark.usefixtures("airflow_home")
def test_a_group_that_was_never_built_holds_nothing_back(warehouse_uri: str) -> None:
    from airflow.sdk.exceptions import AirflowFailException

    from include.orchestration.builds import record_run

    ti = TaskInstance({"publish_readings": "upstream_failed", "dbt.readings": "failed"})

    with pytest.raises(AirflowFailException, match="was not done"):
        record_run({"ti": ti}, warehouse_uri, [make_group()])


@pytest.mark.usefixtures("airflow_home")
def test_a_group_that_cannot_be_held_back_is_logged_and_the_build_is_recorded(
    warehouse_uri: str, caplog: pytest.LogCaptureFixture
) -> None:
    from airflow.sdk.exceptions import AirflowFailException

    from include.orchestration.builds import record_run

    with open_session(warehouse_uri) as session:
        session.execute("create table features.readings (renamed date)")
    ti = TaskInstance({"publish_readings": "upstream_failed", "dbt.readings": "failed"})

    with pytest.raises(AirflowFailException, match=r"dbt\.readings was not done"):
        record_run({"ti": ti}, warehouse_uri, [make_group()])

    assert "What has changed of readings could not be held back" in caplog.text
    with open_session(warehouse_uri) as session:
        assert session.fetch_value("select data_version from governance.feature_builds") == UNDONE


def begin(ti: TaskInstance, uri: str, run_type: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Begin the build as the task that runs dbt does."""
    from include.orchestration import builds

    monkeypatch.setattr(builds, "warehouse_uri", lambda: uri)
    ti.task_id = BUILD_TASK
    builds.begin_build({"ti": ti, "dag_run": SimpleNamespace(run_type=run_type), "task": SimpleNamespace(retries=3)})


@pytest.mark.usefixtures("airflow_home")
def test_the_hourly_look_builds_nothing_and_notes_nothing_where_nothing_has_changed(
    warehouse_uri: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from airflow.sdk.exceptions import AirflowSkipException

    from include.orchestration.builds import record_run

    ti = TaskInstance({BUILD_TASK: "skipped", "dbt.readings": "skipped", "publish_readings": "skipped"})
    with pytest.raises(AirflowSkipException):
        begin(ti, warehouse_uri, "scheduled", monkeypatch)
    with pytest.raises(AirflowSkipException):
        record_run({"ti": ti}, warehouse_uri, [make_group()])
    with open_session(warehouse_uri) as session:
        assert session.fetch_value("select count(*) from governance.feature_builds") == 0


@pytest.mark.usefixtures("airflow_home")
@pytest.mark.parametrize("run_type", ["manual", "asset_triggered"])
def test_whoever_asks_for_a_build_gets_one(warehouse_uri: str, monkeypatch: pytest.MonkeyPatch, run_type: str) -> None:
    ti = TaskInstance({})

    begin(ti, warehouse_uri, run_type, monkeypatch)

    with open_session(warehouse_uri) as session:
        assert ti.pushed[BUILD_TASK, DATA_VERSION] == read_data_version(session)


@pytest.mark.usefixtures("airflow_home")
def test_a_look_that_is_tried_again_looks_again_and_one_that_is_cleared_builds(
    warehouse_uri: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from airflow.sdk.exceptions import AirflowSkipException

    with pytest.raises(AirflowSkipException):
        begin(TaskInstance({}, try_number=2), warehouse_uri, "scheduled", monkeypatch)
    begin(TaskInstance({}, try_number=2, max_tries=4), warehouse_uri, "scheduled", monkeypatch)


@pytest.mark.usefixtures("airflow_home")
def test_a_build_that_was_tried_again_is_followed_by_another_one(
    warehouse_uri: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its first try may have published groups without what arrived since, which the second one has built."""
    from include.orchestration.builds import record_run

    ti = TaskInstance({"dbt.readings": "success", "publish_readings": "success"}, try_number=2)
    begin(ti, warehouse_uri, "asset_triggered", monkeypatch)
    record_run({"ti": ti}, warehouse_uri, [])

    with open_session(warehouse_uri) as session:
        assert session.fetch_value("select data_version from governance.feature_builds") == UNDONE


@pytest.mark.usefixtures("airflow_home")
def test_what_a_person_builds_in_a_run_that_had_nothing_to_build_is_noted(warehouse_uri: str) -> None:
    from airflow.sdk.exceptions import AirflowFailException

    from include.orchestration.builds import record_run

    ti = TaskInstance({BUILD_TASK: "skipped", "dbt.readings": "success", "publish_readings": "failed"})
    ti.pushed.clear()

    with pytest.raises(AirflowFailException, match="publish_readings was not done"):
        record_run({"ti": ti}, warehouse_uri, [])
    with open_session(warehouse_uri) as session:
        assert session.fetch_value("select data_version from governance.feature_builds") == UNDONE


@pytest.mark.usefixtures("airflow_home")
def test_a_build_that_a_person_has_marked_as_done_is_not_noted_as_of_any_data(warehouse_uri: str) -> None:
    from include.orchestration.builds import record_run

    ti = TaskInstance({"dbt.readings": "success", "publish_readings": "success"})
    ti.pushed.clear()
    record_run({"ti": ti}, warehouse_uri, [])

    with open_session(warehouse_uri) as session:
        assert session.fetch_value("select data_version from governance.feature_builds") == UNDONE


@pytest.mark.usefixtures("airflow_home")
def test_the_hourly_look_builds_what_arrived_since(warehouse_uri: str, monkeypatch: pytest.MonkeyPatch) -> None:
    record_build(warehouse_uri, "an older version")
    with open_session(warehouse_uri) as session:
        session.execute(
            "insert into raw.partitions (source, batch_day, row_count, content_hash) values ('a', '2026-03-09', 1, 'x')"
        )
        version = read_data_version(session)
    ti = TaskInstance({})

    begin(ti, warehouse_uri, "scheduled", monkeypatch)

    assert ti.pushed[BUILD_TASK, DATA_VERSION] == version


@pytest.mark.usefixtures("airflow_home")
def test_a_build_that_never_read_the_data_s_version_is_not_done(warehouse_uri: str) -> None:
    from airflow.sdk.exceptions import AirflowFailException

    from include.orchestration.builds import record_run

    ti = TaskInstance({BUILD_TASK: "failed", "dbt.readings": "skipped", "publish_readings": "skipped"})
    ti.pushed.clear()

    with pytest.raises(AirflowFailException, match="was not done"):
        record_run({"ti": ti}, warehouse_uri, [])
    with open_session(warehouse_uri) as session:
        assert session.fetch_value("select data_version from governance.feature_builds") == UNDONE
