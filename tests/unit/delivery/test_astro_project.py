"""The files that the Astro CLI reads, and the services that it starts beside Airflow."""

from __future__ import annotations

import importlib.metadata
import json
import os
import re
import subprocess
import sys

import pytest
from packaging.requirements import Requirement

from include.operate.place import WAREHOUSE_VARIABLE
from tests.unit.delivery.project import AIRFLOW_SERVICES, ROOT, TAKEN_PORTS, read, read_own_services, read_services


def test_the_cli_recognises_the_project_and_leaves_its_requirements_alone() -> None:
    config = read(".astro/config.yaml")
    assert config["project"]["name"]
    assert int(config["postgres"]["tag"]) >= 13, "Airflow 3 needs PostgreSQL 13; the CLI's default is 12"
    assert config["disable_astro_run"] is True


def test_no_dag_file_is_exempt_from_parsing() -> None:
    lines = (ROOT / ".astro" / "dag_integrity_exceptions.txt").read_text(encoding="utf-8").splitlines()
    assert [line for line in lines if line.strip() and not line.startswith("#")] == []


def test_the_override_brings_the_services_of_the_project() -> None:
    services = {"warehouse", "mlflow", "model-server"}
    services |= {"shop-systems"}  # (examples line)
    assert set(read_own_services()) == services


@pytest.mark.parametrize("name", sorted(read_own_services()))
def test_a_service_can_be_pulled_is_reached_by_airflow_and_says_that_it_is_well(name: str) -> None:
    service = read_own_services()[name]
    assert "build" not in service
    assert re.fullmatch(r"[\w./-]+:[\w.-]*\d[\w.-]*", service["image"]), f"{service['image']} names no version"
    assert service["networks"] == ["airflow"]
    assert service["healthcheck"]["test"][0] == "CMD"


def test_mlflow_is_one_process_which_no_supervisor_ends_while_it_starts() -> None:
    assert "--workers=1" in read_own_services()["mlflow"]["command"]


@pytest.mark.parametrize("name", sorted(read_own_services()))
def test_a_service_is_open_to_this_machine_alone_and_on_a_port_that_the_cli_leaves_free(name: str) -> None:
    for port in read_own_services()[name]["ports"]:
        address, host_port, _ = port.split(":")
        assert address == "127.0.0.1"
        assert host_port not in TAKEN_PORTS


def test_the_readme_names_the_warehouse_to_make_run_at_the_port_that_its_service_opens() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    exported = dict(re.findall(r"^export (ORRERY_\w+)=(\S+)$", text, flags=re.MULTILINE))
    address, port, _ = read_own_services()["warehouse"]["ports"][0].split(":")
    assert f"{address}:{port}" in exported[WAREHOUSE_VARIABLE]


def test_the_metadata_database_of_airflow_is_left_alone() -> None:
    assert "postgres" not in read_services()
    assert "postgres_data" not in read("docker-compose.override.yml")["volumes"]


@pytest.mark.parametrize("name", sorted(AIRFLOW_SERVICES))
def test_airflow_sees_the_dbt_project_as_it_is_saved(name: str) -> None:
    assert "./dbt:/usr/local/airflow/dbt:z" in read_services()[name]["volumes"]


@pytest.mark.parametrize("name", sorted(AIRFLOW_SERVICES))
def test_airflow_finds_the_files_of_the_sources_where_they_are_mounted(name: str) -> None:
    service = read_services()[name]
    root = read("include/config/sources.yml")["root"]
    assert f"./{root}:{service['environment']['ORRERY_SOURCES_DIR']}:ro,z" in service["volumes"]


def test_what_is_mounted_from_the_project_exists() -> None:
    mounts = {mount.split(":")[0] for service in read_services().values() for mount in service.get("volumes", [])}
    # .local is made on the machine that the project runs on
    local = {mount for mount in mounts if mount.startswith("./") and not mount.startswith("./.local/")}
    assert local
    assert not [mount for mount in local if not (ROOT / mount).exists()]


def list_model_server_packages() -> list[str]:
    """What the model server's container installs."""
    script = read_services()["model-server"]["command"][-1]
    return re.findall(r"requirements\.lock \\\n(.*)\n", script)[0].replace('"', "").split()


def test_the_model_server_installs_libraries_that_are_locked() -> None:
    locked = (ROOT / "requirements.lock").read_text(encoding="utf-8").lower()
    packages = [re.split(r"\[", name)[0].lower() for name in list_model_server_packages()]
    assert packages
    assert not [name for name in packages if not re.search(rf"^{name}==", locked, re.MULTILINE)]


IMPORT_WITHIN = """
import importlib, importlib.abc, json, pkgutil, sys

class Refuse(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in set(json.loads(sys.argv[1])):
            raise ModuleNotFoundError(f"the container has no {name}", name=name)

sys.meta_path.insert(0, Refuse())
import include.serving
for module in pkgutil.iter_modules(include.serving.__path__):
    importlib.import_module(f"include.serving.{module.name}")
"""


def test_the_model_server_starts_with_what_its_container_installs() -> None:
    # given the packages of the container, and what they require
    waiting = [Requirement(name) for name in list_model_server_packages()]
    held: set[str] = set()
    while waiting:
        asked = waiting.pop()
        name = re.sub(r"[-_.]+", "-", asked.name).lower()
        extras = {"", *asked.extras}
        if name not in held or asked.extras:
            held.add(name)
            each = map(Requirement, importlib.metadata.requires(name) or [])
            waiting += [r for r in each if not r.marker or any(r.marker.evaluate({"extra": extra}) for extra in extras)]
    modules = importlib.metadata.packages_distributions()
    refused = [
        module for module, names in modules.items()
        if not {re.sub(r"[-_.]+", "-", name).lower() for name in names} & held
    ]  # fmt: skip

    done = subprocess.run(
        [sys.executable, "-c", IMPORT_WITHIN, json.dumps(refused)], cwd=ROOT,
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT)}, capture_output=True, text=True, check=False,
    )  # fmt: skip

    assert "airflow" in refused
    assert done.returncode == 0, done.stderr[-2000:]


def test_mlflow_is_the_version_that_clients_have() -> None:
    version = re.search(r"^mlflow==(\S+)", (ROOT / "requirements.txt").read_text(encoding="utf-8"), re.MULTILINE)
    assert version
    assert read_services()["mlflow"]["image"].endswith(f":v{version[1]}")
