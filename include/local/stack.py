"""The embedded stack as one thing: start it, find it, stop it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from include.local.components import AIRFLOW_MODULES, PREFERRED_PORTS, Component, build_components
from include.local.credentials import Credentials, ensure_credentials, find_credentials, read_credentials
from include.local.databases import is_airflow_current, note_airflow_version, start_databases
from include.local.environment import airflow_environment
from include.local.home import StackHome, prepare_home, resolve_home
from include.local.launcher import Launcher, can_prefork
from include.local.ports import HOST, reserve_ports
from include.local.postgres import PostgresServer
from include.local.processes import find_members, stop_processes
from include.local.state import StackState, hold_lock, load_state
from include.local.supervisor import StartStep, Supervisor, Tell, defer_interruption

if TYPE_CHECKING:
    from include.local.airflow_api import AirflowApi

# Ends first, while the API server can still take in what its tasks report.
_STOPS_FIRST: Final = ("airflow-scheduler",)


@dataclass(frozen=True)
class StackUris:
    """Where the parts of a stack are. Database URIs carry the password."""

    warehouse: str
    airflow_metadata: str
    mlflow_store: str
    mlflow: str
    model_server: str
    airflow: str


@dataclass(frozen=True)
class Stack:
    """A stack that runs, or is about to.

    Attributes:
        ports: by component: ``postgres``, ``mlflow``, ``model-server``, ``airflow``.
    """

    home: StackHome
    ports: dict[str, int]
    credentials: Credentials

    @property
    def uris(self) -> StackUris:
        """Addresses for programs: psycopg's form for the warehouse, SQLAlchemy's for the other databases."""
        return StackUris(
            warehouse=self.server.uri("warehouse"),
            airflow_metadata=self.server.uri("airflow", scheme="postgresql+psycopg2"),
            mlflow_store=self.server.uri("mlflow", scheme="postgresql+psycopg2"),
            mlflow=f"http://{HOST}:{self.ports['mlflow']}",
            model_server=f"http://{HOST}:{self.ports['model-server']}",
            airflow=f"http://{HOST}:{self.ports['airflow']}",
        )

    @property
    def addresses(self) -> dict[str, str]:
        """Addresses for people, without passwords."""
        return {
            "Airflow": self.uris.airflow,
            "MLflow": self.uris.mlflow,
            "Model server": f"{self.uris.model_server}/docs",
            "Warehouse": f"postgresql://postgres@{HOST}:{self.ports['postgres']}/warehouse",
        }

    def airflow(self, user: str = "admin") -> AirflowApi:
        """A client of Airflow's API, logged in as ``user``."""
        from include.local.airflow_api import AirflowApi

        return AirflowApi(self.uris.airflow, user, self.credentials.airflow_passwords[user])

    @property
    def environment(self) -> dict[str, str]:
        """The environment of Airflow's processes, for commands that should see what tasks see."""
        return airflow_environment(self, os.environ, cores=count_cores())

    @property
    def server(self) -> PostgresServer:
        """The stack's PostgreSQL."""
        return PostgresServer(self.home.postgres, self.ports["postgres"], self.credentials.postgres_password)

    def components(self, *, is_airflow_new: bool = False) -> list[Component]:
        """The stack's processes besides PostgreSQL."""
        return build_components(self, os.environ, is_airflow_new=is_airflow_new, cores=count_cores())


def count_cores() -> int:
    """Processors that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 2


def ignore(_: StartStep) -> None:
    """Tell nobody."""


def start_stack(home: StackHome | Path | str | None = None, on_progress: Tell = ignore) -> Stack:
    """Start everything and wait until it is healthy; what already runs is left alone.

    Whatever ends the start early — an error, Ctrl-C — leaves nothing running.

    Raises:
        StackError: a component did not start (with the end of its log), the folder cannot be used, or
            another command is at work on the same stack.
    """
    place = home if isinstance(home, StackHome) else resolve_home(home)
    prepare_home(place)
    with hold_lock(place):
        running = find_stack(place)
        if running is not None:
            return running
        _stop(place, load_state(place))
        return _start(place, on_progress)


def find_stack(home: StackHome) -> Stack | None:
    """The stack in this folder if every process of it is alive."""
    state = load_state(home)
    if not state.is_complete or not all(record.is_alive() for record in state.processes.values()):
        return None
    stack = Stack(home, state.ports, read_credentials(home))
    return stack if stack.server.pid else None


def stop_stack(home: StackHome | Path | str | None = None) -> bool:
    """Stop everything that belongs to the stack, and nothing else. Returns whether something ran.

    Raises:
        StackError: another command is at work on the same stack.
    """
    place = home if isinstance(home, StackHome) else resolve_home(home)
    if not place.path.exists():
        return False
    with hold_lock(place):
        return _stop(place, load_state(place))


@contextmanager
def running_stack(home: StackHome | Path | str | None = None, on_progress: Tell = ignore) -> Iterator[Stack]:
    """A running stack for the length of the block; one that ran before goes on running."""
    place = home if isinstance(home, StackHome) else resolve_home(home)
    was_running = find_stack(place) is not None
    stack = start_stack(place, on_progress)
    try:
        yield stack
    finally:
        if not was_running:
            stop_stack(place)


def _start(home: StackHome, tell: Tell) -> Stack:
    credentials = ensure_credentials(home)
    wishes = {**PREFERRED_PORTS, **load_state(home).ports}
    with defer_interruption() as interruption, reserve_ports(wishes) as ports:
        stack = Stack(home, ports, credentials)
        state = StackState(ports)
        state.save(home)
        try:
            with Launcher(home, stack.environment, is_preforking=can_prefork()) as launcher:
                launcher.preload(AIRFLOW_MODULES)
                start_databases(stack, tell, interruption)
                is_new = not is_airflow_current(stack)
                supervisor = Supervisor(home, state, launcher, credentials.stack_token, tell, interruption)
                supervisor.start(stack.components(is_airflow_new=is_new))
            note_airflow_version(stack)
        except BaseException:
            _stop(home, state)
            raise
        state.is_complete = True
        state.save(home)
        return stack


def _stop(home: StackHome, state: StackState) -> bool:
    """End the stack's processes, then PostgreSQL. Returns whether any of it ran."""
    credentials = find_credentials(home)
    token = credentials.stack_token if credentials else ""
    records = state.processes.values()
    server = PostgresServer(home.postgres, state.ports.get("postgres", 0), "")
    was_running = bool(find_members(records, token)) or server.pid is not None
    first = [record for record in records if record.name in _STOPS_FIRST]
    stop_processes(first)
    stop_processes(records, token)
    server.stop()
    state.processes.clear()
    state.is_complete = False
    state.save(home)
    return was_running
