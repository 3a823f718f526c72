"""The project as dbt has parsed it, kept beside the manifest, so that a build need not read the files again.

dbt's own store of it (``partial_parse.msgpack``) takes twenty times as long to read.

``python -m include.features.parsed PROJECT TARGET HASH`` runs ``dbt parse`` and keeps what it found.
"""

from __future__ import annotations

import hashlib
import logging
import os
import pickle
import stat
import sys
from collections.abc import Mapping
from dataclasses import fields
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from dbt.contracts.graph.manifest import Manifest

PROFILE_TARGET: Final = "warehouse"
"""The target of every profile that the project is built with; models may ask for its name while they are parsed."""
REFUSED: Final = 2
"""The exit code by which dbt itself says that it cannot parse a project; any other but 0 is an accident."""
PARSED: Final = "parsed.pickle"
_FORMAT: Final = 1
_PACKAGES: Final = ("dbt-core", "dbt-common", "dbt-adapters", "dbt-postgres")
_UNSET: Final = "DBT_DEFAULT_PLACEHOLDER"
"""What dbt notes of an environment variable that was not set."""

log = logging.getLogger(__name__)


def find_parsed(target: Path, project_hash: str, database: str, env: Mapping[str, str]) -> Manifest | None:
    """The parsed project, if it was parsed from these files, by this dbt, for this database, under this environment.

    Args:
        target: the folder of the manifest.
        project_hash: of :func:`include.features.manifest.hash_project`.
        database: in which the models are built; dbt writes its name into each relation.
        env: of the build.
    """
    try:
        manifest = _read_own(target / PARSED, _make_key(project_hash))
    except Exception as error:  # whatever a damaged file brings about
        log.warning("dbt parses the project anew: %s: %s", type(error).__name__, error)
        return None
    if manifest is None:
        log.info("dbt parses the project anew: it was parsed from other files, or by other versions.")
        return None
    databases = {node.database for node in manifest.nodes.values()}
    others = sorted(name for name, value in manifest.env_vars.items() if env.get(name, _UNSET) != value)
    if others or not databases <= {database}:
        log.info("dbt parses the project anew: it was parsed for another %s.", ", ".join(others) or "database")
        return None
    return manifest


def is_outdated(target: Path, project_hash: str) -> bool:
    """Whether there is a file that was made from other files or by other versions."""
    try:
        with (target / PARSED).open("rb") as file:
            return file.readline().strip().decode(errors="replace") != _make_key(project_hash)
    except FileNotFoundError:
        return False


def _read_own(path: Path, key: str) -> Manifest | None:
    """The manifest of a file; None where it has another key.

    Raises:
        PermissionError: somebody else could have written it; a pickle is code.
        Exception: it is damaged.
    """
    from dbt.contracts.graph.manifest import Manifest

    with os.fdopen(os.open(path, os.O_RDONLY | os.O_NOFOLLOW), "rb") as file:
        found = os.fstat(file.fileno())
        if found.st_uid != os.getuid() or found.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
            raise PermissionError(f"{path} is not this user's own, or others may write it")
        if file.readline().strip().decode() != key:
            return None
        return Manifest(**pickle.load(file))  # noqa: S301 - see above


def keep_parsed(manifest: Manifest, target: Path, project_hash: str) -> None:
    """Write the file that :func:`find_parsed` reads, whole or not at all."""
    draft = target / f"{PARSED}.{os.getpid()}"
    try:
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(_make_key(project_hash).encode() + b"\n")
            pickle.dump(_take_parts(manifest), file, protocol=pickle.HIGHEST_PROTOCOL)
        draft.replace(target / PARSED)
    finally:
        draft.unlink(missing_ok=True)


def _take_parts(manifest: Manifest) -> dict[str, Any]:
    """What dbt has parsed, without what it works out from that; a pickle of the manifest itself mixes up its parts."""
    return {part.name: getattr(manifest, part.name) for part in fields(manifest) if not part.name.startswith("_")}


def _make_key(project_hash: str) -> str:
    made_by = [str(_FORMAT), sys.version, *(f"{name} {version(name)}" for name in _PACKAGES)]
    return hashlib.sha256("\n".join([project_hash, *made_by]).encode()).hexdigest()


def main(project: str, target: str, project_hash: str) -> int:
    """Parse a project into a folder; the exit code.

    Raises:
        BaseException: an accident, such as a full disk.
    """
    from dbt.cli.main import dbtRunner
    from dbt.contracts.graph.manifest import Manifest
    from dbt_common.exceptions import DbtBaseException

    done = dbtRunner().invoke(
        [
            "--no-use-colors", "parse", "--project-dir", project, "--profiles-dir", project, "--target-path", target,
            "--log-path", target, "--no-partial-parse",
        ]
    )  # fmt: skip
    if done.exception is not None and not isinstance(done.exception, DbtBaseException):
        raise done.exception
    if not isinstance(done.result, Manifest):
        return REFUSED  # dbt has said why
    # Of what this file reads from the environment, dbt keeps a hash alone.
    if "env_var(" not in (Path(project) / "dbt_project.yml").read_text(encoding="utf-8"):
        try:
            keep_parsed(done.result, Path(target), project_hash)
        except OSError as error:  # builds parse by themselves then, and the manifest is there
            log.warning("The parsed project is not kept: %s", error)
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
