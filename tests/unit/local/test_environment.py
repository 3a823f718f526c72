"""The environment of the stack's processes, and that the caller's own cannot lead it astray."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import yaml

from include.local.credentials import SERVER_CALLERS, Credentials, list_users
from include.local.environment import (
    airflow_environment,
    base_environment,
    mlflow_environment,
    server_environment,
    service_environment,
)
from include.local.home import StackHome
from include.local.layout import Stack
from include.serving.access import find_caller
from include.serving.tokens import choose_rules
from include.settings import CONFIG_DIR, PROJECT_ROOT, load_settings
from tests.unit.local.conftest import PORTS


def test_airflow_finds_its_database_folders_and_server(stack: Stack) -> None:
    environment = airflow_environment(stack, {}, cores=2)
    assert environment["AIRFLOW_HOME"] == str(stack.home.airflow)
    assert environment["AIRFLOW__DATABASE__SQL_ALCHEMY_CONN"] == stack.uris.airflow_metadata
    assert environment["AIRFLOW__CORE__DAGS_FOLDER"] == str(PROJECT_ROOT / "dags")
    assert environment["AIRFLOW__CORE__PLUGINS_FOLDER"] == str(PROJECT_ROOT / "plugins")
    assert environment["PYTHONPATH"] == str(PROJECT_ROOT)
    assert environment["AIRFLOW__API__BASE_URL"] == "http://127.0.0.1:18081"
    assert environment["AIRFLOW__CORE__EXECUTION_API_SERVER_URL"] == "http://127.0.0.1:18081/execution/"
    assert environment["AIRFLOW__CORE__EXECUTOR"] == "LocalExecutor"


def test_what_the_astro_sdk_needs_is_there(stack: Stack) -> None:
    environment = airflow_environment(stack, {}, cores=2)
    assert environment["AIRFLOW__CORE__ENABLE_XCOM_PICKLING"] == "False"
    assert environment["AIRFLOW__CORE__ALLOWED_DESERIALIZATION_CLASSES"] == "airflow.* astro.*"


def test_lineage_goes_to_the_spool(stack: Stack) -> None:
    environment = airflow_environment(stack, {}, cores=2)
    transport = json.loads(environment["AIRFLOW__OPENLINEAGE__TRANSPORT"])
    assert transport == {"type": "include.governance.transport.SpoolTransport"}
    assert environment["AIRFLOW__OPENLINEAGE__NAMESPACE"] == "orrery"
    assert environment["ORRERY_LINEAGE_SPOOL"] == str(stack.home.lineage_spool)


def test_lineage_goes_where_the_caller_says(stack: Stack) -> None:
    receivers = json.dumps({"type": "composite", "transports": [{"type": "http", "url": "http://127.0.0.1:5999"}]})
    given = {"AIRFLOW__OPENLINEAGE__TRANSPORT": receivers, "AIRFLOW__OPENLINEAGE__NAMESPACE": "elsewhere"}
    environment = airflow_environment(stack, given, cores=2)
    assert environment["AIRFLOW__OPENLINEAGE__TRANSPORT"] == receivers
    assert environment["AIRFLOW__OPENLINEAGE__NAMESPACE"] == "orrery"
    assert environment["ORRERY_LINEAGE_SPOOL"] == str(stack.home.lineage_spool)


def test_connections_are_json_that_airflow_reads(stack: Stack) -> None:
    environment = airflow_environment(stack, {}, cores=2)
    warehouse = json.loads(environment["AIRFLOW_CONN_WAREHOUSE"])
    assert warehouse == {
        "conn_type": "postgres", "host": "127.0.0.1", "port": 15432, "schema": "warehouse",
        "login": "postgres", "password": stack.credentials.postgres_password,
    }  # fmt: skip
    mlflow, server = (json.loads(environment[f"AIRFLOW_CONN_{name}"]) for name in ("MLFLOW", "MODEL_SERVER"))
    assert mlflow == {"conn_type": "http", "host": "127.0.0.1", "port": 15000, "schema": "http"}
    token = stack.credentials.server_tokens["airflow"]
    assert server == {**mlflow, "port": 18080, "password": token}


def test_the_model_server_knows_the_hashes_of_the_tokens_and_no_other_process_knows_callers(stack: Stack) -> None:
    environment = server_environment(stack, {"ORRERY_SERVER_TOKENS_FILE": "/elsewhere", "ORRERY_SERVER_TOKENS": "x"})
    rules = choose_rules(environment, frozenset(), "127.0.0.1")()
    tokens = stack.credentials.server_tokens
    assert {name: find_caller(token.encode(), rules.callers).name for name, token in tokens.items()} == {
        name: name for name in tokens
    }
    assert {caller.name: str(caller.role) for caller in rules.callers} == SERVER_CALLERS
    assert not [token for token in tokens.values() for value in environment.values() if token in value]
    others = airflow_environment(stack, {"ORRERY_SERVER_TOKEN": "mine"}, cores=2)
    assert not [name for name in others if name.startswith("ORRERY_SERVER_TOKEN")]


def test_every_user_of_the_passwords_file_has_a_role(stack: Stack) -> None:
    environment = airflow_environment(stack, {}, cores=2)
    users = dict(pair.split(":") for pair in environment["AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS"].split(","))
    assert users == list_users(load_settings().models.values())
    assert users["reviewer"] == "viewer"
    assert environment["AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE"] == str(stack.home.passwords_file)
    assert environment["AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS"] == "False"


def test_every_service_finds_the_others(stack: Stack) -> None:
    environment = service_environment(stack, {})
    assert environment["ORRERY_DBT_TARGET"] == str(stack.home.dbt_target)
    assert environment["ORRERY_WAREHOUSE_URI"] == stack.uris.warehouse
    assert environment["ORRERY_MLFLOW_URI"] == "http://127.0.0.1:15000"
    assert environment["ORRERY_MODEL_SERVER_URL"] == "http://127.0.0.1:18080"
    assert environment["ORRERY_ENVIRONMENT"] == "development"


def test_the_sources_folder_is_what_the_caller_or_the_settings_say(
    stack: Stack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    environment = service_environment(stack, {"ORRERY_SOURCES_DIR": "/data/mine"})
    assert environment["ORRERY_SOURCES_DIR"] == "/data/mine"
    shutil.copytree(CONFIG_DIR, tmp_path / "config")
    sources = tmp_path / "config" / "sources.yml"
    sources.write_text(sources.read_text().replace("root: .local/sources", "root: /data/other"))
    monkeypatch.setenv("ORRERY_CONFIG_DIR", str(tmp_path / "config"))
    assert service_environment(stack, {})["ORRERY_SOURCES_DIR"] == "/data/other"


@pytest.mark.parametrize("is_written_by_the_stack", [True, False])
def test_the_folder_is_that_of_the_stack_only_where_its_data_is_written_there(
    stack: Stack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, is_written_by_the_stack: bool
) -> None:
    """Data of one's own lies in the folder of the settings, whichever stack reads it."""
    shutil.copytree(CONFIG_DIR, tmp_path / "config")
    monkeypatch.setenv("ORRERY_CONFIG_DIR", str(tmp_path / "config"))
    sources = tmp_path / "config" / "sources.yml"
    content = yaml.safe_load(sources.read_text())
    content["local_systems"] = "plant.systems" if is_written_by_the_stack else None
    sources.write_text(yaml.safe_dump(content))
    expected = stack.home.sources if is_written_by_the_stack else PROJECT_ROOT / ".local" / "sources"
    assert service_environment(stack, {})["ORRERY_SOURCES_DIR"] == str(expected)


