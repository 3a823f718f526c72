"""The variables of `astro dev start --standalone`, which knows no containers."""

from __future__ import annotations

import json
from pathlib import Path  # (examples line)

import pytest

from tests.unit.delivery.project import ROOT, read, read_env, read_image_variables, read_own_services


def test_standalone_has_from_the_env_file_what_the_image_sets_for_airflow() -> None:
    in_image = {name: value for name, value in read_image_variables().items() if name.startswith("AIRFLOW__")}
    assert "AIRFLOW__CORE__ENABLE_XCOM_PICKLING" in in_image
    assert in_image.items() <= read_env(uncomment=False).items()


@pytest.mark.skipif(
    not (ROOT / "airflow_settings.yaml").exists(), reason="the Astro image does not carry airflow_settings.yaml"
)
def test_standalone_names_no_host_of_docker_and_listens_on_this_machine_only() -> None:
    services = {*read_own_services(), "warehouse"}
    variables = read_env(uncomment=True)
    connections = {name: json.loads(value) for name, value in variables.items() if name.startswith("AIRFLOW_CONN_")}
    ids = {
        f"AIRFLOW_CONN_{each['conn_id'].upper()}" for each in read("airflow_settings.yaml")["airflow"]["connections"]
    }

    assert variables["AIRFLOW__API__HOST"] == "127.0.0.1"
    assert set(connections) == ids
    assert {each["host"] for each in connections.values()} == {"127.0.0.1"}
    assert not [
        name for name, value in variables.items() if any(f"{host}:" in value.partition("@")[2] for host in services)
    ]


def test_standalone_links_and_lineage_lead_where_the_connections_lead() -> None:
    variables = read_env(uncomment=True)
    warehouse, mlflow, server = (
        json.loads(variables[f"AIRFLOW_CONN_{name}"]) for name in ("WAREHOUSE", "MLFLOW", "MODEL_SERVER")
    )

    assert variables["ORRERY_MLFLOW_URI"] == f"http://{mlflow['host']}:{mlflow['port']}"
    assert variables["ORRERY_MODEL_SERVER_URL"] == f"http://{server['host']}:{server['port']}"
    assert server["password"]
    login = (
        f"{warehouse['login']}:{warehouse['password']}@{warehouse['host']}:{warehouse['port']}/{warehouse['schema']}"
    )
    assert variables["ORRERY_WAREHOUSE_URI"] == f"postgresql://{login}"


# (examples begin)
def test_standalone_has_the_connections_of_all_sources_as_the_stack_has_them(tmp_path: Path) -> None:
    from include.example.systems import list_connections
    from include.local.components import prefer_ports
    from include.local.credentials import Credentials
    from include.local.home import StackHome
    from include.local.layout import Stack

    stack = Stack(StackHome(tmp_path), prefer_ports(), Credentials(postgres_password="PASSWORD"))
    variables = read_env(uncomment=True)
    found = {name: json.loads(variables[f"AIRFLOW_CONN_{name.upper()}"]) for name in list_connections(stack)}
    assert found == list_connections(stack)


# (examples end)
def test_standalone_finds_the_services_at_the_ports_that_the_stack_takes_first() -> None:
    from include.local.components import PREFERRED_PORTS

    variables = read_env(uncomment=True)

    assert json.loads(variables["AIRFLOW_CONN_WAREHOUSE"])["port"] == PREFERRED_PORTS["postgres"]
    assert json.loads(variables["AIRFLOW_CONN_MLFLOW"])["port"] == PREFERRED_PORTS["mlflow"]
    assert json.loads(variables["AIRFLOW_CONN_MODEL_SERVER"])["port"] == PREFERRED_PORTS["model-server"]


def test_a_busy_machine_has_the_time_to_import_a_dag_file_that_it_has_under_make_up() -> None:
    from include.local.environment import tuning_defaults

    limits = ("AIRFLOW__CORE__DAGBAG_IMPORT_TIMEOUT", "AIRFLOW__DAG_PROCESSOR__DAG_FILE_PROCESSOR_TIMEOUT")
    sources = (read_env(uncomment=False), tuning_defaults(2), read_image_variables())
    ours, theirs, of_image = ([float(values.get(name, 0)) for name in limits] for values in sources)

    assert 30 < ours[0] < ours[1], "one file's import ends before the process that imports it is ended"
    assert ours == theirs == of_image
