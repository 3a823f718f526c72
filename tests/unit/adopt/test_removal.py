"""This project without its examples: nothing speaks of them any more, and what is left is whole."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from include.adopt.examples import LIST, plan_removal, read_patterns, remove_examples
from include.settings import PROJECT_ROOT
from tests.unit.adopt.test_examples import git, list_files
from tests.unit.test_house import EXAMPLE_WORDS

pytestmark = pytest.mark.skipif(shutil.which("git") is None, reason="needs git (the Astro image does not carry it)")
NO_HISTORY = "needs the project's own history (the Astro image does not carry it)"
# What these speak of: the words themselves, and what was before.
SPEAKERS = {"CHANGELOG.md", "LICENSE", "tests/unit/test_house.py"}


@pytest.fixture(scope="module")
def stripped(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """This project without its examples."""
    if not (PROJECT_ROOT / ".git").exists():
        pytest.skip(NO_HISTORY)
    folder = tmp_path_factory.mktemp("adopted") / "project"
    names = git(PROJECT_ROOT, "ls-files", "-z", "--cached", "--others", "--exclude-standard").split("\0")
    for name in filter(None, names):
        if (PROJECT_ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(PROJECT_ROOT / name, folder / name)
    git(folder.parent, "init", "-q", str(folder))
    git(folder, "add", "-A")
    git(folder, "commit", "-q", "-m", "begin")
    remove_examples(folder, plan_removal(folder))
    return folder


def test_everything_that_the_list_names_is_there() -> None:
    listed = read_patterns((PROJECT_ROOT / LIST).read_text())
    assert len(listed) > 10
    assert [str(path) for path in listed if not (PROJECT_ROOT / path).exists()] == []


@pytest.mark.skipif(not (PROJECT_ROOT / ".git").exists(), reason=NO_HISTORY)
def test_it_names_every_dbt_file_of_the_examples() -> None:
    """Each alone: a folder of the list would take models of the user's own with it."""
    listed = {str(path) for path in read_patterns((PROJECT_ROOT / LIST).read_text()) if path.parts[0] == "dbt"}
    tracked = git(PROJECT_ROOT, "ls-files", "dbt/models", "dbt/data-tests").split()
    kept = re.compile(r"dbt/models/staging/(_sources|stg_(arrivals|deliveries|snapshots))\.")
    assert listed >= {name for name in tracked if not kept.search(name)}
    assert [name for name in listed if (PROJECT_ROOT / name).is_dir()] == []


def test_no_mark_and_no_word_of_the_examples_is_left(stripped: Path) -> None:
    found = []
    for name in sorted(list_files(stripped) - SPEAKERS):
        if name.startswith(("tests/", "include/adopt/examples.py")) or name.endswith((".png", ".lock")):
            continue
        for number, line in enumerate((stripped / name).read_text(encoding="utf-8").splitlines(), start=1):
            if EXAMPLE_WORDS.search(line) or re.search(r"\(examples (begin|end|line)\)", line):
                found.append(f"{name}:{number}: {line.strip()}")
    assert found == []


def test_no_module_that_is_left_imports_one_that_is_gone(stripped: Path) -> None:
    gone = re.compile(r"\b(?:include\.(?:example|demo)|tests\.(?:data|unit\.demo|unit\.example))\b")
    found = [
        f"{path.relative_to(stripped)}:{number}"
        for path in stripped.rglob("*.py")
        if path.name != "test_examples.py"
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1)
        if gone.search(line)
    ]
    assert found == []


def test_what_is_left_is_lint_clean(stripped: Path) -> None:
    for command in (["check"], ["format", "--check"]):
        done = subprocess.run(
            [sys.executable, "-m", "ruff", *command, "--no-cache", "."], cwd=stripped, capture_output=True, text=True,
            check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout
