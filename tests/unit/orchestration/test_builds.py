"""What the task that publishes a group tells Airflow, and what the run makes of a refusal."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pytest

from include.features.builds import UNDONE
from include.warehouse.session import open_session
from tests.unit.feature_quality.conftest import DATES, READINGS, add_day, make_group


@dataclass
class TaskInstance:
    """What the functions ask of Airflow: XComs, and the states of the run's tasks."""

    states: dict[str, str]
    task_id: str = "publish_readings"
    dag_id: str = "build_features"
    run_id: str = "second"
    pushed: dict[tuple[str, str], Any] = field(default_factory=dict)

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
        record_run({"ti": ti}, warehouse_uri, "the data's version")

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
        record_run({"ti": ti}, warehouse_uri, "the data's version")
    with open_session(warehouse_uri) as session:
        assert session.fetch_value("select data_version from governance.feature_builds") != UNDONE
