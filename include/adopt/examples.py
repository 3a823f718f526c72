"""Takes the examples out of a checkout: their files whole, and the marked lines of the files that stay.

``include/example/removal.txt`` lists what goes. In a file that stays, lines from one that holds ``(examples begin)`` to
the next that holds ``(examples end)`` go, both included, and each line that holds ``(examples line)``.
"""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from include.commands.console import list_some
from include.errors import AdoptError

LIST: Final = Path("include") / "example" / "removal.txt"
BEGIN: Final = "(examples begin)"
END: Final = "(examples end)"
LINE: Final = "(examples line)"
_SHOWN: Final = 10


@dataclass(frozen=True)
class Removal:
    """What goes, relative to the project's folder.

    Attributes:
        paths: files that go whole.
        texts: what is left of the files that stay.
    """

    paths: tuple[Path, ...]
    texts: dict[Path, str]

    def describe(self) -> str:
        """How much it is, in a sentence."""
        if not self.paths and not self.texts:
            return "The examples are gone already"
        return f"{len(self.paths)} files of the examples go, and their lines in {len(self.texts)} other files"


def plan_removal(root: Path) -> Removal:
    """What is left to be removed; nothing when the examples are gone.

    What the last commit holds counts, so that a removal that was interrupted is finished by the next one.

    Raises:
        AdoptError: the folder is no checkout of git, marks are not in pairs, or a file that would go or change was
            changed since the last commit: it could not be restored.
    """
    tracked = [Path(name) for name in run_git(root, "ls-files", "-z").split("\0") if name]
    patterns = read_patterns((root / LIST).read_text(encoding="utf-8")) if (root / LIST).exists() else []
    gone = [path for path in tracked if any(is_below(path, pattern) for pattern in patterns)]
    texts: dict[Path, str] = {}
    for path in tracked:
        if path not in gone and (text := read_marked(root / path)) is not None:
            texts[path] = strip_examples(text, path)
    changed = _list_changed(root, [*gone, *texts])
    if changed:
        raise AdoptError(
            f"Nothing was removed: {list_some(changed, _SHOWN)} changed since the last commit, and would be lost. "
            "Commit or stash the changes, and run again."
        )
    return Removal(tuple(path for path in gone if (root / path).exists()), texts)


def strip_examples(text: str, path: Path) -> str:
    """A text without the lines between marks.

    Raises:
        AdoptError: marks are not in pairs; names the line.
    """
    kept: list[str] = []
    began_at = 0
    for number, line in enumerate(text.splitlines(keepends=True), start=1):
        if BEGIN in line:
            if began_at:
                raise AdoptError(f"{path}, line {number}: {BEGIN} within the block of line {began_at}. End that first.")
            began_at = number
        elif END in line:
            if not began_at:
                raise AdoptError(f"{path}, line {number}: {END} without {BEGIN} before it.")
            began_at = 0
        elif not began_at and LINE not in line:
            kept.append(line)
    if began_at:
        raise AdoptError(f"{path}, line {began_at}: {BEGIN} without {END} after it.")
    return "".join(kept)


def remove_examples(root: Path, removal: Removal) -> None:
    """Take the examples out; the list of what goes is the last to go, so that what was interrupted can be finished."""
    for path, text in removal.texts.items():
        draft = (root / path).with_name(f"{path.name}.part")
        draft.write_bytes(text.encode())
        shutil.copymode(root / path, draft)
        draft.replace(root / path)
    for path in sorted(removal.paths, key=lambda path: path == LIST):
        (root / path).unlink(missing_ok=True)
        _remove_empty(root, (root / path).parent)


def _remove_empty(root: Path, folder: Path) -> None:
    """Remove a folder in which nothing but compiled modules is left, and those above it."""
    while folder != root and not any(path.name != "__pycache__" for path in folder.iterdir()):
        shutil.rmtree(folder)
        folder = folder.parent


def read_patterns(text: str) -> list[Path]:
    """The files and folders of a list of what goes."""
    return [Path(line.strip()) for line in text.splitlines() if line.strip() and not line.startswith("#")]


def is_below(path: Path, pattern: Path) -> bool:
    """Whether a file is the one, or in the folder, that is listed."""
    return path == pattern or pattern in path.parents


def read_marked(path: Path) -> str | None:
    """The text of a file that has marks; this module and its tests only speak of them."""
    try:
        if path.is_symlink():
            return None
        with path.open(encoding="utf-8", newline="") as file:
            text = file.read()
    except (OSError, UnicodeDecodeError):
        return None
    is_marked = (BEGIN in text or LINE in text) and path.name not in ("examples.py", "test_examples.py")
    return text if is_marked else None


def _list_changed(root: Path, paths: list[Path]) -> list[str]:
    """Which of the paths differ from the last commit, those that are gone left out."""
    if not paths:
        return []
    listed = run_git(root, "diff", "HEAD", "--name-only", "--diff-filter=d", "-z", "--", *map(str, paths))
    return [name for name in listed.split("\0") if name]


def run_git(root: Path, *arguments: str) -> str:
    """What git prints.

    Raises:
        AdoptError: git cannot be run, or refuses; the message is for a folder that is no checkout.
    """
    try:
        done = subprocess.run(["git", "-C", str(root), *arguments], capture_output=True, text=True, check=False)
    except OSError as error:
        raise AdoptError(f"git is needed, so that nothing is lost, and cannot be run: {error}. Install it.") from error
    if done.returncode:
        raise AdoptError(
            f"{root} is no checkout of git with a commit, so that what is removed could not be restored. Clone the "
            f"project, or: git init && git add -A && git commit -m 'Begin'. git says: {done.stderr.strip()}"
        )
    return done.stdout
