"""Workflows as GitHub runs them: which steps run for an event, and what their shell does."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[3]
GITHUB = ROOT / ".github"
OWN = "$/"
"""How a workflow names an action of its own repository."""
_EXPRESSION = re.compile(r"\$\{\{\s*(.*?)\s*\}\}")
_OPERAND = re.compile(r"'[^']*'|[A-Za-z_][\w.-]*")


@dataclass(frozen=True)
class Ran:
    """What a step has done: exit code, all that it printed, and its outputs."""

    code: int
    text: str
    outputs: dict[str, str]


def read_yaml(path: Path) -> Any:
    """A YAML file; the key ``on`` is the boolean True of YAML 1.1."""
    return yaml.safe_load(path.read_text(encoding="utf-8"))


def evaluate(text: str, context: Mapping[str, str]) -> str:
    """A value with its expressions filled in; of GitHub's operators ``==``, ``!=``, ``&&`` and ``||``.

    A name that the context does not hold is empty, as at GitHub.
    """
    return _EXPRESSION.sub(lambda match: str(evaluate_bare(match[1], context)), text)


def evaluate_bare(expression: str, context: Mapping[str, str]) -> Any:
    """An expression without its brackets, as an ``if`` holds it."""

    def spell(match: re.Match[str]) -> str:
        return match[0] if match[0].startswith("'") else repr(context.get(match[0], ""))

    spelled = _OPERAND.sub(spell, expression).replace("&&", " and ").replace("||", " or ")
    return eval(spelled, {"__builtins__": {}})


def list_steps(job: Mapping[str, Any], context: Mapping[str, str]) -> list[dict[str, Any]]:
    """The steps of a job that run, in order."""
    return [step for step in job["steps"] if evaluate_bare(step.get("if", "'yes'"), context)]


def find_action(uses: str) -> Path:
    """The file of an action or a workflow of this repository."""
    path = ROOT / uses.removeprefix(OWN)
    return path if path.is_file() else path / "action.yml"


def run_step(step: Mapping[str, Any], context: Mapping[str, str], environment: Mapping[str, str], folder: Path) -> Ran:
    """Run the shell of a step as GitHub does, in a folder, with nothing else in its environment than named here."""
    outputs = folder / "outputs.txt"
    outputs.write_text("")
    own = {name: evaluate(str(value), context) for name, value in step.get("env", {}).items()}
    runner = {"PATH": os.environ["PATH"], "RUNNER_TEMP": str(folder), "GITHUB_OUTPUT": str(outputs)}
    done = subprocess.run(
        ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", step["run"]],
        cwd=folder, env={**runner, **environment, **own}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    pairs = (line.partition("=") for line in outputs.read_text().splitlines())
    return Ran(done.returncode, done.stdout + done.stderr, {name: value for name, _, value in pairs})


def run_job(job: Mapping[str, Any], context: dict[str, str], environment: dict[str, str], folder: Path) -> Ran:
    """Run what is shell in a job, actions of this repository included, until a step fails.

    Actions of others are left out, and so is the installation of the CLI.
    """
    environment = {**environment, **{name: evaluate(str(value), context) for name, value in job.get("env", {}).items()}}
    ran, text = Ran(0, "", {}), ""
    for step in job["steps"]:
        if not evaluate_bare(step.get("if", "'yes'"), context):
            continue
        if "run" in step:
            ran = run_step(step, context, environment, folder)
        elif step["uses"].startswith(OWN) and "install" not in step["uses"]:
            ran = run_composite(step, context, environment, folder)
        text += ran.text
        context |= {f"steps.{step['id']}.outputs.{name}": value for name, value in ran.outputs.items() if "id" in step}
        if ran.code != 0:
            break
    return Ran(ran.code, text, ran.outputs)


def run_composite(
    step: Mapping[str, Any], context: Mapping[str, str], environment: dict[str, str], folder: Path
) -> Ran:
    """Run a composite action of this repository with the inputs of a step."""
    path = find_action(step["uses"])
    inputs = {f"inputs.{name}": evaluate(str(value), context) for name, value in step.get("with", {}).items()}
    job = {"steps": read_yaml(path)["runs"]["steps"]}
    return run_job(job, {**context, **inputs}, {**environment, "GITHUB_ACTION_PATH": str(path.parent)}, folder)
