"""Which code trains is said as truly in an image as in a checkout."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from include.settings import PROJECT_ROOT
from include.training.code_revision import hash_code, read_code_revision

needs_git = pytest.mark.skipif(shutil.which("git") is None, reason="needs git (the Astro image does not carry it)")


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with code, that is no checkout, and no word from the environment."""
    monkeypatch.delenv("ORRERY_CODE_REVISION", raising=False)
    (tmp_path / "include" / "training").mkdir(parents=True)
    (tmp_path / "include" / "training" / "fit.py").write_text("fit = 1")
    return tmp_path


def commit(project: Path) -> str:
    git = ["git", "-c", "user.name=t", "-c", "user.email=t@example.com"]
    for command in (["init", "-q"], ["add", "."], ["commit", "-q", "-m", "first"]):
        subprocess.run([*git, *command], cwd=project, check=True)
    return subprocess.run(
        [*git, "rev-parse", "HEAD"], cwd=project, check=True, capture_output=True, text=True
    ).stdout.strip()


def test_what_the_environment_says_comes_first(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ORRERY_CODE_REVISION", "release-7")
    assert read_code_revision(project) == "release-7"


@needs_git
def test_in_a_checkout_git_says_it_and_whether_a_file_was_changed(project: Path) -> None:
    head = commit(project)
    assert read_code_revision(project) == head[:12]
    (project / "include" / "training" / "fit.py").write_text("fit = 2")
    assert read_code_revision(project) == f"{head[:12]}-dirty"


@needs_git
@pytest.mark.parametrize("is_packed", [False, True])
@pytest.mark.parametrize("is_detached", [False, True])
def test_an_image_says_its_commit_and_what_the_code_is(project: Path, is_packed: bool, is_detached: bool) -> None:
    # given an image, which keeps three files of .git
    head = commit(project)
    if is_detached:
        subprocess.run(["git", "checkout", "-q", "--detach"], cwd=project, check=True)
    if is_packed:
        subprocess.run(["git", "pack-refs", "--all"], cwd=project, check=True)
    for path in (project / ".git").iterdir():
        if path.name not in ("HEAD", "refs", "packed-refs"):
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    # then the commit is told, and a change of the code shows
    first = read_code_revision(project)
    assert first == f"{head[:12]}+code.{hash_code(project)[:12]}"
    (project / "include" / "training" / "fit.py").write_text("fit = 2")
    assert read_code_revision(project) not in (first, head[:12])
    assert read_code_revision(project).startswith(f"{head[:12]}+code.")


@pytest.mark.parametrize("is_git_there", [True, False])
def test_code_without_a_commit_is_told_by_what_it_is(
    project: Path, monkeypatch: pytest.MonkeyPatch, is_git_there: bool
) -> None:
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(project.parent))
    if not is_git_there:
        monkeypatch.setenv("PATH", str(project))
    first = read_code_revision(project)
    assert re.fullmatch(r"code\.[0-9a-f]{12}", first)
    (project / "include" / "training" / "new.py").write_text("")
    assert read_code_revision(project) != first


def test_a_checkout_whose_git_is_not_there_is_told_by_its_files(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (project / ".git").mkdir()
    (project / ".git" / "HEAD").write_text("ref: refs/heads/main\n")
    monkeypatch.setenv("PATH", str(project))
    assert read_code_revision(project) == f"code.{hash_code(project)[:12]}"


def test_what_is_made_by_running_is_no_code(project: Path) -> None:
    before = hash_code(project)
    cache = project / "include" / "training" / "__pycache__"
    cache.mkdir()
    (cache / "fit.cpython-312.pyc").write_bytes(b"x")
    assert hash_code(project) == before


def test_the_image_keeps_what_names_its_commit() -> None:
    lines = (PROJECT_ROOT / ".dockerignore").read_text().splitlines()
    assert {".git/*", "!.git/HEAD", "!.git/refs", "!.git/packed-refs"} <= set(lines)
    assert ".git" not in lines
