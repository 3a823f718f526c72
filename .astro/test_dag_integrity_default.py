"""What `astro dev parse` runs: every DAG file can be imported, and every DAG keeps the rules of the house.

The test that the Astro CLI ships passes `include_examples` to DagBag, which Airflow 3.3 no longer takes.
No connection, variable or environment variable is patched here: DAG files read none while they are parsed.
"""

# ruff: noqa: S101

from __future__ import annotations

import os
from functools import lru_cache
from pathlib import Path

import pytest
from airflow.dag_processing.dagbag import DagBag

ROOT = Path(__file__).resolve().parents[1]
EXCEPTIONS = Path(__file__).with_name("dag_integrity_exceptions.txt")


@lru_cache
def load_dags() -> DagBag:
    """All DAGs of the dags folder beside this one, whatever Airflow's own setting is."""
    os.environ["AIRFLOW__CORE__LOAD_EXAMPLES"] = "False"
    return DagBag(ROOT / "dags")


def read_exceptions() -> set[str]:
    """The files that may fail, relative to the project."""
    lines = (line.strip() for line in EXCEPTIONS.read_text(encoding="utf-8").splitlines())
    return {line for line in lines if line and not line.startswith("#")}


def list_files() -> list[str]:
    """The DAG files, relative to the project."""
    return sorted(str(path.relative_to(ROOT)) for path in (ROOT / "dags").glob("*.py"))


def test_dags_are_found_at_all() -> None:
    assert list_files(), "there are no files in dags/"
    assert load_dags().dags, f"no DAG in dags/ was loaded: {load_dags().import_errors}"


@pytest.mark.parametrize("file", list_files())
def test_a_dag_file_can_be_imported(file: str) -> None:
    if file in read_exceptions():
        pytest.skip(f"{file} is listed in {EXCEPTIONS.name}")
    errors = {key: text for key, text in load_dags().import_errors.items() if key.endswith(file)}
    assert not errors, f"{file} cannot be imported:\n" + "\n".join(errors.values())


@pytest.mark.parametrize("file", list_files())
def test_the_dags_of_a_file_keep_the_rules(file: str) -> None:
    for dag in (dag for dag in load_dags().dags.values() if dag.fileloc.endswith(file)):
        assert dag.tags, f"{dag.dag_id} has no tags: use include.orchestration.defaults.dag_defaults"
        assert (dag.doc_md or "").strip(), f"{dag.dag_id} has no page: give {file} a docstring"
        for task in dag.tasks:
            name = f"{dag.dag_id}.{task.task_id}"
            assert task.owner and task.owner != "airflow", f"{name} has no owner of its own: use dag_defaults"
            assert task.retries >= 1, f"{name} is never retried: use dag_defaults"
