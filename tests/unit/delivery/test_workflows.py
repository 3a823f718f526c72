"""The workflows: pinned, with least permissions, calling the verbs that everybody calls."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[3]
GITHUB = ROOT / ".github"
WORKFLOWS = sorted((GITHUB / "workflows").glob("*.yml"))
ALL = [*WORKFLOWS, *sorted((GITHUB / "actions").rglob("action.yml"))]
USES = re.compile(r"^\s*-?\s*uses:\s*(?P<action>\S+)(?:\s+#\s*(?P<comment>.*))?$", re.MULTILINE)
SHA_PIN = re.compile(r"[\w.-]+/[\w./-]+@[0-9a-f]{40}")
RELEASE = re.compile(r"v\d+\.\d+\.\d+")


def read(path: Path) -> Any:
    """A YAML file."""
    return yaml.safe_load(path.read_text(encoding="utf-8"))


def walk(node: Any) -> Iterator[dict[str, Any]]:
    """Every mapping below a node, itself included."""
    if isinstance(node, dict):
        yield node
    for child in node.values() if isinstance(node, dict) else node if isinstance(node, list) else ():
        yield from walk(child)


def list_runs(path: Path) -> list[str]:
    """The commands of a workflow."""
    return [str(node["run"]).strip() for node in walk(read(path)) if "run" in node]


def relative(path: Path) -> str:
    """How a file is called in a test's name."""
    return str(path.relative_to(ROOT))


def test_the_workflows_are_there() -> None:
    assert [path.name for path in WORKFLOWS] == ["ci.yml", "deploy.yml", "preview.yml", "rollback.yml"]


@pytest.mark.parametrize("path", ALL, ids=relative)
def test_every_action_is_pinned_by_commit_and_says_its_release(path: Path) -> None:
    named = {node["uses"] for node in walk(read(path)) if "uses" in node}
    found = {match["action"]: match["comment"] or "" for match in USES.finditer(path.read_text())}
    assert set(found) == named, "an action stands in a form that this test does not read"
    for action, comment in found.items():
        if not action.startswith("./"):
            assert SHA_PIN.fullmatch(action), f"{action} can change under us: pin its commit"
            assert RELEASE.fullmatch(comment), f"{action} does not say which release it is"


def test_a_pin_that_floats_would_be_seen() -> None:
    for action in ("actions/checkout@v7", "actions/checkout@main", "actions/checkout@3d3c42e", "actions/checkout"):
        assert not SHA_PIN.fullmatch(action)
    assert not RELEASE.fullmatch("v7")


@pytest.mark.parametrize("path", ALL, ids=relative)
def test_actions_of_this_repository_exist(path: Path) -> None:
    for action in (node["uses"] for node in walk(read(path)) if str(node.get("uses", "")).startswith("./")):
        target = ROOT / action
        assert target.is_file() or (target / "action.yml").is_file(), f"{action} does not exist"


@pytest.mark.parametrize("path", WORKFLOWS, ids=relative)
def test_a_workflow_may_read_the_code_and_nothing_else(path: Path) -> None:
    workflow = read(path)
    assert workflow["permissions"] == {"contents": "read"}
    assert all("permissions" not in job for job in workflow["jobs"].values())


@pytest.mark.parametrize("path", WORKFLOWS, ids=relative)
def test_runs_of_a_workflow_do_not_cross(path: Path) -> None:
    assert read(path)["concurrency"]["group"]


@pytest.mark.parametrize("path", ALL, ids=relative)
def test_no_command_takes_text_from_outside_into_its_script(path: Path) -> None:
    # given that an expression is pasted into the script before the shell reads it
    for command in list_runs(path):
        assert "${{" not in command, f"pass it by the step's env instead:\n{command}"


def test_ci_runs_the_verbs_of_the_project_on_both_versions_of_python() -> None:
    path = GITHUB / "workflows" / "ci.yml"
    assert list_runs(path) == ["make setup", "make lint", "make setup", "make test"]
    job = read(path)["jobs"]["test"]
    assert job["strategy"]["matrix"]["python-version"] == ["3.11", "3.12"]
    # or make would take the first that it finds on the runner, the same one twice
    assert job["env"]["PYTHON"] == "python${{ matrix.python-version }}"


def test_ci_calls_what_the_project_itself_calls_on_a_new_machine() -> None:
    script = ROOT / ".ci" / "run"
    if not script.exists():
        pytest.skip(".ci/run is not here: nothing to compare with")
    verbs = re.findall(r"^make \w+$", script.read_text(), re.MULTILINE)
    assert set(verbs) == set(list_runs(GITHUB / "workflows" / "ci.yml"))


def test_a_deploy_waits_for_the_tests_and_tests_again_in_the_image() -> None:
    job = read(GITHUB / "workflows" / "deploy.yml")["jobs"]["deploy"]
    assert job["needs"] == "check"
    (deploy,) = [node["with"] for node in walk(job) if "deploy-action" in str(node.get("uses"))]
    assert (deploy["parse"], deploy["pytest"]) == ("true", "true")


def test_only_main_reaches_production_and_through_its_environment() -> None:
    workflow = read(GITHUB / "workflows" / "deploy.yml")
    # PyYAML reads the key `on` as the boolean of YAML 1.1
    assert workflow[True]["push"]["branches"] == ["develop", "main"]
    environment = workflow["jobs"]["deploy"]["environment"]
    assert environment == "${{ github.ref == 'refs/heads/main' && 'production' || 'staging' }}"


def test_previews_are_for_branches_of_this_repository_and_are_taken_down() -> None:
    workflow = read(GITHUB / "workflows" / "preview.yml")
    assert set(workflow[True]) == {"pull_request"}
    assert "head.repo.full_name == github.repository" in workflow["jobs"]["preview"]["if"]
    steps = [node["with"] for node in walk(workflow) if "deploy-action" in str(node.get("uses"))]
    assert [step["action"] for step in steps] == [
        "create-deployment-preview", "deploy-deployment-preview", "delete-deployment-preview",
    ]  # fmt: skip
    assert len({step["preview-name"] for step in steps}) == 1


def test_the_astro_cli_is_of_the_first_major_version_and_pinned() -> None:
    inputs = read(GITHUB / "actions" / "install-astro-cli" / "action.yml")["inputs"]
    assert re.fullmatch(r"v1\.\d+\.\d+", inputs["version"]["default"])
    assert re.fullmatch(r"[0-9a-f]{40}", inputs["installer-commit"]["default"])


@pytest.mark.parametrize("name", ["deploy.yml", "preview.yml", "rollback.yml"])
def test_whoever_uses_the_astro_cli_installs_the_pinned_one_first(name: str) -> None:
    (job,) = [job for job in read(GITHUB / "workflows" / name)["jobs"].values() if "steps" in job]
    uses = [str(step.get("uses", "")) for step in job["steps"]]
    first_use = next(
        i for i, step in enumerate(job["steps"]) if "deploy-action" in uses[i] or "astro " in step.get("run", "")
    )
    assert uses.index("./.github/actions/install-astro-cli") < first_use


def test_the_pre_commit_hook_is_the_verb() -> None:
    (repository,) = read(ROOT / ".pre-commit-config.yaml")["repos"]
    (hook,) = repository["hooks"]
    assert (repository["repo"], hook["entry"]) == ("local", "make lint")
