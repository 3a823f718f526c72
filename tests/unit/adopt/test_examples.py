"""How the examples leave a checkout: whole, once, and with nothing lost."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from include.adopt.examples import LIST, plan_removal, remove_examples, strip_examples
from include.errors import AdoptError

pytestmark = pytest.mark.skipif(shutil.which("git") is None, reason="needs git (the Astro image does not carry it)")
SETTINGS = "a: 1\n# (examples begin)\nb: 2\n# (examples end)\nc: 3\nd: 4 # (examples line)\n"


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
    assert again.describe() == "The examples are gone already"


def test_marked_lines_that_a_release_brings_later_go_too(checkout: Path) -> None:
    remove_examples(checkout, plan_removal(checkout))
    (checkout / "settings.yml").write_text("a: 1\n# (examples begin)\ne: 5\n# (examples end)\nc: 3\n")
    git(checkout, "add", "-A")
    git(checkout, "commit", "-q", "-m", "merge")
    remove_examples(checkout, plan_removal(checkout))
    assert (checkout / "settings.yml").read_text() == "a: 1\nc: 3\n"


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
