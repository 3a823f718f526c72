"""A dbt project, run against a database of a test."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import urlsplit

import psycopg
import pytest

from include.features.manifest import hash_project
from include.features.parsed import find_parsed, keep_parsed
from include.orchestration.dbt_flags import skip_flag_lookup
from include.servers.postgres import PostgresServer
from tests.processes import die_with_parent

if TYPE_CHECKING:
    from dbt.contracts.graph.manifest import Manifest


@contextmanager
def set_warehouse(uri: str) -> Iterator[None]:
    """The environment by which dbt's profile finds a database."""
    parts = urlsplit(uri)
    values = {
        "HOST": parts.hostname, "PORT": parts.port, "USER": parts.username, "PASSWORD": parts.password,
        "DATABASE": parts.path.removeprefix("/"),
    }  # fmt: skip
    with pytest.MonkeyPatch.context() as environment:
        for name, value in values.items():
            environment.setenv(f"ORRERY_DBT_{name}", str(value))
        yield


@dataclass(frozen=True)
class Project:
    """A dbt project; what it is parsed into is kept in the target folder for the next command."""

    folder: Path
    target: Path

    def run(self, uri: str, *arguments: str) -> dict[str, Any]:
        """Run a dbt command in this process; the result of each node by name."""
        from dbt.cli.main import dbtRunner

        with set_warehouse(uri), skip_flag_lookup():
            parsed = None if "--vars" in arguments else self._parse(urlsplit(uri).path.removeprefix("/"))
            result = dbtRunner(parsed).invoke([*arguments, *self._options])
        if result.exception:
            raise result.exception
        return {node.node.name: node for node in result.result.results}

    def start(self, uri: str, *arguments: str) -> subprocess.Popen[bytes]:
        """Run a dbt command in a process of its own, which ends with this one."""
        with set_warehouse(uri):
            return subprocess.Popen(
                [sys.executable, "-m", "dbt.cli.main", *arguments, *self._options],
                preexec_fn=die_with_parent,  # noqa: PLW1509 - before the exec it calls the kernel only
            )

    def _parse(self, database: str) -> Manifest | None:
        """The parsed project, as a build under Airflow has it; None where dbt cannot parse it, and is to say so."""
        from dbt.cli.main import dbtRunner

        project_hash = hash_project(self.folder)
        if (found := find_parsed(self.target, project_hash, database, os.environ)) is not None:
            return found
        done = dbtRunner().invoke(["parse", *self._options])
        if not done.success:
            return None
        keep_parsed(cast("Manifest", done.result), self.target, project_hash)
        return find_parsed(self.target, project_hash, database, os.environ)

    @property
    def _options(self) -> list[str]:
        return [
            "--quiet", "--log-level-file", "none",
            "--project-dir", str(self.folder), "--profiles-dir", str(self.folder),
            "--target-path", str(self.target), "--log-path", str(self.target),
        ]  # fmt: skip


def drop_database(postgres: PostgresServer, name: str) -> None:
    """Drop a database, whoever is connected to it."""
    with psycopg.connect(postgres.uri(), autocommit=True) as connection:
        connection.execute(f'drop database "{name}" with (force)')


@contextmanager
def lend_database(postgres: PostgresServer, name: str, template: str | None = None) -> Iterator[str]:
    """Whatever is changed in a database is undone at the end. dbt parses anew for a copy, as it has another name.

    Args:
        template: what it holds meanwhile, in place of its own content.
    """
    postgres.create_database(f"{name}_kept", template=name)
    try:
        if template:
            drop_database(postgres, name)
            postgres.create_database(name, template=template)
        yield postgres.uri(name)
    finally:
        drop_database(postgres, name)
        with psycopg.connect(postgres.uri(), autocommit=True) as connection:
            connection.execute(f'alter database "{name}_kept" rename to "{name}"')
