"""The rules of every workflow: pinned actions, least permissions, nothing pasted into scripts, the verbs of make."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from packaging.specifiers import SpecifierSet

from tests.unit.delivery.workflow import GITHUB, OWN, ROOT, evaluate, find_action, read_yaml

WORKFLOWS = sorted((GITHUB / "workflows").glob("*.yml"))
ALL = [*WORKFLOWS, *sorted((GITHUB / "actions").rglob("action.yml"))]
USES = re.compile(r"^\s*-?\s*uses:\s*(?P<action>\S+)(?:\s+#\s*(?P<comment>.*))?$", re.MULTILINE)
SHA_PIN = re.compile(r"[\w.-]+/[\w./-]+@[0-9a-f]{40}")
RELEASE = re.compile(r"v\d+\.\d+\.\d+")


def walk(node: Any) -> Iterator[dict[str, Any]]:
    """Every mapping below a node, itself included."""
    if isinstance(node, dict):
        yield node
    for child in node.values() if isinstance(node, dict) else node if isinstance(node, list) else ():
        yield from walk(child)


def list_runs(path: Path) -> list[str]:
    """The commands of a workflow."""
    return [str(node["run"]).strip() for node in walk(read_yaml(path)) if "run" in node]


def list_verbs(text: str) -> set[str]:
    """The verbs of make that a script calls."""
    return set(re.findall(r"^\s*make ([a-z]+)", text, re.MULTILINE))


def relative(path: Path) -> str:
    """How a file is called in a test's name."""
    return str(path.relative_to(ROOT))


@pytest.mark.parametrize("path", ALL, ids=relative)
def test_every_action_is_pinned_by_commit_and_says_its_release(path: Path) -> None:
    named = {node["uses"] for node in walk(read_yaml(path)) if "uses" in node}
    found = {match["action"]: match["comment"] or "" for match in USES.finditer(path.read_text())}
    assert set(found) == named, "an action stands in a form that this test does not read"
    for action, comment in found.items():
        if not action.startswith(OWN):
            assert SHA_PIN.fullmatch(action), f"{action} can change under us: pin its commit"
            assert RELEASE.fullmatch(comment), f"{action} does not say which release it is"


def test_a_pin_that_floats_would_be_seen() -> None:
    for action in ("actions/checkout@v7", "actions/checkout@main", "actions/checkout@3d3c42e", "./.github/actions/x"):
        assert not SHA_PIN.fullmatch(action)
    assert not RELEASE.fullmatch("v7")


@pytest.mark.parametrize("path", ALL, ids=relative)
def test_actions_of_this_repository_exist_and_get_the_inputs_that_they_ask_for(path: Path) -> None:
    for node in walk(read_yaml(path)):
        if str(node.get("uses", "")).startswith(OWN):
            target = find_action(node["uses"])
            assert target.is_file(), f"{node['uses']} does not exist"
            inputs = read_yaml(target).get("inputs", {})
            required = {name for name, each in inputs.items() if each.get("required")}
            assert required <= set(node.get("with", {})) <= set(inputs)


@pytest.mark.parametrize("path", WORKFLOWS, ids=relative)
def test_a_workflow_may_read_the_code_and_nothing_else(path: Path) -> None:
    workflow = read_yaml(path)
    assert workflow["permissions"] == {"contents": "read"}
    assert all("permissions" not in job for job in workflow["jobs"].values())


@pytest.mark.parametrize("path", WORKFLOWS, ids=relative)
def test_a_token_of_github_does_not_stay_in_the_checkout(path: Path) -> None:
    for node in walk(read_yaml(path)):
        if str(node.get("uses", "")).startswith("actions/checkout@"):
            assert node["with"]["persist-credentials"] is False


@pytest.mark.parametrize("path", ALL, ids=relative)
def test_no_command_takes_text_from_outside_into_its_script(path: Path) -> None:
    # given that an expression is pasted into the script before the shell reads it
    for command in list_runs(path):
        assert "${{" not in command, f"pass it by the step's env instead:\n{command}"


def test_ci_tests_every_version_of_python_that_the_project_supports() -> None:
    supported = SpecifierSet(tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["requires-python"])
    job = read_yaml(GITHUB / "workflows" / "ci.yml")["jobs"]["test"]
    versions = job["strategy"]["matrix"]["python-version"]

    assert versions == [f"3.{minor}" for minor in range(30) if f"3.{minor}" in supported]
    # make would otherwise take the first that it finds on the runner, the same one twice
    for version in versions:
        assert evaluate(job["env"]["PYTHON"], {"matrix.python-version": version}) == f"python{version}"


def test_ci_calls_the_verbs_that_the_project_itself_calls_on_a_new_machine() -> None:
    called = list_verbs("\n".join(list_runs(GITHUB / "workflows" / "ci.yml")))
    known = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))

    assert {"lint", "test"} <= called <= known
    script = ROOT / ".ci" / "run"  # not part of every copy of the project
    # The one also runs the whole loop by hand, the other what an adoption leaves.
    assert not script.exists() or list_verbs(script.read_text()) - {"demo"} == called - {"adopt"}


@pytest.mark.parametrize("name", ["deploy", "preview", "rollback"])
def test_whoever_uses_the_astro_cli_installs_the_pinned_one_first(name: str) -> None:
    (job,) = [job for job in read_yaml(GITHUB / "workflows" / f"{name}.yml")["jobs"].values() if "steps" in job]
    needs_it = [
        "astro " in step.get("run", "") or step.get("uses", "").endswith("deploy-to-astro") for step in job["steps"]
    ]
    installs = [step.get("uses", "").endswith("install-astro-cli") for step in job["steps"]]

    assert installs.index(True) < needs_it.index(True)


def test_the_astro_cli_is_of_the_first_major_version_and_pinned_with_its_installer() -> None:
    inputs = read_yaml(GITHUB / "actions" / "install-astro-cli" / "action.yml")["inputs"]
    assert re.fullmatch(r"v1\.\d+\.\d+", inputs["version"]["default"])
    assert re.fullmatch(r"[0-9a-f]{40}", inputs["installer-commit"]["default"])
