"""dbt's manifest: made outside of DAG imports, as new as the files of the dbt project, read once.

The manifest is made when the image is built and when the stack starts (``python -m
include.features.manifest``), and in the background when a file of the project changed. Whether it changed is
told by content, because a checkout or a mount gives files other times.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from include.errors import ManifestMissingError, SettingsError
from include.features.parsed import PARSED, REFUSED, find_parsed, is_outdated
from include.settings import PROJECT_ROOT

if TYPE_CHECKING:
    from dbt.contracts.graph.manifest import Manifest

DBT_DIR: Final = PROJECT_ROOT / "dbt"
TARGET_VARIABLE: Final = "ORRERY_DBT_TARGET"
_PARTS: Final = ("models", "macros", "data-tests", "seeds", "snapshots", "dbt_project.yml")
_MANIFEST: Final = "manifest.json"
_SOURCE_HASH: Final = "manifest.sha256"
_FAILURE: Final = "manifest.failure.json"


def target_dir() -> Path:
    """Where the manifest is kept: ``ORRERY_DBT_TARGET``, ``dbt/target``, or a folder of the user's own."""
    configured = os.environ.get(TARGET_VARIABLE)
    if configured:
        return Path(configured)
    if os.access(DBT_DIR, os.W_OK):
        return DBT_DIR / "target"
    return Path(tempfile.gettempdir()) / f"orrery-dbt-{os.getuid()}"


def hash_project(project_dir: Path = DBT_DIR) -> str:
    """The SHA-256 of the names and contents of the project's files."""
    digest = hashlib.sha256()
    for part in _PARTS:
        root = project_dir / part
        paths = sorted(path for path in root.rglob("*") if path.is_file()) if root.is_dir() else [root]
        for path in paths:
            if path.exists() and not path.name.startswith("."):
                digest.update(f"{path.relative_to(project_dir)}\0".encode() + path.read_bytes() + b"\0")
    return digest.hexdigest()


def build_manifest() -> Path:
    """Make the manifest unless it is as new as the project; returns its path. Takes seconds, and one at a time.

    Raises:
        SettingsError: dbt cannot parse the project; the message is dbt's own. The last good manifest stays.
        ManifestMissingError: dbt was ended before it was done; the next look tries again.
    """
    target = target_dir()
    target.mkdir(parents=True, exist_ok=True)
    with _hold_lock(target, is_blocking=True):
        wanted = hash_project()
        is_new = _read_text(target / _SOURCE_HASH) == wanted and (target / _MANIFEST).exists()
        if not is_new or is_outdated(target, wanted):
            _parse_project(target, wanted)
    return target / _MANIFEST


def find_manifest(*, is_strict: bool = False) -> Path:
    """The last good manifest, at once; a newer one is made in the background where a file has changed.

    Args:
        is_strict: what dbt cannot parse is an error also while there is an earlier manifest. For what builds
            the project; what only uses its tables goes on with the last good manifest.

    Raises:
        ManifestMissingError: there is none yet; it is being made, and the next look finds it.
        SettingsError: dbt cannot parse the project as it is now, and there is no earlier manifest or the
            caller is strict; the message is dbt's own.
    """
    target = target_dir()
    wanted = hash_project()
    has_one = (target / _MANIFEST).exists()
    if not has_one or _read_text(target / _SOURCE_HASH) != wanted:
        failure = json.loads(_read_text(target / _FAILURE) or "{}")
        if failure.get("source_hash") != wanted:
            refresh_in_background()
        elif is_strict or not has_one:
            raise SettingsError(failure["message"])
    if not has_one:
        raise ManifestMissingError(
            f"{target / _MANIFEST} does not exist yet. It is being made now; this file is read again within a minute "
            "(to make it at once: python -m include.features.manifest)."
        )
    return target / _MANIFEST


def refresh_in_background() -> None:
    """Start to make the manifest in a process of its own, unless one is at it; returns at once."""
    target = target_dir()
    target.mkdir(parents=True, exist_ok=True)
    with _hold_lock(target, is_blocking=False) as is_held:
        if not is_held:
            return
    with (target / "manifest.log").open("ab") as log:
        subprocess.Popen(
            [sys.executable, "-m", "include.features.manifest"], cwd=PROJECT_ROOT, stdin=subprocess.DEVNULL,
            stdout=log, stderr=log, start_new_session=True, env={**os.environ, "PYTHONPATH": str(PROJECT_ROOT)},
        )  # fmt: skip


def read_manifest() -> Mapping[str, Any]:
    """The last good manifest (see :func:`find_manifest`), parsed once for each content."""
    path = find_manifest()
    stat = path.stat()
    return _load_json(path, stat.st_mtime_ns, stat.st_size)


def read_parsed(database: str, env: Mapping[str, str]) -> Manifest | None:
    """The project as dbt has parsed it, for a build; None where dbt has to parse it anew.

    Args:
        database: in which the models are built.
        env: the environment of the build.
    """
    return find_parsed(target_dir(), hash_project(), database, env)


@lru_cache(maxsize=2)
def _load_json(path: Path, _mtime_ns: int, _size: int) -> Mapping[str, Any]:
    content: Mapping[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return content


def _parse_project(target: Path, source_hash: str) -> None:
    """Run ``dbt parse``, which reads files only and needs no database, and put its manifest in place at once."""
    with tempfile.TemporaryDirectory(dir=target, prefix=".parse-") as folder:
        command = [sys.executable, "-m", "include.features.parsed", str(DBT_DIR), folder, source_hash]
        done = subprocess.run(command, capture_output=True, text=True, cwd=PROJECT_ROOT, check=False)
        if done.returncode not in (0, REFUSED):
            raise ManifestMissingError(
                f"dbt parse of {DBT_DIR} ended with {done.returncode} before it was done, as when memory runs out. "
                "It is tried again at the next look (to try at once: python -m include.features.manifest). "
                f"{done.stderr[-1000:]}".rstrip()
            )
        if done.returncode == REFUSED:
            message = f"dbt cannot parse {DBT_DIR}:\n{done.stdout[-3000:]}{done.stderr[-1000:]}"
            _write_text(target / _FAILURE, json.dumps({"source_hash": source_hash, "message": message}))
            raise SettingsError(message)
        (target / PARSED).unlink(missing_ok=True)
        for made in [path for name in (PARSED, _MANIFEST) if (path := Path(folder) / name).exists()]:
            made.replace(target / made.name)
    _write_text(target / _SOURCE_HASH, source_hash)
    (target / _FAILURE).unlink(missing_ok=True)


@contextmanager
def _hold_lock(target: Path, *, is_blocking: bool) -> Iterator[bool]:
    """Hold the target folder's lock for the block; whether it is held. Dying frees it."""
    with (target / ".manifest.lock").open("a") as file:
        try:
            fcntl.flock(file.fileno(), fcntl.LOCK_EX | (0 if is_blocking else fcntl.LOCK_NB))
        except BlockingIOError:
            yield False
            return
        yield True


def _read_text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return ""


def _write_text(path: Path, text: str) -> None:
    draft = path.with_suffix(".part")
    draft.write_text(text, encoding="utf-8")
    draft.replace(path)


def main() -> int:
    """Make the manifest and say where it is; the exit code."""
    try:
        path = build_manifest()
    except SettingsError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    sys.stdout.write(f"{path}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
