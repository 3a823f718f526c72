"""When the manifest is made again."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from include.errors import SettingsError
from include.orchestration import dbt_project
from include.orchestration.dbt_project import is_stale
from include.settings import PROJECT_ROOT


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A dbt project of one model, ten seconds older than its manifest."""
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "one.sql").write_text("select 1 as a")
    (tmp_path / "dbt_project.yml").write_text("name: tiny\nprofile: tiny\nmodel-paths: [models]\n")
    manifest = tmp_path / "manifest.json"
    manifest.write_text("{}")
    then = manifest.stat().st_mtime - 10
    for path in (tmp_path / "models", tmp_path / "models" / "one.sql", tmp_path / "dbt_project.yml"):
        os.utime(path, (then, then))
    return tmp_path


def test_a_manifest_newer_than_every_file_is_kept(project: Path) -> None:
    assert not is_stale(project / "manifest.json", project)


def test_an_edited_model_makes_it_stale(project: Path) -> None:
    (project / "models" / "one.sql").touch()
    later = (project / "manifest.json").stat().st_mtime + 1
    os.utime(project / "models" / "one.sql", (later, later))
    assert is_stale(project / "manifest.json", project)


def test_a_deleted_model_makes_it_stale(project: Path) -> None:
    (project / "models" / "one.sql").unlink()
    later = (project / "manifest.json").stat().st_mtime + 1
    os.utime(project / "models", (later, later))
    assert is_stale(project / "manifest.json", project)


def test_an_absent_manifest_is_stale(project: Path) -> None:
    (project / "manifest.json").unlink()
    assert is_stale(project / "manifest.json", project)


def test_a_model_that_dbt_cannot_parse_is_named(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (project / "models" / "one.sql").write_text("select {{ ref('nowhere') }}")
    (project / "profiles.yml").write_text(
        "tiny: {target: t, outputs: {t: {type: postgres, host: localhost, port: 1, user: u, password: p, "
        "dbname: d, schema: s}}}"
    )
    monkeypatch.setattr(dbt_project, "DBT_DIR", project)
    with pytest.raises(SettingsError, match="nowhere"):
        dbt_project.parse_project(project / "target")


def test_cosmos_is_imported_without_openlineages_client_and_still_hands_lineage_to_it() -> None:
    script = """
        import sys
        from include.orchestration.dbt_project import import_cosmos
        import_cosmos()
        assert not [name for name in sys.modules if name.startswith("openlineage")]

        from types import SimpleNamespace
        from airflow.providers.openlineage.extractors.base import DefaultExtractor, OperatorLineage
        from cosmos.operators.local import DbtBuildLocalOperator
        from cosmos.config import ProfileConfig
        from openlineage.client.event_v2 import Dataset

        operator = DbtBuildLocalOperator(
            task_id="build", project_dir="dbt",
            profile_config=ProfileConfig("orrery", "airflow", profiles_yml_filepath="dbt/profiles.yml"),
        )
        parts = SimpleNamespace(facets={})
        read, written = Dataset("postgres://h:1", "d.raw.a"), Dataset("postgres://h:1", "d.features.b")
        event = SimpleNamespace(inputs=[read], outputs=[written], run=parts, job=parts)
        operator.openlineage_events_completes = [event]
        found = DefaultExtractor(operator).extract_on_complete(None)
        assert isinstance(found, OperatorLineage), found
        assert (found.inputs, found.outputs) == ([read], [written])
        print("handed over")
    """
    asked = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(script)], capture_output=True, text=True, check=False, cwd=PROJECT_ROOT
    )
    assert asked.stdout.strip().endswith("handed over"), asked.stderr
