"""Airflow's connections as plain URIs: nothing of a connection is lost or misread on the way."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from psycopg.conninfo import conninfo_to_dict

from include.errors import WarehouseError
from include.governance.connection import parse_airflow_connection
from include.governance.datasets import DatasetNames
from include.warehouse.arrow import read_arrow
from include.warehouse.session import open_session

SetConnection = Callable[..., str]
AWKWARD = "p@ss/w:o?r#d%20 +&=é"


@pytest.fixture
def put_warehouse(airflow_home: Path, monkeypatch: pytest.MonkeyPatch) -> SetConnection:
    """Sets the connection ``warehouse`` to these fields; gives it as text."""

    def put(**fields: Any) -> str:
        text = json.dumps({"conn_type": "postgres", "host": "db.example", "schema": "warehouse", **fields})
        monkeypatch.setenv("AIRFLOW_CONN_WAREHOUSE", text)
        return text

    return put


def list_uris(text: str) -> dict[str, str]:
    """The URI by each of the three ways that lead to it."""
    from astro.databases import create_database

    import include.orchestration.astro_sdk  # noqa: F401 - registers the database class
    from include.orchestration.connections import read_warehouse_uri

    return {
        "task": read_warehouse_uri(),
        "sdk": create_database("warehouse").uri,
        "shipper": parse_airflow_connection(text),
    }


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"login": "u", "password": "p", "port": 6432}, {"user": "u", "password": "p", "port": "6432"}),
        ({"login": "u", "password": "p"}, {"user": "u", "password": "p", "port": "5432"}),
        ({"login": "u"}, {"user": "u", "port": "5432"}),
        ({"login": "a@b", "password": AWKWARD}, {"user": "a@b", "password": AWKWARD, "port": "5432"}),
        ({"schema": "shop/2 #1?é"}, {"dbname": "shop/2 #1?é", "port": "5432"}),
        ({"extra": {"sslmode": "require"}}, {"sslmode": "require", "port": "5432"}),
        (
            {"extra": json.dumps({"sslmode": "verify-full", "sslrootcert": "/etc/my ca+1.pem"})},
            {"sslmode": "verify-full", "sslrootcert": "/etc/my ca+1.pem", "port": "5432"},
        ),
        (
            {"extra": {"connect_timeout": 3, "options": "-c work_mem=8MB"}},
            {"connect_timeout": "3", "options": "-c work_mem=8MB", "port": "5432"},
        ),
        ({"extra": {"cursor": "dictcursor", "iam": False, "sslcert": ""}}, {"port": "5432"}),
        ({"host": "::1"}, {"host": "::1", "port": "5432"}),
    ],
)
def test_libpq_reads_what_the_connection_says(
    put_warehouse: SetConnection, fields: dict[str, Any], expected: dict[str, str]
) -> None:
    uris = list_uris(put_warehouse(**fields))

    wanted = {"host": "db.example", "dbname": "warehouse", **expected}
    assert {way: conninfo_to_dict(uri) for way, uri in uris.items()} == dict.fromkeys(uris, wanted)


def test_encryption_that_is_required_is_insisted_on(put_warehouse: SetConnection, warehouse_uri: str) -> None:
    parts = conninfo_to_dict(warehouse_uri)
    fields = {"host": parts["host"], "port": int(parts["port"]), "schema": parts["dbname"]}
    fields |= {"login": parts["user"], "password": parts["password"]}

    for uri in list_uris(put_warehouse(**fields)).values():
        with open_session(uri) as session:
            assert session.fetch_value("select 1") == 1
    # The server of the tests speaks no SSL: whoever forgets the option would get in.
    for uri in list_uris(put_warehouse(**fields, extra={"sslmode": "require"})).values():
        with pytest.raises(WarehouseError, match="SSL"), open_session(uri):
            pass
        with pytest.raises(WarehouseError, match="SSL"):
            read_arrow(uri, "select 1")


def test_a_database_and_a_password_with_odd_characters_are_reached(
    put_warehouse: SetConnection, postgres: Any, warehouse_uri: str
) -> None:
    name = "shop/2 #1?é"
    postgres.create_database(name)
    with open_session(warehouse_uri) as session:
        session.execute("drop role if exists odd")
        session.execute(f"create role odd login superuser password '{AWKWARD}'")

    port = postgres.port
    for uri in list_uris(
        put_warehouse(host="127.0.0.1", port=port, schema=name, login="odd", password=AWKWARD)
    ).values():
        with open_session(uri) as session:
            assert session.fetch_one("select current_user::text, current_database()::text") == {
                "current_user": "odd",
                "current_database": name,
            }
        assert read_arrow(uri, "select current_database()::text as name").to_pylist() == [{"name": name}]
        assert DatasetNames.from_uri(uri) == DatasetNames("127.0.0.1", port, name)


def test_options_leave_the_names_of_lineage_alone(put_warehouse: SetConnection) -> None:
    for uri in list_uris(put_warehouse(extra={"sslmode": "require"})).values():
        assert DatasetNames.from_uri(uri) == DatasetNames("db.example", 5432, "warehouse")


def test_the_sdk_takes_the_table_s_database_where_the_connection_names_none(
    sdk: ModuleType, put_warehouse: SetConnection
) -> None:
    from astro.databases import create_database

    put_warehouse(schema="")
    table = sdk.Table("t", conn_id="warehouse", metadata=sdk.Metadata(schema="ml", database="other db"))

    assert conninfo_to_dict(create_database("warehouse", table).uri)["dbname"] == "other db"


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("http://mlflow.example:5000", "http://mlflow.example:5000"),
        ("http://mlflow.example:443/https", "https://mlflow.example:443"),
        ('{"conn_type": "http", "host": "https://mlflow.example"}', "https://mlflow.example"),
        ('{"conn_type": "http", "host": "mlflow.example"}', "http://mlflow.example"),
    ],
)
def test_an_http_connection_is_an_address(
    airflow_home: Path, monkeypatch: pytest.MonkeyPatch, text: str, address: str
) -> None:
    from include.orchestration.connections import mlflow_uri, model_server

    monkeypatch.setenv("AIRFLOW_CONN_MLFLOW", text)
    monkeypatch.setenv("AIRFLOW_CONN_MODEL_SERVER", text)

    assert mlflow_uri() == model_server().url == address
    assert model_server().headers == {}


def test_the_password_of_the_model_servers_connection_is_the_token(
    airflow_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from include.orchestration.connections import model_server

    monkeypatch.setenv("AIRFLOW_CONN_MODEL_SERVER", '{"conn_type": "http", "host": "server", "password": "a-token"}')

    assert model_server().url == "http://server"
    assert model_server().headers == {"Authorization": "Bearer a-token"}
    assert "a-token" not in repr(model_server())
