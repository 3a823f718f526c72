"""The files that the Astro CLI reads, and the services that it starts beside Airflow."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import json
import os
import re
import subprocess
import sys
import tomllib
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import pytest
import yaml
from packaging.requirements import Requirement

ROOT = Path(__file__).resolve().parents[3]
AIRFLOW_SERVICES = {"scheduler", "dag-processor", "api-server", "triggerer"}
TAKEN_PORTS = {"5432", "8080", "6563"}
"""Host ports of the CLI itself: Airflow's metadata database, its API server, the CLI's proxy."""
IN_IMAGE = "/usr/local/airflow/"


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


def list_steps() -> list[tuple[str, str]]:
    """The Dockerfile's instructions with their arguments, in order; continued lines are joined."""
    text = re.sub(r"^#.*\n", "", (ROOT / "Dockerfile").read_text(encoding="utf-8"), flags=re.MULTILINE)
    lines = (line.strip() for line in re.sub(r"\\\n\s*", " ", text).splitlines())
    return [(line.split(maxsplit=1)[0], line.split(maxsplit=1)[1]) for line in lines if line]


def read_image_variables() -> dict[str, str]:
    """The environment variables that the Dockerfile sets."""
    settings = " ".join(arguments for step, arguments in list_steps() if step == "ENV")
    pairs = re.findall(r"""(\w+)=(?:"([^"]*)"|'([^']*)')""", settings)
    return {name: double or single for name, double, single in pairs}


def read_env(uncomment: bool) -> dict[str, str]:
    """The variables of .env.example as the CLI reads them; with the last block uncommented or without it."""
    text = (ROOT / ".env.example").read_text(encoding="utf-8")
    above, mark, block = text.partition("# --- Only for --standalone")
    assert mark
    if uncomment:
        above += re.sub(r"^# (?=[A-Z_]+=)", "", block, flags=re.MULTILINE)
    lines = (line for line in above.splitlines() if line and not line.startswith("#"))
    return {name: value for name, _, value in (line.partition("=") for line in lines)}


def is_ignored(path: str) -> bool:
    """Whether .dockerignore keeps a path of the project out of the image."""
    lines = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    patterns = [line.rstrip("/") for line in lines if line and not line.startswith("#")]
    parts = path.split("/")
    above = ["/".join(parts[: end + 1]) for end in range(len(parts))]
    return any(fnmatch(part, pattern) or fnmatch(f"x/{part}", pattern) for part in above for pattern in patterns)


def test_the_cli_recognises_the_project_and_leaves_its_requirements_alone() -> None:
    config = read(".astro/config.yaml")
    assert config["project"]["name"]
    assert int(config["postgres"]["tag"]) >= 13, "Airflow 3 needs PostgreSQL 13; the CLI's default is 12"
    assert config["disable_astro_run"] is True


def test_no_dag_file_is_exempt_from_parsing() -> None:
    lines = (ROOT / ".astro" / "dag_integrity_exceptions.txt").read_text(encoding="utf-8").splitlines()
    assert [line for line in lines if line.strip() and not line.startswith("#")] == []


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


@pytest.mark.parametrize(
    "path",
    [".env", ".git/HEAD", ".venv/bin/python", ".local/secrets.json", "airflow_settings.yaml", "dbt/target/manifest.json",
     "include/__pycache__/x.pyc", ".astro/standalone/airflow.db", "deployment-preview-template.yaml"],
)  # fmt: skip
def test_secrets_history_and_generated_files_stay_out_of_the_image(path: str) -> None:
    assert is_ignored(path)


@pytest.mark.parametrize(
    "path",
    ["dbt/models/staging/x.sql", "dbt/dbt_project.yml", "include/assets.py", "plugins/orrery.py", "tests/conftest.py",
     ".astro/config.yaml", "requirements-dev.txt", "pyproject.toml", "README.md"],
)  # fmt: skip
def test_what_runs_and_what_is_tested_is_in_the_image(path: str) -> None:
    # dags/ may be left out: the CLI adds it to the file where DAGs are deployed by themselves
    assert not is_ignored(path)


