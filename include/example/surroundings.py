"""Where the commands find a stack: in the environment's variables, else the stack that runs on this machine."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

from include.errors import StackError

if TYPE_CHECKING:
    from include.local.stack import Stack

SERVER_VARIABLE: Final = "ORRERY_MODEL_SERVER_URL"
WAREHOUSE_VARIABLE: Final = "ORRERY_WAREHOUSE_URI"
PASSWORD_VARIABLE: Final = "ORRERY_AIRFLOW_PASSWORD"  # noqa: S105 - the variable's name
DBT_TARGET_VARIABLE: Final = "ORRERY_DBT_TARGET"


def find_local_stack(home: str | None = None) -> Stack | None:
    """The stack that ``make up`` has started in a folder (default: ORRERY_HOME, else .local), if it runs."""
    from include.local.home import resolve_home
    from include.local.stack import find_stack

    return find_stack(resolve_home(home))


def find_server(given: str | None, stack: Stack | None, environment: Mapping[str, str] = os.environ) -> str:
    """The address of the model server.

    Raises:
        StackError: it is not given, and no stack runs here.
    """
    known = given or environment.get(SERVER_VARIABLE) or (stack.uris.model_server if stack else None)
    return _require(known, f"Name the model server with --server or {SERVER_VARIABLE}")


def find_warehouse(stack: Stack | None, environment: Mapping[str, str] = os.environ) -> str:
    """The URI of the warehouse.

    Raises:
        StackError: it is not given, and no stack runs here.
    """
    known = environment.get(WAREHOUSE_VARIABLE) or (stack.uris.warehouse if stack else None)
    return _require(
        known, f"Name the warehouse in {WAREHOUSE_VARIABLE} (postgresql://user:password@host:port/database)"
    )


def find_airflow(given: str | None, stack: Stack | None) -> str:
    """The address of Airflow.

    Raises:
        StackError: it is not given, and no stack runs here.
    """
    return _require(given or (stack.uris.airflow if stack else None), "Name Airflow's address with --airflow")


def find_password(user: str, airflow: str, stack: Stack | None, environment: Mapping[str, str] = os.environ) -> str:
    """The password of an Airflow user: ORRERY_AIRFLOW_PASSWORD, else of the stack that runs here, for its own Airflow.

    Raises:
        StackError: it is not known.
    """
    known = environment.get(PASSWORD_VARIABLE)
    if known is None and stack is not None and airflow == stack.uris.airflow:
        known = stack.credentials.airflow_passwords.get(user)
        if known is None:
            users = ", ".join(stack.credentials.airflow_passwords)
            raise StackError(f"The stack's Airflow has no user {user!r}. Its users are: {users}.")
    if known is None:
        raise StackError(f"The password of {user} at {airflow} is not known. Put it into {PASSWORD_VARIABLE}.")
    return known


def _require(known: str | None, advice: str) -> str:
    if not known:
        raise StackError(f"{advice}, or start a stack on this machine (make up).")
    return known
