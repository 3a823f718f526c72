"""The systems that the example's data comes from, as parts of the stack of `make up`: an API, a bucket, a database.

They are served from the source files by :mod:`include.example.system_server`. ``local_systems`` in sources.yml
names this module.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from include.errors import StackError
from include.example.system_server import DATABASE, SECRET_VARIABLE
from include.local.components import Component, run_module
from include.local.layout import Stack
from include.servers.ports import HOST

PORTS: Final = {"shop-api": 18090, "shop-bucket": 18091}


def find_secret(stack: Stack) -> str:
    """The API's token and the bucket's secret key: the password of the stack's databases, so that there is one."""
    return stack.credentials.postgres_password


def build_components(stack: Stack, environment: Mapping[str, str]) -> list[Component]:
    """One process serves all of them; it is healthy when the files that are there have been taken in."""
    api, bucket = (str(stack.ports[name]) for name in PORTS)
    command = run_module("include.example.system_server", "--host", HOST, "--api-port", api, "--bucket-port", bucket)
    address = find_api(stack)
    return [
        Component(
            "shop-systems", command, {**environment, SECRET_VARIABLE: find_secret(stack)}, (f"{address}/health",),
            address=address, needs=("databases",),
        )
    ]  # fmt: skip


def list_connections(stack: Stack) -> dict[str, dict[str, Any]]:
    """The Airflow connections by which the sources are read."""
    secret = find_secret(stack)
    return {
        "shop_api": {
            "conn_type": "http", "host": HOST, "port": stack.ports["shop-api"], "schema": "http", "password": secret,
        },
        "shop_bucket": {
            "conn_type": "aws", "host": HOST, "port": stack.ports["shop-bucket"], "schema": "http", "login": "shop",
            "password": secret, "extra": {"region_name": "us-east-1"},
        },
        "shop_database": {
            "conn_type": "postgres", "host": HOST, "port": stack.ports["postgres"], "schema": DATABASE,
            "login": "postgres", "password": stack.credentials.postgres_password,
        },
    }  # fmt: skip


def take_in(stack: Stack) -> None:
    """Let the systems of a running stack take in the files as they are now.

    Raises:
        StackError: they are away, or refuse.
    """
    import httpx

    headers = {"Authorization": f"Bearer {find_secret(stack)}"}
    try:
        httpx.post(f"{find_api(stack)}/take-in", headers=headers, timeout=60, trust_env=False).raise_for_status()
    except httpx.HTTPError as error:
        raise StackError(
            f"The files are written, but the shop's systems did not take them in: {error!r}. See: "
            "make logs ARGS=shop-systems; then write the files again, or restart the stack (make down up)."
        ) from error


def find_api(stack: Stack) -> str:
    """The address of the API."""
    return f"http://{HOST}:{stack.ports['shop-api']}"
