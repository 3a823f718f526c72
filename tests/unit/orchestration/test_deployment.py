"""The steps of a deployment, each on the state that a real warehouse and a real registry are in."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from include.errors import ApprovalError, RegistryError, RolloutError, WarehouseError
from include.governance.approvals import Approval, record_approval
from include.registry.ledger import RegisteredVersion, list_versions, record_decision, require_version
from include.registry.registry import CHALLENGER, CHAMPION, find_alias_run
from include.rollout.check import Check
from include.rollout.runs import DeploymentRun
from include.rollout.server_address import ServerAddress
from include.rollout.staging import StagingReport
from include.rollout.state import RolloutState, bootstrap_champion, require_rollout, roll_back, set_weight, start_canary
from include.servers.ports import find_free_port
from include.settings import load_settings
from include.settings.models import ModelSettings
from include.warehouse.session import Row, open_session
from tests.unit.registry.conftest import (
    MakeResult,
    classifier,
    make_result,
    mlflow_server,
    model_name,
    onnx_bytes,
    tracking_uri,
)
from tests.unit.registry.planting import make_measured, plant_version, register
from tests.unit.settings.conftest import WriteModel, config_dir, write_model

__all__ = [
    "classifier", "config_dir", "make_result", "mlflow_server", "model_name", "onnx_bytes", "tracking_uri",
    "write_model",
]  # fmt: skip

pytestmark = pytest.mark.usefixtures("airflow_home")

NOWHERE = "http://127.0.0.1:9"
"""A canary needs no MLflow."""
SEEN = {"version": 2, "trained_by": "grace", "summary": "| auc | 0.85 |"}


@pytest.fixture
def model(config_dir: Path, write_model: WriteModel, model_name: str) -> ModelSettings:
    """A model of this test's own, two approvers, and a canary that needs few answers and little time."""
    criteria = {"min_samples": 5, "min_interval_s": 0.001, "max_wait_s": 3600.0, "poll_interval_s": 0.02}
    write_model(
        model_name,
        governance={"approvers": ["ada", "grace"]},
        rollout={"canary": {"steps": [0.05, 0.5, 1.0], "criteria": criteria}},
    )
    return load_settings(config_dir, "development").models[model_name]


@pytest.fixture
def champion_uri(warehouse_uri: str, model: ModelSettings) -> str:
    """A warehouse in which version 1 is the champion, and 2 is approved."""
    plant_version(warehouse_uri, model.name, make_measured(family="baseline"))
    approve(warehouse_uri, model.name, plant_version(warehouse_uri, model.name, make_measured()))
    with open_session(warehouse_uri) as session:
        bootstrap_champion(session, model.name, 1)
    return warehouse_uri


@pytest.fixture
def versions(warehouse_uri: str, tracking_uri: str, make_result: MakeResult, model_name: str) -> tuple[int, int]:
    """The baseline, which is the first champion, and an approved candidate, in warehouse and registry."""
    champion = register(warehouse_uri, tracking_uri, model_name, make_result(family="baseline"))
    candidate = register(warehouse_uri, tracking_uri, model_name, make_result())
    approve(warehouse_uri, model_name, candidate)
    return champion, candidate


def approve(uri: str, name: str, version: int) -> None:
    """What the task record_approval leaves behind of a yes."""
    with open_session(uri) as session:
        record_approval(session, Approval(name, version, "Approve", "ada", "scientist", "d", f"run {version}"))


def read_alias(uri: str, tracking_uri: str, name: str) -> int | None:
    """The version to whose run MLflow's alias points."""
    run_id = find_alias_run(tracking_uri, name, CHAMPION)
    with open_session(uri) as session:
        return next((one.version for one in list_versions(session, name) if one.run_id == run_id), None)


def make_context(
    seen: dict[str, Any] | None, answer: dict[str, Any] | None, shadow: dict[str, Any] | None = None
) -> dict[str, Any]:
    """The part of Airflow's context that holds what the tasks before have returned."""
    results = {"check_staging": seen, "approve": answer, "shadow": shadow}

    def pull(task_ids: str) -> dict[str, Any] | None:
        return results.get(task_ids)

    return {
        "ti": SimpleNamespace(xcom_pull=pull),
        "dag_run": SimpleNamespace(dag_id="machines.deploy_model", run_id="manual__1"),
    }


