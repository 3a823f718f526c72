"""Which code trains, as true in an image, where git is absent, as in a checkout."""

from __future__ import annotations

import hashlib
import os
import subprocess
from pathlib import Path
from typing import Final

from include.settings import PROJECT_ROOT

_CODE: Final = ("dags", "include", "dbt", "requirements.txt")
_SUFFIXES: Final = frozenset({".py", ".sql", ".yml", ".yaml", ".txt", ".csv"})
_LENGTH: Final = 12


def read_code_revision(root: Path = PROJECT_ROOT) -> str:
    """The revision of the code in ``root``.

    Returns:
        ``ORRERY_CODE_REVISION`` where it is set; else what git says, which ends in ``-dirty`` where a file was changed;
        else, as in an image, the commit that was checked out and a hash of the code as it is, such as
        ``9acf87b0d1e2+code.5f1c2a9b3e77``, or the hash alone.
    """
    return os.environ.get("ORRERY_CODE_REVISION") or _ask_git(root) or _describe_files(root)


def _ask_git(root: Path) -> str:
    """What git says of the checkout; nothing where there is no git, or none that trusts the folder."""
    if not (root / ".git").exists():
        return ""
    try:
        done = subprocess.run(
            ["git", "describe", "--always", "--dirty", f"--abbrev={_LENGTH}"],
            cwd=root, capture_output=True, text=True, check=False, env={**os.environ, "GIT_OPTIONAL_LOCKS": "0"},
        )  # fmt: skip
    except OSError:
        return ""
    is_whole = (root / ".git" / "objects").exists() or (root / ".git").is_file()
    return done.stdout.strip() if is_whole else ""


def _describe_files(root: Path) -> str:
    commit = _read_commit(root / ".git")
    return "+".join([*([commit[:_LENGTH]] if commit else []), f"code.{hash_code(root)[:_LENGTH]}"])


def _read_commit(git: Path) -> str:
    """The commit that HEAD names, out of the three files that an image keeps of ``.git``; else nothing."""
    head = _read(git / "HEAD")
    if not head.startswith("ref: "):
        return head
    name = head.removeprefix("ref: ")
    packed = {line[41:]: line[:40] for line in _read(git / "packed-refs").splitlines()}
    return _read(git / name) or packed.get(name, "")


def _read(path: Path) -> str:
    return path.read_text(encoding="utf-8").strip() if path.is_file() else ""


def hash_code(root: Path = PROJECT_ROOT) -> str:
    """The SHA-256 of the names and contents of the files that decide what is trained."""
    digest = hashlib.sha256()
    for part in _CODE:
        found = [root / part, *(root / part).rglob("*")]
        for path in sorted(path for path in found if path.suffix in _SUFFIXES and path.is_file()):
            digest.update(f"{path.relative_to(root)}\0".encode() + path.read_bytes() + b"\0")
    return digest.hexdigest()
