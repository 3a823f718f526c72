"""The image: what is in it, what its variables are, and when its build stops."""

from __future__ import annotations

import importlib.util
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from include.local.environment import NO_TELEMETRY
from tests.unit.delivery.project import (
    AIRFLOW_SERVICES,
    IN_IMAGE,
    ROOT,
    is_ignored,
    list_steps,
    read_image_variables,
    read_services,
)


@pytest.mark.parametrize(
    "path",
    [".env", ".git/HEAD", ".venv/bin/python", ".local/secrets.json", "airflow_settings.yaml",
     "dbt/target/manifest.json", "include/__pycache__/x.pyc", ".astro/standalone/airflow.db",
     "deployment-preview-template.yaml"],
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


def test_no_library_in_the_image_reports_its_use() -> None:
    assert NO_TELEMETRY.items() <= read_image_variables().items()


@pytest.mark.parametrize("is_built", [True, False], ids=["importable", "flask-session is too old"])
def test_the_build_stops_where_airflow_could_not_migrate_its_database(tmp_path: Path, is_built: bool) -> None:
    # given a FAB provider in the base image, and each of the two flask-sessions
    (check,) = [text for step, text in list_steps() if step == "RUN" and "airflow.providers.fab" in text]
    folder = tmp_path / "airflow" / "providers" / "fab" / "www"
    folder.mkdir(parents=True)
    (folder / "session.py").write_text("from flask_session.sqlalchemy import SqlAlchemySessionInterface\n")
    (tmp_path / "airflow" / "__init__.py").write_text("")
    (tmp_path / "flask_session").mkdir()
    (tmp_path / "flask_session" / "__init__.py").write_text("")
    if is_built:
        (tmp_path / "flask_session" / "sqlalchemy.py").write_text("SqlAlchemySessionInterface = object\n")

    done = subprocess.run(
        ["sh", "-c", check], env={"PATH": f"{Path(sys.executable).parent}:/usr/bin:/bin", "PYTHONPATH": str(tmp_path)},
        capture_output=True, text=True, check=False,
    )  # fmt: skip

    assert (done.returncode == 0) is is_built, done.stderr


def test_a_base_image_without_the_fab_provider_is_built() -> None:
    if importlib.util.find_spec("airflow.providers.fab"):
        pytest.skip("this environment has Airflow's FAB provider, so that the case does not exist here")
    (check,) = [text for step, text in list_steps() if step == "RUN" and "airflow.providers.fab" in text]
    path = f"{Path(sys.executable).parent}:/usr/bin:/bin"
    assert subprocess.run(["sh", "-c", check], env={"PATH": path, "HOME": "/nowhere"}, check=False).returncode == 0


def test_the_image_runs_a_python_that_the_project_supports() -> None:
    supported = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["requires-python"]
    assert supported == ">=3.11,<3.13"
    assert (ROOT / "Dockerfile").read_text(encoding="utf-8").splitlines()[0].endswith("python-3.12")