def make_answer(option: str, user: str | None) -> dict[str, Any]:
    """What Airflow returns of a question; nobody's answer is the default after the time is up."""
    return {"chosen_options": [option], "responded_by_user": user and {"id": user, "name": user}}


def read_ledger(uri: str) -> list[Row]:
    with open_session(uri) as session:
        return session.fetch_all(
            "select model_version, decision, answered_by, trained_by, dag_id, run_id, seen, reason "
            "from governance.approvals order by id"
        )


def list_told(uri: str) -> list[tuple[str, int]]:
    """The events that were told, by kind and version."""
    with open_session(uri) as session:
        rows = session.fetch_all("select event, model_version from governance.notifications order by id")
    return [(row["event"], row["model_version"]) for row in rows]


def read_state(uri: str, model: ModelSettings) -> RolloutState:
    with open_session(uri) as session:
        return require_rollout(session, model.name)


def test_an_approval_reaches_the_ledger_with_what_was_seen(warehouse_uri: str, model: ModelSettings) -> None:
    from include.orchestration.deployment import record_answer

    said = record_answer(make_context(SEEN, make_answer("Approve", "ada")), warehouse_uri, model)

    assert said == {"answered_by": "ada", "trained_by": "grace", "decision": "Approve"}
    [row] = read_ledger(warehouse_uri)
    assert "ada approved" in row.pop("reason")
    assert row == {
        "model_version": 2, "decision": "approved", "answered_by": "ada", "trained_by": "grace",
        "dag_id": "machines.deploy_model", "run_id": "manual__1", "seen": {"summary": "| auc | 0.85 |"},
    }  # fmt: skip


def test_the_report_of_a_shadow_test_is_part_of_what_was_seen(warehouse_uri: str, model: ModelSettings) -> None:
    from include.orchestration.deployment import record_answer

    context = make_context(SEEN, make_answer("Approve", "ada"), {"summary": "\n| failed | yes |"})
    record_answer(context, warehouse_uri, model)

    assert read_ledger(warehouse_uri)[0]["seen"] == {"summary": "| auc | 0.85 |\n| failed | yes |"}


@pytest.mark.parametrize(
    ("option", "user", "reason"),
    [
        ("Reject", "ada", "ada answered 'Reject'"),
        ("Approve", "grace", "grace trained"),
        ("Approve", "eve", "eve may not approve"),
        ("Reject", None, "Nobody answered"),
        ("Approve", None, "Nobody answered"),
    ],
    ids=["refused", "by the trainer", "by a stranger", "time is up", "a default of yes"],
)
def test_whatever_is_no_approval_is_recorded_as_refused_and_stops_the_run(
    warehouse_uri: str, model: ModelSettings, option: str, user: str | None, reason: str
) -> None:
    from include.orchestration.deployment import record_answer

    with pytest.raises(ApprovalError, match=reason):
        record_answer(make_context(SEEN, make_answer(option, user)), warehouse_uri, model)

    [row] = read_ledger(warehouse_uri)
    assert (row["decision"], row["answered_by"], row["model_version"]) == ("refused", user or "", 2)
    assert list_told(warehouse_uri) == [("approval_refused" if user else "approval_timed_out", 2)]
    assert reason in row["reason"]


