"""The stack's folder: where it is, and what it refuses to start in."""

from __future__ import annotations

from pathlib import Path

import pytest

from include.errors import StackError
from include.local.home import DEFAULT_HOME, StackHome, check_disk, prepare_home, resolve_home


def test_a_chosen_folder_wins_over_the_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("ORRERY_HOME", str(tmp_path / "from-environment"))
    assert resolve_home(tmp_path / "chosen").path == tmp_path / "chosen"
    assert resolve_home().path == tmp_path / "from-environment"


def test_the_default_is_in_the_project(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ORRERY_HOME", raising=False)
    assert resolve_home().path == DEFAULT_HOME
    assert DEFAULT_HOME.name == ".local"


def test_a_relative_folder_becomes_absolute(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    assert resolve_home("mine").path == tmp_path / "mine"


def test_preparing_creates_every_folder(tmp_path: Path) -> None:
    home = StackHome(tmp_path / "new" / "stack")
    prepare_home(home)
    for folder in (home.airflow, home.artifacts, home.models, home.sources, home.lineage_spool, home.dbt_target):
        assert folder.is_dir()
    assert home.log("mlflow").parent.is_dir()
    assert not (home.path / ".writable").exists()


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "occupied").write_text("a file, not a folder")
    with pytest.raises(StackError, match=r"occupied.* cannot be written.*--home or ORRERY_HOME"):
        prepare_home(StackHome(tmp_path / "occupied" / "stack"))


def test_a_full_disk_is_refused_with_what_is_needed_and_what_is_free(tmp_path: Path) -> None:
    with pytest.raises(StackError, match=r"needs 3\.0 GB in .*only 1\.2 GB are free") as refused:
        check_disk(tmp_path, needed_gb=3.0, free_gb=1.2)
    assert str(tmp_path) in str(refused.value)


def test_a_disk_with_enough_room_is_accepted(tmp_path: Path) -> None:
    check_disk(tmp_path, needed_gb=3.0, free_gb=3.0)


def test_the_log_of_the_last_start_is_kept(home: StackHome) -> None:
    home.start_log("mlflow").write_text("first")
    home.start_log("mlflow").write_text("second")
    assert home.log("mlflow").with_suffix(".log.1").read_text() == "first"
