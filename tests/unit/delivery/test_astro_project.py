"""The files that the Astro CLI reads, and the services that it starts beside Airflow."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[3]
AIRFLOW_SERVICES = {"scheduler", "dag-processor", "api-server", "triggerer"}
TAKEN_PORTS = {"5432", "8080", "6563"}
"""Host ports of the CLI itself: Airflow's metadata database, its API server, the CLI's proxy."""


def read(name: str) -> Any:
    """A YAML file of the project."""
    return yaml.safe_load((ROOT / name).read_text(encoding="utf-8"))


def read_services() -> dict[str, dict[str, Any]]:
    """All services of the override file."""
    services: dict[str, dict[str, Any]] = read("docker-compose.override.yml")["services"]
    return services


def read_own_services() -> dict[str, dict[str, Any]]:
    """Those that the CLI does not bring itself."""
    return {name: service for name, service in read_services().items() if name not in AIRFLOW_SERVICES}


def test_the_cli_recognises_the_project() -> None:
    config = read(".astro/config.yaml")
    assert config["project"]["name"] == "orrery"
    assert config["postgres"]["tag"] == "16"
    assert config["disable_astro_run"] is True


def test_no_dag_file_is_exempt_from_parsing() -> None:
    lines = (ROOT / ".astro" / "dag_integrity_exceptions.txt").read_text(encoding="utf-8").splitlines()
    assert [line for line in lines if line.strip() and not line.startswith("#")] == []


def test_the_integrity_test_does_not_pass_what_dagbag_no_longer_takes() -> None:
    text = (ROOT / ".astro" / "test_dag_integrity_default.py").read_text(encoding="utf-8")
    assert re.findall(r"DagBag\(([^)]*)\)", text) == ['ROOT / "dags"']


def test_the_override_brings_the_services_of_the_project() -> None:
    assert set(read_own_services()) == {"warehouse", "mlflow", "model-server"}


@pytest.mark.parametrize("name", sorted(read_own_services()))
def test_a_service_can_be_pulled_is_reached_by_airflow_and_says_that_it_is_well(name: str) -> None:
    service = read_own_services()[name]
    assert "build" not in service
    assert re.fullmatch(r"[\w./-]+:[\w.-]*\d[\w.-]*", service["image"]), f"{service['image']} names no version"
    assert service["networks"] == ["airflow"]
    assert service["healthcheck"]["test"][0] == "CMD"


@pytest.mark.parametrize("name", sorted(read_own_services()))
def test_a_service_is_open_to_this_machine_alone_and_on_a_port_that_the_cli_leaves_free(name: str) -> None:
    for port in read_own_services()[name]["ports"]:
        address, host_port, _ = port.split(":")
        assert address == "127.0.0.1"
        assert host_port not in TAKEN_PORTS


def test_the_metadata_database_of_airflow_is_left_alone() -> None:
    assert "postgres" not in read_services()
    assert "postgres_data" not in read("docker-compose.override.yml")["volumes"]


@pytest.mark.parametrize("name", sorted(AIRFLOW_SERVICES))
def test_airflow_sees_the_dbt_project_as_it_is_saved(name: str) -> None:
    assert "./dbt:/usr/local/airflow/dbt:z" in read_services()[name]["volumes"]


@pytest.mark.parametrize("name", sorted(AIRFLOW_SERVICES))
def test_airflow_finds_the_shops_files_where_they_are_mounted(name: str) -> None:
    service = read_services()[name]
    root = read("include/config/sources.yml")["root"]
    assert f"./{root}:{service['environment']['ORRERY_SOURCES_DIR']}:ro,z" in service["volumes"]


def test_what_is_mounted_from_the_project_exists() -> None:
    mounts = {mount.split(":")[0] for service in read_services().values() for mount in service.get("volumes", [])}
    # .local is made on the machine that the project runs on
    local = {mount for mount in mounts if mount.startswith("./") and not mount.startswith("./.local/")}
    assert local
    assert not [mount for mount in local if not (ROOT / mount).exists()]


def test_the_model_server_installs_libraries_that_are_locked() -> None:
    script = read_services()["model-server"]["command"][-1]
    packages = re.findall(r"requirements\.lock \\\n(.*)\n", script)[0].replace('"', "").split()
    locked = (ROOT / "requirements.lock").read_text(encoding="utf-8").lower()
    assert packages
    for package in (name.split("[")[0].lower() for name in packages):
        assert re.search(rf"^{package}==", locked, re.MULTILINE), f"{package} is not in requirements.lock"


def test_mlflow_is_the_version_that_clients_have() -> None:
    version = re.search(r"^mlflow==(\S+)", (ROOT / "requirements.txt").read_text(encoding="utf-8"), re.MULTILINE)
    assert version
    assert read_services()["mlflow"]["image"].endswith(f":v{version[1]}")


def test_secrets_history_and_generated_files_stay_out_of_the_image_and_dbt_goes_in() -> None:
    ignored = set((ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines())
    assert {".env", ".git", ".venv", ".local", "airflow_settings.yaml", "dbt/target"} <= ignored
    assert not {"dbt", "dbt/", "dags", "dags/", "include", "tests", ".astro"} & ignored


def test_the_image_sets_what_the_astro_sdk_needs() -> None:
    text = (ROOT / "Dockerfile").read_text(encoding="utf-8")
    assert 'AIRFLOW__CORE__ENABLE_XCOM_PICKLING="False"' in text
    assert 'AIRFLOW__CORE__ALLOWED_DESERIALIZATION_CLASSES="airflow.* astro.*"' in text


def test_the_licence_is_apache_2_in_full() -> None:
    text = (ROOT / "LICENSE").read_text(encoding="utf-8")
    assert "Apache License\n                           Version 2.0, January 2004" in text
    assert "END OF TERMS AND CONDITIONS" in text


def test_the_image_runs_a_python_that_the_project_supports() -> None:
    supported = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["requires-python"]
    assert supported == ">=3.11,<3.13"
    assert (ROOT / "Dockerfile").read_text(encoding="utf-8").splitlines()[0].endswith("python-3.12")