def test_standalone_has_from_the_env_file_what_the_image_sets_for_airflow() -> None:
    in_image = {name: value for name, value in read_image_variables().items() if name.startswith("AIRFLOW__")}
    assert "AIRFLOW__CORE__ENABLE_XCOM_PICKLING" in in_image
    assert in_image.items() <= read_env(uncomment=False).items()


def test_the_manifest_is_built_where_no_mount_hides_it_and_where_tasks_may_write() -> None:
    target = read_image_variables()["ORRERY_DBT_TARGET"]
    mounts = [volume.split(":")[1] for name in AIRFLOW_SERVICES for volume in read_services()[name]["volumes"]]
    steps = list_steps()
    build = steps.index(("RUN", "python -m include.features.manifest"))
    given = next(
        n for n, (step, text) in enumerate(steps) if step == "RUN" and 'chown astro: "$ORRERY_DBT_TARGET"' in text
    )

    assert mounts
    assert not [mount for mount in mounts if f"{target}/".startswith(f"{mount}/")]
    assert not target.startswith(
        tuple(f"{IN_IMAGE}{folder}/" for folder in ("dags", "plugins", "include", "tests", "dbt"))
    )
    assert given < build
    assert [text for step, text in steps[:build] if step == "USER"][-1] == "astro"


def test_every_module_that_the_image_runs_while_it_is_built_exists() -> None:
    modules = re.findall(r"python -m (include[\w.]+)", " ".join(text for step, text in list_steps() if step == "RUN"))
    assert modules
    assert not [module for module in modules if not importlib.util.find_spec(module)]


@pytest.mark.parametrize(
    ("session", "is_built"),
    [("", True), ("from flask_session.sqlalchemy import SqlAlchemySessionInterface\n", False)],
    ids=["importable", "flask-session is too old"],
)
def test_the_build_stops_where_airflow_could_not_migrate_its_database(
    tmp_path: Path, session: str, is_built: bool
) -> None:
    # given a FAB provider in the base image, and the flask-session that requirements.txt brings
    assert importlib.metadata.version("flask-session") < "0.8"
    (check,) = [text for step, text in list_steps() if step == "RUN" and "airflow.providers.fab" in text]
    folder = tmp_path / "airflow" / "providers" / "fab" / "www"
    folder.mkdir(parents=True)
    (folder / "session.py").write_text(session)
    (tmp_path / "airflow" / "__init__.py").write_text("")

    done = subprocess.run(
        ["sh", "-c", check], env={"PATH": f"{Path(sys.executable).parent}:/usr/bin:/bin", "PYTHONPATH": str(tmp_path)},
        capture_output=True, text=True, check=False,
    )  # fmt: skip

    assert (done.returncode == 0) is is_built, done.stderr


def test_a_base_image_without_the_fab_provider_is_built() -> None:
    (check,) = [text for step, text in list_steps() if step == "RUN" and "airflow.providers.fab" in text]
    path = f"{Path(sys.executable).parent}:/usr/bin:/bin"
    assert importlib.util.find_spec("airflow.providers.fab") is None
    assert subprocess.run(["sh", "-c", check], env={"PATH": path, "HOME": "/nowhere"}, check=False).returncode == 0


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
    login = (
        f"{warehouse['login']}:{warehouse['password']}@{warehouse['host']}:{warehouse['port']}/{warehouse['schema']}"
    )
    assert variables["ORRERY_WAREHOUSE_URI"] == f"postgresql://{login}"


def test_standalone_finds_the_services_at_the_ports_that_the_stack_takes_first() -> None:
    from include.local import components, ports

    preferred = getattr(components, "PREFERRED_PORTS", None) or ports.PREFERRED_PORTS
    variables = read_env(uncomment=True)

    assert json.loads(variables["AIRFLOW_CONN_WAREHOUSE"])["port"] == preferred["postgres"]
    assert json.loads(variables["AIRFLOW_CONN_MLFLOW"])["port"] == preferred["mlflow"]
    assert json.loads(variables["AIRFLOW_CONN_MODEL_SERVER"])["port"] == preferred["model-server"]


def test_the_image_runs_a_python_that_the_project_supports() -> None:
    supported = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["requires-python"]
    assert supported == ">=3.11,<3.13"
    assert (ROOT / "Dockerfile").read_text(encoding="utf-8").splitlines()[0].endswith("python-3.12")
