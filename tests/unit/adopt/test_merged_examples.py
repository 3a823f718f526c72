"""What a merged release brings of the examples goes again; what is the adopter's own stays."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from include.adopt.examples import LINE, LIST, plan_removal, remove_examples
from include.adopt.merged_examples import main
from include.errors import AdoptError
from tests.unit.adopt import test_examples
from tests.unit.adopt.test_examples import git

pytestmark = pytest.mark.skipif(shutil.which("git") is None, reason="needs git (the Astro image does not carry it)")
# A fixture: a small project with examples.
checkout = test_examples.checkout


@pytest.fixture
def release(checkout: Path) -> Path:
    """The project, of which a later release may be made."""
    (checkout / "mine.sql").unlink()
    return checkout


@pytest.fixture
def ours(release: Path, tmp_path: Path) -> Path:
    """A clone of it without the examples, with a model of the adopter's own."""
    folder = tmp_path / "ours"
    git(tmp_path, "clone", "-q", str(release), str(folder))
    remove_examples(folder, plan_removal(folder))
    commit(folder, {"dbt/models/mine.sql": "select 3\n"})
    return folder


def commit(folder: Path, texts: dict[str, str]) -> None:
    for name, text in texts.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    git(folder, "add", "-A")
    git(folder, "commit", "-q", "-m", "change")


def merge(ours: Path, release: Path) -> int:
    """The exit code of the merge, which has the name `v2` afterwards."""
    git(ours, "fetch", "-q", str(release), "HEAD:refs/tags/v2")
    command = ["git", "-C", str(ours), "-c", "user.name=a", "-c", "user.email=a@b", "merge", "-q", "--no-edit", "v2"]
    return subprocess.run(command, capture_output=True, check=False).returncode


def list_tracked(folder: Path) -> set[str]:
    return set(git(folder, "ls-files").split())


NEWS = {
    str(LIST): "# what goes\ninclude/example\ndbt/models/sales.sql\ndbt/models/returns.sql\ndbt/models/mine.sql\n",
    "include/example/more.py": "y = 2\n",
    "dbt/models/returns.sql": "select 5\n",
    "dbt/models/kept.sql": "select 2\n-- new\n",
    "include/library.py": "z = 3\n",
}
EXPECTED = {"dbt/models/kept.sql", "dbt/models/mine.sql", "include/library.py", "settings.yml", "picture.png"}


def test_what_a_release_adds_and_changes_of_the_examples_goes_in_the_middle_of_the_merge(
    ours: Path, release: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    commit(release, NEWS)
    assert merge(ours, release) != 0, "the list of what goes has changed there and is gone here"
    before = list_tracked(ours)

    assert main(["v2"], ours) == 0

    assert "3 files of the examples go" in capsys.readouterr().out
    assert before - list_tracked(ours) == {str(LIST), "include/example/more.py", "dbt/models/returns.sql"}
    git(ours, "commit", "-q", "--no-edit")
    assert list_tracked(ours) == EXPECTED
    assert (ours / "dbt/models/mine.sql").read_text() == "select 3\n", "it has the path of an example"
    assert git(ours, "status", "--porcelain") == ""


def test_a_merge_that_is_committed_already_is_cleared_too(ours: Path, release: Path) -> None:
    # No file of the examples was changed: new ones are in a folder that is listed already.
    commit(release, {"include/example/more.py": "y = 2\n", "new.yml": f"a: 1\nb: 2 # {LINE}\n"})
    assert merge(ours, release) == 0
    assert "include/example/more.py" in list_tracked(ours)

    main(["v2"], ours)

    git(ours, "commit", "-q", "--amend", "--no-edit")
    assert "include/example/more.py" not in list_tracked(ours)
    assert (ours / "new.yml").read_text() == "a: 1\n"
    assert git(ours, "status", "--porcelain") == ""


def test_a_file_whose_examples_changed_is_merged_without_them(ours: Path, release: Path) -> None:
    """The adopter has written a line where the examples were, and the release changes both these and other lines."""
    commit(ours, {"settings.yml": "a: 1\nmine: 2\nc: 3\n"})
    text = (release / "settings.yml").read_text()
    commit(release, {"settings.yml": text.replace("b: 2", "b: 22").replace("d: 4", "d: 44") + "e: 5\n"})
    assert merge(ours, release) != 0

    assert main(["v2"], ours) == 0

    git(ours, "commit", "-q", "--no-edit")
    assert (ours / "settings.yml").read_text() == "a: 1\nmine: 2\nc: 3\ne: 5\n"
    assert git(ours, "status", "--porcelain") == ""


def test_what_both_sides_have_changed_is_left_to_a_person(
    ours: Path, release: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (ours / "picture.png").write_bytes(b"\xff\x01")
    commit(ours, {"settings.yml": "a: mine\nc: 3\n"})
    (release / "picture.png").write_bytes(b"\xff\x02")
    commit(release, {"settings.yml": (release / "settings.yml").read_text().replace("a: 1", "a: 11")})
    assert merge(ours, release) != 0

    assert main(["v2"], ours) == 1

    said = capsys.readouterr().out
    assert "✘ Both sides have changed lines of picture.png, settings.yml. Edit them, then: git add, git commit." in said
    assert "<<<<<<<" in (ours / "settings.yml").read_text()


def test_done_again_nothing_happens(ours: Path, release: Path, capsys: pytest.CaptureFixture[str]) -> None:
    commit(release, {"include/library.py": "z = 3\n"})
    assert merge(ours, release) == 0
    main(["v2"], ours)
    assert "gone already" in capsys.readouterr().out
    assert git(ours, "status", "--porcelain") == ""


def test_what_was_changed_since_is_not_lost(ours: Path, release: Path) -> None:
    commit(release, {"include/example/more.py": "y = 2\n"})
    merge(ours, release)
    (ours / "include/example/more.py").write_text("y = 2  # mine\n")
    with pytest.raises(AdoptError, match=r"include/example/more.py changed since v2 was merged"):
        main(["v2"], ours)
    assert (ours / "include/example/more.py").read_text() == "y = 2  # mine\n"


def test_what_cannot_be_done_is_said(ours: Path, release: Path) -> None:
    with pytest.raises(AdoptError, match="No release is named"):
        main([], ours)
    with pytest.raises(AdoptError, match=r"There is no v2 in this checkout. Fetch it"):
        main(["v2"], ours)
    commit(release, {"include/library.py": "z = 3\n"})
    git(ours, "fetch", "-q", str(release), "HEAD:refs/tags/v2")
    with pytest.raises(AdoptError, match=r"v2 is not merged here. Merge it first: git merge v2"):
        main(["v2"], ours)
    with pytest.raises(AdoptError, match="The examples have not left this checkout yet"):
        main(["HEAD"], release)
