"""How the examples leave a checkout: whole, once, and with nothing lost."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from include.adopt import examples
from include.adopt.examples import LIST, plan_removal, remove_examples, strip_examples
from include.errors import AdoptError
from include.settings import PROJECT_ROOT
from tests.unit.test_house import EXAMPLE_WORDS

pytestmark = pytest.mark.skipif(shutil.which("git") is None, reason="needs git (the Astro image does not carry it)")
SETTINGS = "a: 1\n# (examples begin)\nb: 2\n# (examples end)\nc: 3\nd: 4 # (examples line)\n"
# What these speak of: the words themselves, tests of their own small data, what was before.
SPEAKERS = {"CHANGELOG.md", "LICENSE", "tests/unit/test_house.py"}


def git(folder: Path, *arguments: str) -> str:
    command = ["git", "-C", str(folder), "-c", "user.name=a", "-c", "user.email=a@b", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A small project with examples, committed, and a file of the user's own that is not."""
    folder = tmp_path / "project"
    texts = {
        LIST: "# what goes\ninclude/example\ndbt/models/sales.sql\n",
        Path("include/example/panel.py"): "x = 1\n",
        Path("dbt/models/sales.sql"): "select 1\n",
        Path("dbt/models/kept.sql"): "select 2\n",
        Path("settings.yml"): SETTINGS,
        Path("picture.png"): "",
    }
    for path, text in texts.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text)
    (folder / "picture.png").write_bytes(b"\xff\xfe\x00")
    git(tmp_path, "init", "-q", str(folder))
    git(folder, "add", "-A")
    git(folder, "commit", "-q", "-m", "begin")
    (folder / "mine.sql").write_text("select 3\n")
    return folder


def list_files(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file() and ".git" not in path.parts}


def test_files_and_marked_lines_go_and_everything_else_stays(checkout: Path) -> None:
    removal = plan_removal(checkout)
    assert list_files(checkout) > {"include/example/panel.py"}, "a plan touches nothing"
    remove_examples(checkout, removal)
    assert list_files(checkout) == {"dbt/models/kept.sql", "settings.yml", "picture.png", "mine.sql"}
    assert not (checkout / "include").exists()
    assert (checkout / "settings.yml").read_text() == "a: 1\nc: 3\n"
    assert "3 files of the examples go" in removal.describe()


def test_done_again_nothing_happens(checkout: Path) -> None:
    remove_examples(checkout, plan_removal(checkout))
    (checkout / "settings.yml").write_text("a: 2\n")
    again = plan_removal(checkout)
    assert (again.paths, again.texts) == ((), {})


def test_compiled_modules_do_not_keep_a_folder(checkout: Path) -> None:
    (checkout / "include" / "example" / "__pycache__").mkdir()
    (checkout / "include" / "example" / "__pycache__" / "panel.pyc").write_bytes(b"x")
    remove_examples(checkout, plan_removal(checkout))
    assert not (checkout / "include").exists()


@pytest.mark.parametrize("name", ["settings.yml", "dbt/models/sales.sql"])
@pytest.mark.parametrize("is_staged", [True, False])
def test_what_was_changed_since_the_last_commit_is_not_lost(checkout: Path, name: str, is_staged: bool) -> None:
    (checkout / name).write_text(SETTINGS + "mine: 1\n")
    if is_staged:
        git(checkout, "add", name)
    before = list_files(checkout)
    with pytest.raises(
        AdoptError, match=rf"Nothing was removed: {name} changed since the last commit.*Commit or stash"
    ):
        plan_removal(checkout)
    assert list_files(checkout) == before


@pytest.mark.parametrize("steps", range(4))
def test_a_removal_that_was_interrupted_is_finished_by_the_next(
    checkout: Path, steps: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    left = iter(range(steps))
    unlink = Path.unlink

    def stop(path: Path, *arguments: bool, **options: bool) -> None:
        if next(left, None) is None:
            raise KeyboardInterrupt
        unlink(path, *arguments, **options)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "unlink", stop)
        if steps < 3:
            with pytest.raises(KeyboardInterrupt):
                remove_examples(checkout, plan_removal(checkout))
    remove_examples(checkout, plan_removal(checkout))
    assert list_files(checkout) == {"dbt/models/kept.sql", "settings.yml", "picture.png", "mine.sql"}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a\n# (examples end)\n", r"x\.yml, line 2: \(examples end\) without"),
        ("# (examples begin)\na\n", r"x\.yml, line 1: \(examples begin\) without"),
        ("# (examples begin)\n# (examples begin)\n", r"x\.yml, line 2: \(examples begin\) within the block of line 1"),
    ],
)
def test_marks_that_are_not_in_pairs_are_named(text: str, message: str) -> None:
    with pytest.raises(AdoptError, match=message):
        strip_examples(text, Path("x.yml"))


def test_a_folder_that_git_does_not_know_is_refused(tmp_path: Path) -> None:
    with pytest.raises(AdoptError, match=r"no checkout of git.*git init"):
        plan_removal(tmp_path)


def test_without_git_it_is_said_what_is_needed(checkout: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(AdoptError, match="git is needed"):
        plan_removal(checkout)


@pytest.fixture(scope="module")
def stripped(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """This project without its examples."""
    if not (PROJECT_ROOT / ".git").exists():
        pytest.skip("needs the project's own history (the Astro image does not carry it)")
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
    listed = examples._read_patterns(PROJECT_ROOT)
    assert len(listed) > 10
    assert [str(path) for path in listed if not (PROJECT_ROOT / path).exists()] == []


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
