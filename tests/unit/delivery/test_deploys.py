"""What the workflows do: where a push goes, whether a deploy arrived, what becomes of a preview."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.unit.delivery.astro import Astro, run_astro
from tests.unit.delivery.workflow import GITHUB, Ran, evaluate, evaluate_bare, read_yaml, run_job

SHA = "4f0c1a"
CONNECTIONS = ("AIRFLOW_CONN_WAREHOUSE", "AIRFLOW_CONN_MLFLOW", "AIRFLOW_CONN_MODEL_SERVER")
RUN = {"github.sha": SHA, "github.run_id": "7", "github.run_attempt": "2", "vars.ASTRO_DEPLOYMENT_ID": "d1"}


@pytest.fixture
def astro(tmp_path: Path) -> Iterator[Astro]:
    """The stand-in for Astro."""
    with run_astro(tmp_path) as astro:
        yield astro


def read_job(workflow: str, job: str) -> dict[str, Any]:
    """A job of a workflow."""
    found: dict[str, Any] = read_yaml(GITHUB / "workflows" / f"{workflow}.yml")["jobs"][job]
    return found


def run(astro: Astro, job: dict[str, Any], context: dict[str, str]) -> Ran:
    """Run a job against the stand-in."""
    environment = {"PATH": f"{astro.bin}:/usr/local/bin:/usr/bin:/bin", "POLL_SECONDS": "0"}
    return run_job(job, {**RUN, **context}, environment, astro.bin.parent)


def deploy(astro: Astro, **context: str) -> Ran:
    """Run the job of deploy.yml."""
    return run(astro, read_job("deploy", "deploy"), context)


def make_old_deploys(count: int) -> list[dict[str, str]]:
    """Deploys of other runs, all of the same commit."""
    return [{"id": f"o{n}", "description": f"{SHA} by run 7, attempt 2{n}", "status": "DEPLOYED"} for n in range(count)]


def test_a_deploy_that_arrived_is_found_among_many(astro: Astro) -> None:
    astro.deploys = make_old_deploys(30)

    ran = deploy(astro)

    assert ran.code == 0, ran.text
    assert f"{SHA} by run 7, attempt 2'" in ran.text


def test_a_deploy_takes_the_image_and_the_dags_whatever_was_pushed(astro: Astro) -> None:
    assert deploy(astro).code == 0

    (call,) = [call for call in astro.list_calls() if call[0] == "deploy"]
    assert call[1] == "d1"
    assert {"--parse", "--pytest", "--wait"} <= set(call)
    assert not {"--dags", "--image", "--force"} & set(call)


@pytest.mark.parametrize("status", ["FAILED", "INITIALIZED"])
def test_a_deploy_that_is_recorded_and_not_done_fails(astro: Astro, status: str) -> None:
    astro.statuses = [status]

    ran = deploy(astro)

    assert ran.code == 1
    assert f"is {status}, not DEPLOYED" in ran.text


def test_a_deploy_that_is_still_under_way_is_awaited(astro: Astro) -> None:
    astro.statuses = ["INITIALIZED", "INITIALIZED", "DEPLOYED"]

    assert deploy(astro).code == 0


@pytest.mark.parametrize(
    "description",
    [f"{SHA} by run 7, attempt 1", f"{SHA} by run 71, attempt 2", f"again: {SHA} by run 7, attempt 2", ""],
    ids=["attempt before", "another run", "named within", "none"],
)
def test_where_the_cli_deploys_nothing_another_deploy_does_not_count(astro: Astro, description: str) -> None:
    # given that the CLI ends without an error, as where it finds uncommitted changes
    astro.is_recorded = False
    astro.deploys = [{"id": "o1", "description": description, "status": "DEPLOYED"}]

    ran = deploy(astro)

    assert ran.code == 1
    assert "is ABSENT, not DEPLOYED" in ran.text


def test_a_deployment_without_any_deploy_is_no_success(astro: Astro) -> None:
    astro.is_recorded = False

    assert deploy(astro).code == 1


def test_where_the_cli_fails_the_run_fails(astro: Astro) -> None:
    # given a deploy of which a record is kept, because its tests failed after it was made
    astro.exit_code = 1

    assert deploy(astro).code == 1
    assert [call[0] for call in astro.list_calls()] == ["deploy"]


def test_a_variable_that_is_not_set_deploys_nowhere(astro: Astro) -> None:
    ran = deploy(astro, **{"vars.ASTRO_DEPLOYMENT_ID": ""})

    assert ran.code == 1
    assert "ASTRO_DEPLOYMENT_ID" in ran.text
    assert astro.list_calls() == []


@pytest.mark.parametrize(("branch", "environment"), [("main", "production"), ("develop", "staging")])
def test_a_branch_reaches_its_environment_after_the_checks(branch: str, environment: str) -> None:
    workflow = read_yaml(GITHUB / "workflows" / "deploy.yml")
    job = workflow["jobs"]["deploy"]

    assert branch in workflow[True]["push"]["branches"]
    assert evaluate(job["environment"], {"github.ref": f"refs/heads/{branch}"}) == environment
    assert workflow["jobs"][job["needs"]]["uses"].endswith("ci.yml")


def test_no_other_branch_is_deployed() -> None:
    assert read_yaml(GITHUB / "workflows" / "deploy.yml")[True] == {"push": {"branches": ["develop", "main"]}}


@pytest.mark.parametrize(("environment", "branch"), [("production", "main"), ("staging", "develop")])
def test_a_rollback_waits_for_a_deploy_of_the_same_deployment(environment: str, branch: str) -> None:
    deploys, rollbacks = (read_yaml(GITHUB / "workflows" / f"{name}.yml") for name in ("deploy", "rollback"))

    group = evaluate(rollbacks["concurrency"]["group"], {"inputs.environment": environment})

    assert group == evaluate(deploys["concurrency"]["group"], {"github.ref": f"refs/heads/{branch}"})
    assert rollbacks["concurrency"]["cancel-in-progress"] is False
    assert evaluate(rollbacks["jobs"]["rollback"]["environment"], {"inputs.environment": environment}) == environment


def test_a_rollback_asks_for_the_deploy_that_was_named(astro: Astro) -> None:
    ran = run(astro, read_job("rollback", "rollback"), {"inputs.deploy_id": "abc1", "inputs.reason": "it's $(broken)"})

    assert ran.code == 0, ran.text
    (call,) = astro.list_calls()
    assert call[-1].endswith("/deployments/d1/deploys/abc1/rollback")
    assert call[call.index("--raw-field") + 1].startswith("description=it's $(broken) ")


@pytest.mark.parametrize("deploy_id", ["", "../d2/deploys/abc1", "abc1; echo", "ABC1"])
def test_a_rollback_refuses_what_is_no_id(astro: Astro, deploy_id: str) -> None:
    ran = run(astro, read_job("rollback", "rollback"), {"inputs.deploy_id": deploy_id, "inputs.reason": "bad"})

    assert ran.code == 1
    assert astro.list_calls() == []


def preview(astro: Astro, action: str, **context: str) -> Ran:
    """Run the job of preview.yml for pull request 12."""
    event = "github.event.pull_request"
    secrets = {f"secrets.{name}": f"uri-of-{name}" for name in CONNECTIONS}
    known = {"github.event.action": action, f"{event}.number": "12", f"{event}.head.sha": "c0ffee", **secrets}
    return run(astro, read_job("preview", "preview"), {**known, **context})


def list_commands(astro: Astro) -> list[str]:
    """The commands of the CLI that change something, in order."""
    return [
        "deploy" if call[0] == "deploy" else " ".join(word for word in call[:3] if word.isalpha())
        for call in astro.list_calls()
        if call[0] not in ("api", "FILE") and "inspect" not in call
    ]


def test_a_new_pull_request_gets_a_deployment_with_its_connections_and_the_code(astro: Astro) -> None:
    ran = preview(astro, "opened")

    assert ran.code == 0, ran.text
    assert list_commands(astro) == ["deployment create", "deployment variable update", "deploy"]
    template, variables = (call[1:] for call in astro.list_calls() if call[0] == "FILE")
    assert "        name: orrery-pr-12\n" in template[0]
    assert "- name: default" in template[0]
    assert variables == [f"{name}=uri-of-{name}" for name in CONNECTIONS]
    (update,) = [call for call in astro.list_calls() if "variable" in call]
    assert "--secret" in update


def test_the_file_that_describes_a_preview_is_not_in_the_project(astro: Astro) -> None:
    preview(astro, "opened")

    (create,) = [call for call in astro.list_calls() if "create" in call]
    assert Path(create[create.index("--deployment-file") + 1]).parent == astro.bin.parent


@pytest.mark.parametrize("action", ["synchronize", "reopened", "opened"])
def test_a_preview_that_is_there_gets_the_code(astro: Astro, action: str) -> None:
    # given a preview whose first deploy may have failed
    astro.deployments = [{"name": "orrery-pr-12", "id": "p12"}]

    ran = preview(astro, action)

    assert ran.code == 0, ran.text
    assert list_commands(astro) == ["deployment variable update", "deploy"]
    assert [call[1] for call in astro.list_calls() if call[0] == "deploy"] == ["p12"]
    assert any("c0ffee by run 7, attempt 2" in call for call in astro.list_calls())


def test_a_preview_whose_deploy_did_not_arrive_fails(astro: Astro) -> None:
    astro.is_recorded = False

    assert preview(astro, "opened").code == 1


@pytest.mark.parametrize("name", CONNECTIONS)
def test_a_preview_without_one_of_its_connections_is_not_deployed(astro: Astro, name: str) -> None:
    astro.deployments = [{"name": "orrery-pr-12", "id": "p12"}]

    ran = preview(astro, "synchronize", **{f"secrets.{name}": ""})

    assert ran.code == 1
    assert name in ran.text
    assert list_commands(astro) == []


def test_a_closed_pull_request_loses_its_preview_and_no_other(astro: Astro) -> None:
    astro.deployments = [{"name": "orrery-pr-1", "id": "p1"}, {"name": "orrery-pr-12", "id": "p12"}]

    ran = preview(astro, "closed")

    assert ran.code == 0, ran.text
    assert [call for call in astro.list_calls() if "delete" in call] == [["deployment", "delete", "p12", "--force"]]
    assert not [call for call in astro.list_calls() if call[0] == "deploy"]


def test_a_closed_pull_request_without_a_preview_is_no_failure(astro: Astro) -> None:
    ran = preview(astro, "closed")

    assert ran.code == 0, ran.text
    assert list_commands(astro) == []


@pytest.mark.parametrize(("head", "is_run"), [("us/orrery", True), ("them/orrery", False)])
def test_only_branches_of_this_repository_get_previews(head: str, is_run: bool) -> None:
    context = {"github.event.pull_request.head.repo.full_name": head, "github.repository": "us/orrery"}

    assert evaluate_bare(read_job("preview", "preview")["if"], context) is is_run
    assert set(read_yaml(GITHUB / "workflows" / "preview.yml")[True]) == {"pull_request"}


@pytest.mark.parametrize(("action", "sha"), [("closed", "base"), ("opened", "head"), ("synchronize", "head")])
def test_a_preview_is_of_the_branch_and_a_closed_one_needs_the_branch_no_longer(action: str, sha: str) -> None:
    (checkout,) = [step for step in read_job("preview", "preview")["steps"] if "checkout" in step.get("uses", "")]
    shas = {f"github.event.pull_request.{side}.sha": side for side in ("base", "head")}

    assert evaluate(checkout["with"]["ref"], {"github.event.action": action, **shas}) == sha
