"""airflow_settings.yaml and .env.example, as the Astro CLI reads them."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
import yaml

from include.local.environment import NO_TELEMETRY
from include.serving.access import Role, decide_access, find_caller
from include.serving.tokens import choose_rules
from include.settings import PROJECT_ROOT, load_settings
from include.settings.source_base import ConnectedSource

SETTINGS = PROJECT_ROOT / "airflow_settings.yaml"
EXAMPLE = PROJECT_ROOT / ".env.example"
COMPOSE = PROJECT_ROOT / "docker-compose.override.yml"
# What the CLI's own types know (astro-cli, settings/types.go); it drops every other key without a word.
CONNECTION_KEYS = {
    "conn_id", "conn_type", "conn_host", "conn_schema", "conn_login", "conn_password", "conn_port", "conn_uri",
    "conn_extra",
}  # fmt: skip

pytestmark = pytest.mark.skipif(not SETTINGS.exists(), reason="the Astro image does not carry airflow_settings.yaml")


@pytest.fixture
def airflow() -> dict[str, Any]:
    """The file's only section."""
    content = yaml.safe_load(SETTINGS.read_text())
    assert set(content) == {"airflow"}
    section: dict[str, Any] = content["airflow"]
    return section


@pytest.fixture
def connections(airflow: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Connections by id."""
    return {connection["conn_id"]: connection for connection in airflow["connections"]}


@pytest.fixture
def example() -> dict[str, str]:
    """Variables of .env.example that are set."""
    lines = [line for line in EXAMPLE.read_text().splitlines() if line and not line.startswith("#")]
    return dict(line.split("=", 1) for line in lines)


def test_every_key_is_one_that_the_cli_knows(airflow: dict[str, Any]) -> None:
    assert set(airflow) == {"connections", "pools", "variables"}
    for connection in airflow["connections"]:
        assert set(connection) <= CONNECTION_KEYS


def test_the_connections_of_the_project_are_there(connections: dict[str, dict[str, Any]]) -> None:
    kinds = {name: connection["conn_type"] for name, connection in connections.items()}
    expected = {"warehouse": "postgres", "mlflow": "http", "model_server": "http"}
    expected |= {"shop_api": "http", "shop_bucket": "aws", "shop_database": "postgres"}  # (examples line)
    assert kinds == expected


def test_every_source_finds_its_connection(connections: dict[str, dict[str, Any]]) -> None:
    sources = load_settings().sources.sources.values()
    named = {source.connection for source in sources if isinstance(source, ConnectedSource)}
    assert named  # (examples line)
    assert named <= set(connections)


def test_extras_are_json_in_a_string(connections: dict[str, dict[str, Any]]) -> None:
    for connection in connections.values():
        assert isinstance(connection["conn_extra"], str)
        assert isinstance(json.loads(connection["conn_extra"]), dict)


def test_ports_are_numbers(connections: dict[str, dict[str, Any]]) -> None:
    assert all(isinstance(connection["conn_port"], int) for connection in connections.values())


@pytest.mark.skipif(not COMPOSE.exists(), reason="the Astro image does not carry docker-compose.override.yml")
def test_every_connection_leads_to_a_service(connections: dict[str, dict[str, Any]]) -> None:
    services = yaml.safe_load(COMPOSE.read_text())["services"]
    assert {connection["conn_host"] for connection in connections.values()} <= set(services)
    warehouse, database = connections["warehouse"], services["warehouse"]["environment"]
    assert warehouse["conn_login"] == database["POSTGRES_USER"]
    assert warehouse["conn_schema"] == database["POSTGRES_DB"]
    assert warehouse["conn_password"] in database["POSTGRES_PASSWORD"]


@pytest.mark.skipif(not COMPOSE.exists(), reason="the Astro image does not carry docker-compose.override.yml")
def test_airflow_has_a_token_with_which_the_model_server_lets_it_stage(connections: dict[str, dict[str, Any]]) -> None:
    service = yaml.safe_load(COMPOSE.read_text())["services"]["model-server"]
    default = re.fullmatch(r"\$\{MODEL_SERVER_TOKENS:-(.*)\}", service["environment"]["ORRERY_SERVER_TOKENS"])
    assert default is not None
    hosts = frozenset(load_settings().server.allowed_hosts)
    rules = choose_rules({"ORRERY_SERVER_TOKENS": default[1]}, hosts, "0.0.0.0")()
    connection = connections["model_server"]
    headers = [
        (b"host", f"{connection['conn_host']}:{connection['conn_port']}".encode()),
        (b"authorization", f"Bearer {connection['conn_password']}".encode()),
        (b"x-model-version", b"7"),
    ]
    asked = decide_access("POST", "/models/any/predict", headers, rules)
    assert asked == find_caller(connection["conn_password"].encode(), rules.callers)
    assert (asked.name, asked.role) == ("airflow", Role.STAGE)


def test_the_example_environment_holds_what_the_project_needs(example: dict[str, str]) -> None:
    assert example["AIRFLOW__CORE__ENABLE_XCOM_PICKLING"] == "False"
    assert example["AIRFLOW__CORE__ALLOWED_DESERIALIZATION_CLASSES"] == "airflow.* astro.*"
    assert json.loads(example["AIRFLOW__OPENLINEAGE__TRANSPORT"]) == {
        "type": "include.governance.transport.SpoolTransport"
    }
    assert example["AIRFLOW__CORE__PLUGINS_FOLDER"] == "plugins"


def test_the_example_environment_turns_off_the_same_telemetry(example: dict[str, str]) -> None:
    assert NO_TELEMETRY.items() <= example.items()


def test_the_example_environment_holds_no_secret(example: dict[str, str]) -> None:
    assert not [name for name in example if "PASSWORD" in name or "SECRET" in name or "CONN_" in name]
