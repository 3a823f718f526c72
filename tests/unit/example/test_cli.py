"""``python -m include.example``: what it writes, and what it says."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from include.example import cli
from include.settings import PROJECT_ROOT


@pytest.fixture(autouse=True)
def nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No stack runs here, and the environment says nothing."""
    monkeypatch.setenv("ORRERY_HOME", str(tmp_path / "nowhere"))
    monkeypatch.delenv("ORRERY_TODAY", raising=False)


def write(folder: Path, *more: str) -> int:
    return cli.main(["--folder", str(folder), "--households", "20", "--today", "2026-11-18", *more])


def test_the_files_are_written_and_what_follows_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert write(tmp_path / "files", "--days", "1") == 0
    said = capsys.readouterr().out
    assert "make run FROM_DAY=2025-11-" in said
    assert "TO_DAY=2026-11-17" in said
    assert "one by one: 2026-11-18." in said
    assert (tmp_path / "files" / "transactions" / "2026-11-18.parquet").exists()


def test_the_day_of_the_environment_is_the_last_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ORRERY_TODAY", "2026-11-17")
    cli.main(["--folder", str(tmp_path / "files"), "--households", "20"])
    assert max(path.stem for path in (tmp_path / "files" / "transactions").iterdir()) == "2026-11-17"


def test_the_folder_of_the_environment_is_written_to(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ORRERY_SOURCES_DIR", str(tmp_path / "mine"))
    cli.main(["--households", "20", "--today", "2026-11-18"])
    assert (tmp_path / "mine" / "transactions").is_dir()


@pytest.mark.parametrize("words", [["--today", "soon"], ["nonsense"]])
def test_what_makes_no_sense_is_refused(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        cli.main(words)
    assert stopped.value.code == 2
    assert "usage: python -m include.example" in capsys.readouterr().err


def test_it_runs_as_a_module_and_an_error_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "transactions").mkdir()
    (tmp_path / "transactions" / "mine.csv").touch()
    done = subprocess.run(
        [sys.executable, "-m", "include.example", "--folder", str(tmp_path)],
        cwd=PROJECT_ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 1
    assert done.stdout.startswith("✘ ")
    assert "Traceback" not in done.stdout + done.stderr
