"""A build uses the project as it was parsed before, and never as it was parsed of something else."""

from __future__ import annotations

import os
import pickle
from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from include.features import parsed
from include.features.manifest import build_manifest, read_parsed
from include.features.parsed import PARSED
from include.orchestration import dbt_build
from tests.unit.features.test_manifest import MODEL, use_project, write_project

DATABASE = "d"  # of the project's profile


@pytest.fixture(scope="module")
def made_project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project that was parsed, in a folder beside ``target``."""
    folder = tmp_path_factory.mktemp("parsed")
    write_project(folder / "dbt")
    (folder / "dbt" / MODEL).write_text("select {{ env_var('ORRERY_TEST_NUMBER', '1') }} as a")
    (folder / "dbt" / "models" / "two.sql").write_text("select a from {{ ref('one') }}, {{ source('raw', 'rows') }}")
    (folder / "dbt" / "models" / "raw.yml").write_text("sources: [{name: raw, tables: [{name: rows}]}]")
    with pytest.MonkeyPatch.context() as patch:
        use_project(folder / "dbt", folder / "target", patch)
        build_manifest()
    return folder / "dbt"


@pytest.fixture
def project(made_project: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The same, in use."""
    use_project(made_project, made_project.parent / "target", monkeypatch)
    return made_project


@pytest.fixture
def parsed_file(project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the file of this test's own."""
    copy = tmp_path / PARSED
    copy.write_bytes((project.parent / "target" / PARSED).read_bytes())
    monkeypatch.setenv("ORRERY_DBT_TARGET", str(tmp_path))
    return copy


def list_models(database: str = DATABASE, env: Mapping[str, str] = os.environ) -> list[str] | None:
    found = read_parsed(database, env)
    return None if found is None else sorted(node.name for node in found.nodes.values())


@pytest.mark.usefixtures("parsed_file")
def test_it_is_of_the_same_files_database_and_environment(project: Path) -> None:
    assert list_models() == ["one", "two"]
    assert list_models(database="another") is None
    assert list_models(env={**os.environ, "ORRERY_TEST_NUMBER": "2"}) is None

    text = (project / MODEL).read_text()
    try:
        (project / MODEL).write_text("select 2 as a")
        assert list_models() is None
    finally:
        (project / MODEL).write_text(text)
    assert list_models() == ["one", "two"]


@pytest.mark.parametrize("kept", [0, 10, 66, 500])
def test_a_file_that_is_damaged_is_passed_over(parsed_file: Path, kept: int) -> None:
    parsed_file.write_bytes(parsed_file.read_bytes()[:kept])
    assert list_models() is None


def test_a_file_of_another_shape_is_passed_over(parsed_file: Path) -> None:
    key = parsed_file.read_bytes().splitlines(keepends=True)[0]
    parsed_file.write_bytes(key + pickle.dumps({"no": "part"}))
    assert list_models() is None


@pytest.mark.parametrize("mode", [0o620, 0o602])
def test_a_file_that_others_may_write_is_not_read(parsed_file: Path, mode: int) -> None:
    parsed_file.chmod(mode)
    assert list_models() is None


def test_a_link_to_a_file_is_not_followed(parsed_file: Path) -> None:
    real = parsed_file.rename(parsed_file.with_name("real"))
    parsed_file.symlink_to(real)
    assert list_models() is None


def test_what_another_version_has_made_is_made_again_where_the_manifest_is(
    project: Path, parsed_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("manifest.json", "manifest.sha256"):
        (parsed_file.parent / name).write_bytes((project.parent / "target" / name).read_bytes())
    parsed_file.write_bytes(b"another key\n" + parsed_file.read_bytes().split(b"\n", 1)[1])
    assert list_models() is None

    build_manifest()

    assert list_models() == ["one", "two"]


def test_a_project_whose_own_file_reads_the_environment_is_parsed_by_each_build(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_project(tmp_path / "dbt")
    with (tmp_path / "dbt" / "dbt_project.yml").open("a") as file:
        file.write("vars: {number: \"{{ env_var('ORRERY_TEST_NUMBER', '1') }}\"}\n")
    use_project(tmp_path / "dbt", tmp_path / "target", monkeypatch)

    assert build_manifest().exists()
    assert list_models() is None


def test_a_project_that_cannot_be_kept_has_its_manifest(
    project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(parsed, "keep_parsed", refuse)

    assert parsed.main(str(project), str(tmp_path), "the files' hash") == 0

    assert (tmp_path / "manifest.json").exists()
    assert not (tmp_path / PARSED).exists()


def test_there_may_be_none(parsed_file: Path) -> None:
    parsed_file.unlink()
    assert list_models() is None


@pytest.mark.usefixtures("parsed_file")
def test_a_file_of_somebody_else_is_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    other = os.getuid() + 1
    monkeypatch.setattr(os, "getuid", lambda: other)
    assert list_models() is None


def test_a_build_parses_the_project_only_where_it_has_changed(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from dbt.parser.manifest import ManifestLoader

    found: list[str] = []
    parse = ManifestLoader.get_full_manifest.__func__  # type: ignore[attr-defined]

    def count(loader: Any, *arguments: Any, **options: Any) -> Any:
        found.append("parsed")
        return parse(loader, *arguments, **options)

    monkeypatch.setattr(ManifestLoader, "get_full_manifest", classmethod(count))
    monkeypatch.setattr(dbt_build, "DBT_DIR", project)
    task = SimpleNamespace(
        project_dir=str(project), vars=None, _dbt_runner_callbacks=None,
        profile_config=SimpleNamespace(profile_mapping=SimpleNamespace(get_dbt_value=lambda _: DATABASE)),
    )  # fmt: skip
    command = ["dbt", "--quiet", "compile", "--no-introspect", "--no-populate-cache", "--profiles-dir", str(project)]

    def run(env: dict[str, str]) -> dict[str, str]:
        done = dbt_build.run_dbt(task, command, env, str(project))
        assert done.success, done.exception or done.result.results
        return {result.node.name: result.node.compiled_code for result in done.result.results}

    assert run({}) == {"one": "select 1 as a", "two": 'select a from "d"."s"."one", "d"."raw"."rows"'}
    assert found == []
    assert run({"ORRERY_TEST_NUMBER": "2"})["one"] == "select 2 as a"
    assert found == ["parsed"]