@pytest.mark.parametrize(("option", "is_refused"), [("Approve", False), ("Reject", True)])
def test_the_task_that_records_the_answer_names_the_ledger_as_its_output(
    warehouse_uri: str, model: ModelSettings, option: str, is_refused: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    import airflow.providers.openlineage.api as openlineage

    from include.orchestration.deployment import record_answer
    from include.orchestration.lineage import report_tables

    reports: list[dict[str, Any]] = []
    monkeypatch.setattr(openlineage, "is_openlineage_active", lambda: True)
    monkeypatch.setattr(openlineage, "emit_dataset_lineage", lambda **report: reports.append(report))

    with pytest.raises(ApprovalError) if is_refused else nullcontext(), report_tables(lambda: warehouse_uri):
        record_answer(make_context(SEEN, make_answer(option, "ada")), warehouse_uri, model)

    [report] = reports
    [output] = report["outputs"]
    assert {table.name for table in report["inputs"]} == {output.name}  # the newest answer, which may be the same
    assert output.name == f"{warehouse_uri.rsplit('/', 1)[1]}.governance.approvals"
    assert "answered_by" in {field.name for field in output.facets["schema"].fields}


@pytest.mark.parametrize(("seen", "answer"), [(None, None), (SEEN, None), (None, make_answer("Approve", "ada"))])
def test_where_nobody_was_asked_nothing_is_recorded(
    warehouse_uri: str, model: ModelSettings, seen: dict[str, Any] | None, answer: dict[str, Any] | None
) -> None:
    from airflow.sdk.exceptions import AirflowSkipException

    from include.orchestration.deployment import record_answer

    with pytest.raises(AirflowSkipException, match="Nobody was asked"):
        record_answer(make_context(seen, answer), warehouse_uri, model)

    assert read_ledger(warehouse_uri) == []


def log_answers(uri: str, name: str, errors: int = 0) -> None:
    """400 answers each of champion 1 and challenger 2, within the hour to come; ``errors`` of 2's failed."""
    with open_session(uri) as session:
        for variant, version, failed in (("champion", 1, 0), ("challenger", 2, errors)):
            session.execute(
                "insert into serving.inference_log (at, request_id, model_name, model_version, variant, features, "
                "prediction, latency_ms, is_error, error) "
                "select clock_timestamp() + interval '1 hour', %s || n, %s, %s, %s, '{}', "
                "case when n > %s then 0.3 end, 1.0, n <= %s, case when n <= %s then 'broke' end "
                "from generate_series(1, 400) as n",
                (variant, name, version, variant, failed, failed, failed),
            )


def test_the_first_step_starts_the_canary_and_a_later_one_raises_its_share(
    champion_uri: str, model: ModelSettings
) -> None:
    from include.orchestration.deployment import run_step

    log_answers(champion_uri, model.name)

    assert run_step(champion_uri, NOWHERE, 2, 0.05, model) == {"weight": 0.05, "checks": 9}
    state = read_state(champion_uri, model)
    assert (state.champion_version, state.challenger_version, state.challenger_weight) == (1, 2, 0.05)

    assert run_step(champion_uri, NOWHERE, 2, 0.5, model) == {"weight": 0.5, "checks": 9}
    state = read_state(champion_uri, model)
    assert (state.champion_version, state.challenger_version, state.challenger_weight) == (1, 2, 0.5)


def test_a_step_that_goes_on_later_starts_no_canary_that_somebody_has_ended(
    champion_uri: str, model: ModelSettings
) -> None:
    from include.orchestration.deployment import run_step

    run = DeploymentRun("scheduled__1", "canary")
    assert run_step(champion_uri, NOWHERE, 2, 0.05, model, 0.1, run=run) is None
    assert run_step(champion_uri, NOWHERE, 2, 0.05, model, 0.1, run=run) is None
    with open_session(champion_uri) as session:
        roll_back(session, require_rollout(session, model.name), "by hand")
    for _ in range(2):
        with pytest.raises(RolloutError, match="by hand"):
            run_step(champion_uri, NOWHERE, 2, 0.05, model, 0.1, run=run)
    assert read_state(champion_uri, model).stage == "idle"
    # A person who clears the task starts it again, and so does another run.
    assert run_step(champion_uri, NOWHERE, 2, 0.05, model, 0.1, run=replace(run, attempts_before_clear=2)) is None
    assert read_state(champion_uri, model).stage == "canary"


def test_a_retry_of_the_first_step_tells_its_rollback_again_whatever_came_after(
    champion_uri: str, model: ModelSettings
) -> None:
    from include.orchestration.deployment import run_step

    log_answers(champion_uri, model.name, errors=200)
    run = DeploymentRun("scheduled__1", "canary")
    with pytest.raises(RolloutError, match=r"rolled back at 5%.*error_rate"):
        run_step(champion_uri, NOWHERE, 2, 0.05, model, run=run)
    other = DeploymentRun("scheduled__2", "canary")
    approve(champion_uri, model.name, plant_version(champion_uri, model.name, make_measured()))
    assert run_step(champion_uri, NOWHERE, 3, 0.05, model, 0.1, run=other) is None
    before = read_state(champion_uri, model)
    with pytest.raises(RolloutError, match=r"rolled back before.*error_rate"):
        run_step(champion_uri, NOWHERE, 2, 0.05, model, run=run)
    assert read_state(champion_uri, model) == before
    with open_session(champion_uri) as session:
        events = session.fetch_all("select event, detail from serving.rollout_events order by id")
    told = [(row["event"], row["detail"].get("run_id"), row["detail"].get("strategy")) for row in events[1:]]
    assert told == [
        ("canary_started", "scheduled__1", "canary"), ("rolled_back", "scheduled__1", "canary"),
        ("canary_started", "scheduled__2", "canary"),
    ]  # fmt: skip


def test_a_run_that_goes_on_with_the_canary_of_another_does_not_start_it_again(
    champion_uri: str, model: ModelSettings
) -> None:
    from include.orchestration.deployment import run_step

    first, second = DeploymentRun("scheduled__1", "canary"), DeploymentRun("manual__2", "canary")
    for run in (first, second, second):
        assert run_step(champion_uri, NOWHERE, 2, 0.05, model, 0.1, run=run) is None
    with open_session(champion_uri) as session:
        roll_back(session, require_rollout(session, model.name), "by hand")
    for run in (first, second):
        with pytest.raises(RolloutError, match="rolled back before: by hand"):
            run_step(champion_uri, NOWHERE, 2, 0.05, model, 0.1, run=run)
    with open_session(champion_uri) as session:
        events = [row["event"] for row in session.fetch_all("select event from serving.rollout_events order by id")]
    assert events == ["bootstrapped", "canary_started", "taken_over", "rolled_back"]


def test_a_step_that_goes_on_later_waits_for_a_warehouse_that_is_away(model: ModelSettings) -> None:
    from include.orchestration.deployment import run_step

    away = f"postgresql://postgres@127.0.0.1:{find_free_port()}/warehouse"
    assert run_step(away, NOWHERE, 2, 0.05, model, 0.1, is_later=True) is None
    with pytest.raises(WarehouseError, match="cannot be reached"):
        run_step(away, NOWHERE, 2, 0.05, model, 0.1)


def test_a_later_step_never_starts_a_canary(champion_uri: str, model: ModelSettings) -> None:
    from include.orchestration.deployment import run_step

    before = read_state(champion_uri, model)

    with pytest.raises(RolloutError, match="no canary"):
        run_step(champion_uri, NOWHERE, 2, 0.5, model)

    assert read_state(champion_uri, model) == before


@pytest.mark.parametrize("weight", [0.05, 0.5])
def test_the_canary_of_another_version_is_left_alone(champion_uri: str, model: ModelSettings, weight: float) -> None:
    from include.orchestration.deployment import run_step

    with open_session(champion_uri) as session:
        before = start_canary(session, require_rollout(session, model.name), 3, 0.05)

    with pytest.raises(RolloutError, match="version 3"):
        run_step(champion_uri, NOWHERE, 2, weight, model)

    assert read_state(champion_uri, model) == before


def test_a_step_that_fails_is_rolled_back_and_a_later_step_does_not_begin_again(
    champion_uri: str, model: ModelSettings
) -> None:
    from include.orchestration.deployment import run_step

    log_answers(champion_uri, model.name, errors=200)

    with pytest.raises(RolloutError, match=r"rolled back at 5%.*error_rate"):
        run_step(champion_uri, NOWHERE, 2, 0.05, model)
    with pytest.raises(RolloutError, match=r"rolled back at 50%.*error_rate"):
        run_step(champion_uri, NOWHERE, 2, 0.5, model)

    state = read_state(champion_uri, model)
    assert (state.champion_version, state.challenger_version, state.stage) == (1, None, "idle")
    assert list_told(champion_uri) == [("canary_started", 2), ("canary_rolled_back", 2)]


def test_a_promotion_moves_row_and_alias_and_again_changes_nothing(
    warehouse_uri: str, tracking_uri: str, model: ModelSettings, versions: tuple[int, int]
) -> None:
    from include.orchestration.deployment import promote_candidate

    (champion, candidate), name = versions, model.name
    with open_session(warehouse_uri) as session:
        state = start_canary(session, bootstrap_champion(session, name, champion), candidate, 0.05)
        set_weight(session, state, 1.0)

    first = promote_candidate(warehouse_uri, tracking_uri, candidate, model)
    promoted = read_state(warehouse_uri, model)
    assert (promoted.champion_version, promoted.stage) == (candidate, "idle")
    assert read_alias(warehouse_uri, tracking_uri, name) == candidate

    assert promote_candidate(warehouse_uri, tracking_uri, candidate, model) == first
    assert read_state(warehouse_uri, model) == promoted
    assert read_alias(warehouse_uri, tracking_uri, name) == candidate


def find_challenger(tracking_uri: str, name: str) -> str | None:
    return find_alias_run(tracking_uri, name, CHALLENGER)


@pytest.mark.parametrize("errors", [0, 200], ids=["promoted", "rolled back"])
def test_the_alias_of_the_challenger_comes_and_goes_with_the_canary(
    warehouse_uri: str, tracking_uri: str, model: ModelSettings, versions: tuple[int, int], errors: int
) -> None:
    from include.orchestration.deployment import promote_candidate, run_step

    champion, candidate = versions
    with open_session(warehouse_uri) as session:
        bootstrap_champion(session, model.name, champion)
        run_id = require_version(session, model.name, candidate).run_id
    assert find_challenger(tracking_uri, model.name) is None
    log_answers(warehouse_uri, model.name, errors)
    if errors:
        with pytest.raises(RolloutError, match="rolled back"):
            run_step(warehouse_uri, tracking_uri, candidate, 0.05, model)
    else:
        run_step(warehouse_uri, tracking_uri, candidate, 0.05, model)
        assert find_challenger(tracking_uri, model.name) == run_id
        with open_session(warehouse_uri) as session:
            set_weight(session, require_rollout(session, model.name), 1.0)
        promote_candidate(warehouse_uri, tracking_uri, candidate, model)
    assert find_challenger(tracking_uri, model.name) is None


def test_what_has_no_canary_is_not_promoted(
    warehouse_uri: str, tracking_uri: str, model: ModelSettings, versions: tuple[int, int]
) -> None:
    from include.orchestration.deployment import promote_candidate

    (champion, candidate), name = versions, model.name
    with open_session(warehouse_uri) as session:
        before = bootstrap_champion(session, name, champion)

    with pytest.raises(RolloutError, match="there is no canary"):
        promote_candidate(warehouse_uri, tracking_uri, candidate, model)

    assert read_state(warehouse_uri, model) == before
    assert read_alias(warehouse_uri, tracking_uri, name) == champion


@pytest.mark.parametrize(("is_newer", "weight"), [(True, 1.0), (False, 0.5)], ids=["another canary", "half of the way"])
def test_a_promotion_that_was_not_earned_changes_nothing(
    is_newer: bool,
    weight: float,
    warehouse_uri: str,
    tracking_uri: str,
    model: ModelSettings,
    versions: tuple[int, int],
) -> None:
    from include.orchestration.deployment import promote_candidate

    (champion, candidate), name = versions, model.name
    with open_session(warehouse_uri) as session:
        state = start_canary(session, bootstrap_champion(session, name, champion), candidate + is_newer, 0.05)
        before = set_weight(session, state, weight)

    with pytest.raises(RolloutError, match=f"the canary is version {candidate + is_newer}, with {weight:.0%}"):
        promote_candidate(warehouse_uri, tracking_uri, candidate, model)

    assert read_state(warehouse_uri, model) == before
    assert read_alias(warehouse_uri, tracking_uri, name) == champion


def without_canary(model: ModelSettings) -> ModelSettings:
    return model.model_copy(update={"rollout": model.rollout.model_copy(update={"strategy": "none"})})


def test_a_model_without_a_canary_is_promoted_at_once_and_again_changes_nothing(
    warehouse_uri: str, tracking_uri: str, model: ModelSettings, versions: tuple[int, int]
) -> None:
    from include.orchestration.deployment import promote_candidate

    champion, candidate = versions
    with open_session(warehouse_uri) as session:
        bootstrap_champion(session, model.name, champion)

    for _ in range(2):
        promote_candidate(warehouse_uri, tracking_uri, candidate, without_canary(model))
        assert read_state(warehouse_uri, model).champion_version == candidate
        assert read_alias(warehouse_uri, tracking_uri, model.name) == candidate
    with open_session(warehouse_uri) as session:
        events = session.fetch_all("select event, detail from serving.rollout_events order by id")
    assert events[1:] == [{"event": "promoted", "detail": {"previous_champion_version": champion, "strategy": "none"}}]


def test_a_promotion_without_a_canary_that_is_done_again_does_not_undo_a_rollback(
    warehouse_uri: str, tracking_uri: str, model: ModelSettings, versions: tuple[int, int]
) -> None:
    from include.orchestration.deployment import promote_candidate, restore_version

    champion, candidate = versions
    with open_session(warehouse_uri) as session:
        bootstrap_champion(session, model.name, champion)
    promote_candidate(warehouse_uri, tracking_uri, candidate, without_canary(model))
    restore_version(warehouse_uri, tracking_uri, champion, "worse in use", model)

    with pytest.raises(RolloutError, match=f"Version {candidate} .* is or was champion.*rollback_model"):
        promote_candidate(warehouse_uri, tracking_uri, candidate, without_canary(model))

    assert read_state(warehouse_uri, model).champion_version == champion
    assert read_alias(warehouse_uri, tracking_uri, model.name) == champion


def test_a_canary_that_is_not_judged_yet_is_not_passed_over_when_the_strategy_changes(
    warehouse_uri: str, tracking_uri: str, model: ModelSettings, versions: tuple[int, int]
) -> None:
    from include.orchestration.deployment import promote_candidate

    champion, candidate = versions
    with open_session(warehouse_uri) as session:
        before = start_canary(session, bootstrap_champion(session, model.name, champion), candidate, 0.05)

    with pytest.raises(RolloutError, match=f"has a canary of version {candidate}, which is not judged yet"):
        promote_candidate(warehouse_uri, tracking_uri, candidate, without_canary(model))

    assert read_state(warehouse_uri, model) == before
    assert read_alias(warehouse_uri, tracking_uri, model.name) == champion


def test_the_candidate_of_a_model_without_a_canary_needs_no_model_server(
    warehouse_uri: str, tracking_uri: str, model: ModelSettings, versions: tuple[int, int]
) -> None:
    from include.orchestration.deployment import check_candidate

    nowhere = ServerAddress(f"http://127.0.0.1:{find_free_port()}")
    found = check_candidate(warehouse_uri, tracking_uri, nowhere, without_canary(model), versions[1])

    assert found["version"] == versions[1]
    assert "The model server was asked nothing" in found["summary"]
    assert read_state(warehouse_uri, model).champion_version == versions[0]


def test_an_earlier_champion_is_put_back_and_a_version_that_never_was_one_is_refused(
    warehouse_uri: str, tracking_uri: str, model: ModelSettings, versions: tuple[int, int]
) -> None:
    from include.orchestration.deployment import promote_candidate, restore_version

    (champion, candidate), name = versions, model.name
    with open_session(warehouse_uri) as session:
        before = bootstrap_champion(session, name, champion)

    for version, message in ((99, "has no version 99"), (candidate, "champion")):
        with pytest.raises(RolloutError, match=message):
            restore_version(warehouse_uri, tracking_uri, version, "a try", model)
        assert read_state(warehouse_uri, model) == before
        assert read_alias(warehouse_uri, tracking_uri, name) == champion

    with open_session(warehouse_uri) as session:
        set_weight(session, start_canary(session, before, candidate, 0.05), 1.0)
    promote_candidate(warehouse_uri, tracking_uri, candidate, model)

    restored = restore_version(warehouse_uri, tracking_uri, champion, "better", model)
    assert restored == {"model": name, "version": champion}
    assert read_state(warehouse_uri, model).champion_version == champion
    assert read_alias(warehouse_uri, tracking_uri, name) == champion
    assert list_told(warehouse_uri) == [("champion_promoted", candidate), ("champion_restored", champion)]


def test_a_canary_is_ended_when_the_file_is_gone_and_not_when_it_is_wrong(
    champion_uri: str, model: ModelSettings, config_dir: Path, write_model: WriteModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    from include.orchestration.deployment import end_orphans

    path = write_model(model.name, taks="binary")
    shutil.copytree(config_dir, config_dir / "wrong", ignore=shutil.ignore_patterns("wrong"))
    path.unlink()
    shutil.copytree(config_dir, config_dir / "gone", ignore=shutil.ignore_patterns("wrong", "gone"))
    with open_session(champion_uri) as session:
        start_canary(session, require_rollout(session, model.name), 2, 0.05)

    monkeypatch.setenv("ORRERY_CONFIG_DIR", str(config_dir / "wrong"))
    assert end_orphans(champion_uri) == []
    monkeypatch.setenv("ORRERY_CONFIG_DIR", str(config_dir / "gone"))
    assert end_orphans(champion_uri) == [model.name]


def make_version(measured: dict[str, Any]) -> RegisteredVersion:
    return RegisteredVersion("hours", 3, datetime.now(UTC), "r", "models:/m-0", "0", "grace", "production", measured)


def test_an_approver_sees_score_and_metrics_of_the_task_and_every_staging_check() -> None:
    from include.orchestration.deployment import summarise_candidate

    measured = make_measured(
        task="regression", score_name="d2_absolute_error", score=0.4, metrics={"score": 0.4, "mae": 12.5}
    )
    text = summarise_candidate(make_version(measured), [], [Check("readiness", True, 0.2, 60, "ready")])

    assert "| score_name | d2_absolute_error |" in text
    assert "| mae | 12.5 |" in text
    assert "| readiness | yes | 0.2 | 60 |" in text
    assert "pictures" not in text


INCOMPARABLE = "champion version 1 could not be compared: the champion needs wear,\n| which is gone"


def ask_about(reason: str) -> list[dict[str, Any]]:
    """What the gates said of a candidate that could not be compared."""
    open_question = {"observed": None, "threshold": -0.005, "severity": "ask"}
    return [
        {"name": "parity", "is_passed": True, "reason": "alike", "observed": 0, "threshold": 1, "severity": "blocking"},
        {"name": "production", "is_passed": False, "reason": reason, **open_question},
    ]


def test_an_approver_sees_why_a_candidate_could_not_be_compared() -> None:
    from include.orchestration.deployment import summarise_candidate

    text = summarise_candidate(
        make_version(make_measured()), ask_about(INCOMPARABLE), (), "/candidates/models/m/runs/r"
    )

    assert text.splitlines()[2] == "[Everything that was measured, with pictures](/candidates/models/m/runs/r)"
    assert text.startswith("**To decide.** production: champion version 1 could not be compared: ")
    assert "the champion needs wear, | which is gone" in text.splitlines()[0]
    assert "alike" not in text


@pytest.mark.parametrize("is_required", [True, False])
def test_a_candidate_that_could_not_be_compared_goes_on_only_if_a_person_is_asked(
    is_required: bool,
    warehouse_uri: str,
    tracking_uri: str,
    model: ModelSettings,
    make_result: MakeResult,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from airflow.sdk.exceptions import AirflowSkipException

    from include.orchestration import deployment

    plant_version(warehouse_uri, model.name, make_result(family="baseline"))
    version = plant_version(warehouse_uri, model.name, make_result(), gates=ask_about(INCOMPARABLE))
    monkeypatch.setattr(deployment, "read_online_rows", lambda *_: [])
    monkeypatch.setattr(deployment, "check_staging", lambda *_: StagingReport(2, ()))
    governance = model.governance.model_copy(update={"is_approval_required": is_required})
    changed = model.model_copy(update={"governance": governance})
    nowhere = ServerAddress("http://127.0.0.1:1")

    if is_required:
        found = deployment.check_candidate(warehouse_uri, tracking_uri, nowhere, changed, version)
        assert "could not be compared" in found["summary"]
    else:
        with pytest.raises(AirflowSkipException, match=r"could not be compared.*is_approval_required"):
            deployment.check_candidate(warehouse_uri, tracking_uri, nowhere, changed, version)


class Event:
    """What Airflow says of the registration that has started a run."""

    def __init__(self, **extra: int) -> None:
        self.extra = extra


def make_run(model: ModelSettings, events: Sequence[Event] = (), version: int | None = None, after: Any = None) -> Any:
    """The part of Airflow's context that says why a run was started."""
    from include.assets import candidate_of
    from include.orchestration.assets import asset

    return {
        "params": {"version": version},
        "triggering_asset_events": {asset(candidate_of(model.name)): list(events)} if events else {},
        "dag_run": SimpleNamespace(run_after=after or datetime.now(UTC)),
    }


def test_a_run_stays_with_its_version_whatever_is_registered_later(champion_uri: str, model: ModelSettings) -> None:
    from include.orchestration.deployment import pick_version

    by_hand = make_run(model, after=datetime.now(UTC) + timedelta(seconds=1))
    assert pick_version(by_hand, champion_uri, model) == 2
    with open_session(champion_uri) as session:
        after = require_version(session, model.name, 2).registered_at
    assert plant_version(champion_uri, model.name, make_measured()) == 3
    assert pick_version(make_run(model, after=after), champion_uri, model) == 2
    assert pick_version(make_run(model, [Event(version=2)]), champion_uri, model) == 2
    assert pick_version(make_run(model, [Event(version=2), Event(version=3), Event()]), champion_uri, model) == 3
    assert pick_version(make_run(model, [Event(version=3)], version=2), champion_uri, model) == 2


def test_where_nothing_was_registered_the_remedy_is_named(warehouse_uri: str, model: ModelSettings) -> None:
    from include.orchestration.deployment import pick_version

    with pytest.raises(RegistryError, match=r"Run the DAG .*train_candidates"):
        pick_version(make_run(model), warehouse_uri, model)


@pytest.mark.parametrize("step", ["canary", "promotion", "promotion without a canary"])
@pytest.mark.parametrize("lacks", ["an approval", "the gates' clearance"])
def test_whoever_passes_over_the_question_gets_no_further_than_the_next_task(
    warehouse_uri: str, model: ModelSettings, step: str, lacks: str
) -> None:
    from include.orchestration.deployment import promote_candidate, run_step

    # given a version that nobody has approved, or that the gates have meanwhile refused
    plant_version(warehouse_uri, model.name, make_measured(family="baseline"))
    measured = make_measured()
    version = plant_version(warehouse_uri, model.name, measured)
    with open_session(warehouse_uri) as session:
        before = bootstrap_champion(session, model.name, 1)
        if lacks == "the gates' clearance":
            record_decision(session, measured["run_id"], "staging", ["calibration"])
    if lacks == "the gates' clearance":
        approve(warehouse_uri, model.name, version)
    # then neither its canary nor its promotion begins
    declared = without_canary(model) if "without" in step else model
    kind, reason = (ApprovalError, "no approval") if lacks == "an approval" else (RolloutError, "is 'staging'")
    with pytest.raises(kind, match=reason):
        if step == "canary":
            run_step(warehouse_uri, NOWHERE, version, 0.05, declared)
        else:
            promote_candidate(warehouse_uri, "http://127.0.0.1:1", version, declared)
    assert read_state(warehouse_uri, model) == before


@pytest.mark.parametrize(
    ("person", "reason"),
    [("grace", "grace trained"), ("eve", "eve may not approve"), ("", "Nobody"), ("ada", None)],
    ids=["the trainer", "a stranger", "nobody", "an approver"],
)
def test_only_an_approver_who_is_not_the_trainer_puts_a_version_into_production_that_was_never_there(
    warehouse_uri: str,
    tracking_uri: str,
    make_result: MakeResult,
    model: ModelSettings,
    person: str,
    reason: str | None,
) -> None:
    from include.orchestration.deployment import restore_version

    plant_version(warehouse_uri, model.name, make_measured(family="baseline"))
    version = plant_version(warehouse_uri, model.name, make_result(trained_by="grace"))
    with open_session(warehouse_uri) as session:
        before = bootstrap_champion(session, model.name, 1)

    if reason is not None:
        with pytest.raises(ApprovalError, match=reason):
            restore_version(warehouse_uri, tracking_uri, version, "the shop is down", model, person)
        assert read_state(warehouse_uri, model) == before
        return
    restore_version(warehouse_uri, tracking_uri, version, "the shop is down", model, person)
    assert read_state(warehouse_uri, model).champion_version == version
    with open_session(warehouse_uri) as session:
        detail = session.fetch_value("select detail from serving.rollout_events order by id desc limit 1")
    assert (detail["overridden_by"], detail["reason"]) == ("ada", "the shop is down")
    assert read_alias(warehouse_uri, tracking_uri, model.name) == version
