"""The parts of the stack as data."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

from include.local.components import AIRFLOW_MODULES, TASK_MODULES, Component, build_components
from include.local.credentials import Credentials
from include.local.home import StackHome
from include.local.stack import Stack

PORTS = {"postgres": 15432, "mlflow": 15000, "model-server": 18080, "airflow": 18081}
NAMES = [
    "mlflow", "model-server", "lineage-shipper", "airflow-api", "airflow-dag-processor", "airflow-triggerer",
    "airflow-scheduler",
]  # fmt: skip


@pytest.fixture
def stack(tmp_path: Path) -> Stack:
    """A stack that nobody starts."""
    return Stack(StackHome(tmp_path), PORTS, Credentials())


def build(stack: Stack, *, is_airflow_new: bool = False) -> list[Component]:
    return build_components(stack, {}, is_airflow_new=is_airflow_new, cores=2)


def test_every_part_is_there(stack: Stack) -> None:
    assert [component.name for component in build(stack)] == NAMES


def test_airflow_waits_for_its_tables_only_when_they_are_new(stack: Stack) -> None:
    assert not any(component.needs for component in build(stack))
    first_time = {component.name: component for component in build(stack, is_airflow_new=True)}
    assert first_time["airflow-migration"].is_job
    waiting = {name for name, component in first_time.items() if component.needs == ("airflow-migration",)}
    assert waiting == {name for name in NAMES if name.startswith("airflow-")}


def test_no_secret_stands_on_a_command_line(stack: Stack) -> None:
    credentials = stack.credentials
    secrets = [
        credentials.postgres_password, credentials.fernet_key, credentials.jwt_secret, credentials.api_secret_key,
        credentials.stack_token, *credentials.airflow_passwords.values(),
    ]  # fmt: skip
    for component in build(stack, is_airflow_new=True):
        line = " ".join(component.command)
        assert not [secret for secret in secrets if secret in line], component.name


def test_everything_listens_on_loopback_only(stack: Stack) -> None:
    for component in build(stack):
        if "--host" in component.command:
            assert component.command[component.command.index("--host") + 1] == "127.0.0.1"
        if component.module == "airflow":
            assert component.environment["AIRFLOW__API__HOST"] == "127.0.0.1"
        if component.name in {"airflow-scheduler", "airflow-triggerer"}:
            assert "--skip-serve-logs" in component.command


def test_every_process_carries_the_stacks_token(stack: Stack) -> None:
    for component in build(stack, is_airflow_new=True):
        assert component.environment["ORRERY_STACK_TOKEN"] == stack.credentials.stack_token


def test_only_libraries_are_imported_ahead(stack: Stack) -> None:
    assert not [name for name in (*AIRFLOW_MODULES, *TASK_MODULES) if name.split(".")[0] in {"include", "dags"}]


@pytest.mark.parametrize(
    "module", ["include.local.mlflow_server", "include.serving", "include.governance.shipper", "airflow"]
)
def test_every_module_that_is_run_exists(stack: Stack, module: str) -> None:
    assert module in {component.module for component in build(stack)}
    assert importlib.util.find_spec(module) is not None