def test_two_stacks_share_no_folder_and_no_key(tmp_path: Path) -> None:
    one, two = (
        airflow_environment(Stack(StackHome(tmp_path / name), PORTS, Credentials()), {}, cores=2)
        for name in ("one", "two")
    )
    different = {key for key in one if one[key] != two[key]}
    assert different >= {
        "AIRFLOW_HOME", "AIRFLOW__CORE__FERNET_KEY", "AIRFLOW__API_AUTH__JWT_SECRET", "ORRERY_LINEAGE_SPOOL",
        "ORRERY_MODEL_FOLDER", "ORRERY_DBT_TARGET", "AIRFLOW__LOGGING__BASE_LOG_FOLDER",
        "ORRERY_SOURCES_DIR",  # (examples line)
    }  # fmt: skip


@pytest.mark.parametrize(
    "name",
    [
        "AIRFLOW_HOME",
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN",
        "AIRFLOW_CONN_WAREHOUSE",
        "ORRERY_MLFLOW_URI",
        "PYTHONPATH",
    ],
)
def test_what_ties_the_stack_together_is_not_overridden_from_outside(stack: Stack, name: str) -> None:
    environment = airflow_environment(stack, {name: "elsewhere"}, cores=2)
    assert environment[name] != "elsewhere"


def test_what_tunes_the_stack_is(stack: Stack) -> None:
    environment = airflow_environment(stack, {"AIRFLOW__CORE__PARALLELISM": "17"}, cores=2)
    assert environment["AIRFLOW__CORE__PARALLELISM"] == "17"


@pytest.mark.parametrize(("cores", "parallelism"), [(1, "3"), (2, "3"), (8, "9")])
def test_tasks_at_once_follow_the_machine(stack: Stack, cores: int, parallelism: str) -> None:
    assert airflow_environment(stack, {}, cores=cores)["AIRFLOW__CORE__PARALLELISM"] == parallelism


@pytest.mark.parametrize(
    "name", ["PGSERVICE", "PGHOST", "MLFLOW_TRACKING_URI", "PYTHONDONTWRITEBYTECODE", "PYTHONHOME"]
)
def test_what_would_mislead_a_component_is_dropped(name: str) -> None:
    assert name not in base_environment({name: "1"})


def test_loopback_goes_past_the_proxy_and_other_exceptions_stay() -> None:
    environment = base_environment({"HTTPS_PROXY": "http://proxy:3128", "NO_PROXY": "intranet,localhost"})
    assert environment["HTTPS_PROXY"] == "http://proxy:3128"
    assert environment["NO_PROXY"] == environment["no_proxy"] == "intranet,localhost,127.0.0.1"


def test_programs_of_the_environment_come_first_on_the_path() -> None:
    first, *rest = base_environment({"PATH": "/usr/bin"})["PATH"].split(":")
    assert (Path(first) / "python").exists()
    assert rest == ["/usr/bin"]


def test_mlflow_alone_knows_its_own_database(stack: Stack) -> None:
    assert mlflow_environment(stack, {})["MLFLOW_BACKEND_STORE_URI"] == stack.uris.mlflow_store
    assert "MLFLOW_BACKEND_STORE_URI" not in service_environment(stack, {})
