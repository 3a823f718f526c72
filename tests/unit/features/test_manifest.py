"""When the manifest is made, and that nobody waits for it at an import."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from include.errors import ManifestMissingError, SettingsError
from include.features import manifest as manifest_module
from include.features.manifest import build_manifest, find_manifest, hash_project, read_manifest

MODEL = Path("models") / "one.sql"


def write_project(folder: Path) -> None:
    """A dbt project of one model."""
    (folder / "models").mkdir(parents=True)
    (folder / MODEL).write_text("select 1 as a")
    (folder / "dbt_project.yml").write_text("name: tiny\nprofile: tiny\nmodel-paths: [models]\n")
    (folder / "profiles.yml").write_text(
        "tiny: {target: t, outputs: {t: {type: postgres, host: localhost, port: 1, user: u, password: p, "
        "dbname: d, schema: s}}}"
    )


def use_project(folder: Path, target: Path, patch: pytest.MonkeyPatch) -> None:
    """Make the manifest of this project, in this folder."""
    patch.setattr(manifest_module, "DBT_DIR", folder)
    patch.setattr(hash_project, "__defaults__", (folder,))
    patch.setenv("ORRERY_DBT_TARGET", str(target))


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A dbt project of one model, and no target folder yet."""
    write_project(tmp_path / "dbt")
    use_project(tmp_path / "dbt", tmp_path / "target", monkeypatch)
    return tmp_path / "dbt"


@pytest.fixture(scope="module")
def made_target(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The target folder of the same project after its manifest was made."""
    folder = tmp_path_factory.mktemp("made")
    write_project(folder / "dbt")
    with pytest.MonkeyPatch.context() as patch:
        use_project(folder / "dbt", folder / "target", patch)
        build_manifest()
    return folder / "target"


@pytest.fixture
def manifest(project: Path, made_target: Path) -> Path:
    """The project's manifest, which is as new as its files."""
    return Path(shutil.copytree(made_target, project.parent / "target")) / "manifest.json"


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """Counts the requests to make the manifest in the background, and makes none."""
    found: list[bool] = []
    monkeypatch.setattr(manifest_module, "refresh_in_background", lambda: found.append(True))
    return found


def names(path: Path) -> set[str]:
    return {node["name"] for node in json.loads(path.read_text())["nodes"].values()}


def test_it_is_made_once_and_again_when_the_content_of_a_file_changes(project: Path) -> None:
    path = build_manifest()
    assert names(path) == {"one"}
    made_at = path.stat().st_mtime_ns

    os.utime(project / MODEL)  # a checkout gives other times and the same content
    assert build_manifest().stat().st_mtime_ns == made_at

    (project / "models" / "two.sql").write_text("select 2 as b")
    assert names(build_manifest()) == {"one", "two"}


def test_without_one_the_import_says_so_in_one_line_and_asks_for_it(project: Path, asked: list[bool]) -> None:
    with pytest.raises(ManifestMissingError) as error:
        find_manifest()
    assert "\n" not in str(error.value)
    assert "does not exist yet" in str(error.value)
    assert asked == [True]


def test_an_edit_is_answered_with_the_last_manifest_at_once(project: Path, manifest: Path, asked: list[bool]) -> None:
    assert find_manifest() == manifest
    assert asked == []

    (project / MODEL).write_text("select 2 as a")

    assert find_manifest() == manifest
    assert asked == [True]


def test_what_dbt_cannot_parse_is_said_until_it_is_corrected_and_the_last_good_manifest_stays(
    project: Path, manifest: Path, asked: list[bool]
) -> None:
    (project / MODEL).write_text("select {{ ref('nowhere') }}")

    with pytest.raises(SettingsError, match="nowhere"):
        build_manifest()
    with pytest.raises(SettingsError, match="nowhere"):
        find_manifest(is_strict=True)
    assert names(find_manifest()) == {"one"}
    assert [node["name"] for node in read_manifest()["nodes"].values()] == ["one"]
    assert asked == []

    (project / MODEL).write_text("select 3 as a")
    assert find_manifest() == manifest
    assert asked == [True]


def test_what_dbt_cannot_parse_is_said_to_everyone_while_there_is_no_good_manifest(
    project: Path, asked: list[bool]
) -> None:
    (project / MODEL).write_text("select {{ ref('nowhere') }}")
    with pytest.raises(SettingsError, match="nowhere"):
        build_manifest()
    with pytest.raises(SettingsError, match="nowhere"):
        find_manifest()
    assert asked == []


def test_a_parse_that_was_killed_is_tried_again(
    project: Path, manifest: Path, asked: list[bool], monkeypatch: pytest.MonkeyPatch
) -> None:
    (project / MODEL).write_text("select 2 as a")
    for return_code in (-9, 137, 1):
        with monkeypatch.context() as patch:
            killed = subprocess.CompletedProcess([], return_code, stdout="", stderr="")
            patch.setattr(manifest_module.subprocess, "run", lambda *_args, **_options: killed)  # noqa: B023
            with pytest.raises(ManifestMissingError, match=f"ended with {return_code}.*tried again"):
                build_manifest()
            assert manifest_module.main() == 1

    assert find_manifest(is_strict=True) == manifest
    assert asked == [True]
    build_manifest()
    assert find_manifest(is_strict=True) == manifest
    assert asked == [True]
