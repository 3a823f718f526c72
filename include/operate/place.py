"""Where Airflow, the model server and the warehouse are: named, in the environment, or of the stack on this machine."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeVar

from include.errors import StackError
from include.operate.traffic import TOKEN_VARIABLE
from include.rollout.server_address import ServerAddress

if TYPE_CHECKING:
    from include.local.stack import Stack

FoundT = TypeVar("FoundT")
SERVER_VARIABLE: Final = "ORRERY_MODEL_SERVER_URL"
WAREHOUSE_VARIABLE: Final = "ORRERY_WAREHOUSE_URI"
PASSWORD_VARIABLE: Final = "ORRERY_AIRFLOW_PASSWORD"  # noqa: S105 - the variable's name
DBT_TARGET_VARIABLE: Final = "ORRERY_DBT_TARGET"


@dataclass(frozen=True)
class Place:
    """A running project.

    Attributes:
        airflow: its address, as those below.
        model_server: None where it is not named; then no requests are sent. Its token has the role ``predict``.
        warehouse: None likewise.
        passwords: of Airflow's users; the first one triggers and looks.
        logs: Airflow's folder of logs, if it is on this machine.
        check: raises StackError when a part of the stack on this machine has died.
    """

    airflow: str
    model_server: ServerAddress | None
    warehouse: str | None = field(repr=False)
    passwords: Mapping[str, str] = field(repr=False)
    logs: Path | None = None
    check: Callable[[], None] = lambda: None

    @property
    def user(self) -> str:
        """Who triggers and looks."""
        return next(iter(self.passwords))


def place_stack(stack: Stack, user: str = "admin") -> Place:
    """The stack of ``make up``, with all of its users.

    Raises:
        StackError: it has no such user.
    """
    from include.local.status import check_stack

    passwords = stack.credentials.airflow_passwords
    if user not in passwords:
        raise StackError(f"The stack's Airflow has no user {user!r}. Its users are: {', '.join(passwords)}.")
    uris = stack.uris
    return Place(
        uris.airflow, stack.model_server, uris.warehouse, {user: passwords[user], **passwords},
        stack.home.airflow / "logs", partial(check_stack, stack),
    )  # fmt: skip


def find_place(
    airflow: str | None, server: str | None, user: str, stack: Stack | None,
    environment: Mapping[str, str] = os.environ,
) -> Place:  # fmt: skip
    """The project that the options name, else the one that the environment names, else the stack that runs here.

    Raises:
        StackError: no Airflow is named and no stack runs here, or its user's password is not known.
    """
    if airflow is None or (stack is not None and airflow == stack.uris.airflow):
        return place_stack(_require(stack, "Name Airflow's address with --airflow"), user)
    password = environment.get(PASSWORD_VARIABLE)
    if not password:
        raise StackError(f"The password of {user} at {airflow} is not known. Put it into {PASSWORD_VARIABLE}.")
    address = ServerAddress(server, environment.get(TOKEN_VARIABLE, "")) if server else None
    return Place(airflow, address, environment.get(WAREHOUSE_VARIABLE), {user: password})


def find_local_stack(home: str | None = None) -> Stack | None:
    """The stack that ``make up`` has started in a folder (default: ORRERY_HOME, else .local), if it runs."""
    from include.local.home import resolve_home
    from include.local.stack import find_stack

    return find_stack(resolve_home(home))


def find_server(given: str | None, stack: Stack | None, environment: Mapping[str, str] = os.environ) -> ServerAddress:
    """The model server: as given, else of the stack that runs here, else of the environment.

    The stack's token goes to the stack's server only; for another one it is in the environment.

    Raises:
        StackError: it is not given, and no stack runs here.
    """
    if stack is not None and given in (None, stack.uris.model_server):
        return stack.model_server
    url = _require(
        given or environment.get(SERVER_VARIABLE), f"Name the model server with --server or {SERVER_VARIABLE}"
    )
    return ServerAddress(url, environment.get(TOKEN_VARIABLE, ""))


def find_warehouse(stack: Stack | None, environment: Mapping[str, str] = os.environ) -> str:
    """The URI of the warehouse.

    Raises:
        StackError: it is not given, and no stack runs here.
    """
    known = stack.uris.warehouse if stack else environment.get(WAREHOUSE_VARIABLE)
    return _require(
        known, f"Name the warehouse in {WAREHOUSE_VARIABLE} (postgresql://user:password@host:port/database)"
    )


def _require(known: FoundT | None, advice: str) -> FoundT:
    if not known:
        raise StackError(f"{advice}, or start a stack on this machine (make up).")
    return known
