"""The project as dbt has parsed it, kept beside the manifest, so that a build need not read the files again.

dbt's own store of it (``partial_parse.msgpack``) takes twenty times as long to read.

``python -m include.features.parsed PROJECT TARGET HASH`` runs ``dbt parse`` and keeps what it found.
"""

from __future__ import annotations

import hashlib
import logging
import os
import pickle
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
_PACKAGES: Final = ("dbt-core", "dbt-adapters", "dbt-postgres")
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
    path = target / PARSED
    try:
        # A pickle is code: only one's own is read.
        if path.stat().st_uid != os.getuid():
            return None
        with path.open("rb") as file:
            if file.readline().strip().decode() != _make_key(project_hash):
                return None
            parts = pickle.load(file)  # noqa: S301 - see above
    except FileNotFoundError:
        return None
    except Exception as error:  # whatever else a damaged file brings about; dbt parses anew then
        log.warning("%s cannot be read, and dbt parses the project anew: %s: %s", path, type(error).__name__, error)
        return None
    from dbt.contracts.graph.manifest import Manifest

    manifest = Manifest(**parts)
    databases = {node.database for node in manifest.nodes.values()}
    is_same = databases <= {database} and all(
        env.get(name, _UNSET) == value for name, value in manifest.env_vars.items()
    )
    return manifest if is_same else None


def keep_parsed(manifest: Manifest, target: Path, project_hash: str) -> None:
    """Write the file that :func:`find_parsed` reads, whole or not at all."""
    draft = target / f"{PARSED}.{os.getpid()}"
    try:
        with draft.open("wb") as file:
            file.write(_make_key(project_hash).encode() + b"\n")
            pickle.dump(_take_parts(manifest), file, protocol=pickle.HIGHEST_PROTOCOL)
        draft.replace(target / PARSED)
    finally:
        draft.unlink(missing_ok=True)


def _take_parts(manifest: Manifest) -> dict[str, Any]:
    """What dbt has parsed, without what it works out from that; a pickle of the manifest itself mixes up its parts."""
    return {part.name: getattr(manifest, part.name) for part in fields(manifest) if not part.name.startswith("_")}


def _make_key(project_hash: str) -> str:
    made_by = [sys.version, *(f"{name} {version(name)}" for name in _PACKAGES)]
    return hashlib.sha256("\n".join([project_hash, *made_by]).encode()).hexdigest()


def main(project: str, target: str, project_hash: str) -> int:
    """Parse a project into a folder; the exit code."""
    from dbt.cli.main import dbtRunner
    from dbt.contracts.graph.manifest import Manifest

    done = dbtRunner().invoke(
        [
            "--no-use-colors", "parse", "--project-dir", project, "--profiles-dir", project, "--target-path", target,
            "--log-path", target, "--no-partial-parse",
        ]
    )  # fmt: skip
    if not done.success or not isinstance(done.result, Manifest):
        sys.stdout.write(f"{done.exception or ''}\n")
        return REFUSED
    keep_parsed(done.result, Path(target), project_hash)
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
