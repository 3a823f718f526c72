"""Writes many files at once: all of them, or none where one is there already with other content."""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from include.errors import SettingsError

_BESIDE: Final = ".new-model"


@dataclass(frozen=True)
class NewFile:
    """A file to write.

    Attributes:
        folder: on the disk of ``path``; drafts are put there, where nobody reads them.
        is_change: whether the file is there and is added to.
    """

    path: Path
    text: str
    folder: Path
    is_change: bool = False

    @property
    def is_there(self) -> bool:
        """Whether it is as it shall be already, as after a run that was interrupted."""
        return self.path.is_file() and self.path.read_bytes() == self.text.encode()


def check_free(files: Sequence[NewFile], reasons: Sequence[str] = ()) -> None:
    """Refuse to write over what is there; a file that is the same already is none of it.

    Args:
        reasons: what else stands in the way, as sentences.

    Raises:
        SettingsError: names all that is in the way.
    """
    taken = [
        str(file.path) for file in files if not file.is_change and os.path.lexists(file.path) and not file.is_there
    ]
    problems = [*(f"{path} is there already." for path in taken), *reasons]
    if problems:
        listed = "\n".join(f"  - {problem}" for problem in problems)
        raise SettingsError(
            f"Nothing is written:\n{listed}\nGive another GROUP for the features, another NAME for the model and its "
            "labels, or remove what is there. A group that is there is used as it is where EVENTS, ALSO and the days "
            "of the label are those that it was written with."
        )


def write_files(files: Sequence[NewFile]) -> None:
    """Write all drafts, then move each into its place, in order.

    Where it is interrupted in between, the same call once more writes the rest.

    Raises:
        SettingsError: a file has come since it was looked for, or cannot be written; the files before it are written.
    """
    folders = {file.folder / _BESIDE for file in files}
    try:
        drafts = [_write_draft(file, number) for number, file in enumerate(files) if not file.is_there]
        for draft, file in drafts:
            _move(draft, file)
    except OSError as error:
        raise SettingsError(
            f"{error.filename} cannot be written: {error.strerror}. Correct its permissions or make room, and run "
            "again."
        ) from error
    finally:
        for folder in folders:
            shutil.rmtree(folder, ignore_errors=True)


def _write_draft(file: NewFile, number: int) -> tuple[Path, NewFile]:
    draft = file.folder / _BESIDE / f"{number}.part"
    draft.parent.mkdir(parents=True, exist_ok=True)
    draft.write_bytes(file.text.encode())
    return draft, file


def _move(draft: Path, file: NewFile) -> None:
    file.path.parent.mkdir(parents=True, exist_ok=True)
    if file.is_change and file.path.exists():
        shutil.copymode(file.path, draft)
        draft.replace(file.path)
        return
    try:
        os.link(draft, file.path)  # unlike a rename it fails where a file is
    except FileExistsError:
        raise SettingsError(f"{file.path} has come meanwhile. Look at it, and run again.") from None
    except OSError:  # a disk without hard links
        draft.replace(file.path)
