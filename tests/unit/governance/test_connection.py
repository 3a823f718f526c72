"""The warehouse's address out of the environment, in every form in which Airflow takes it."""

from __future__ import annotations

import json

import pytest

from include.errors import SettingsError
from include.governance.connection import find_warehouse_uri, parse_airflow_connection

URI = "postgresql://user:p%40ss%2Fword@db.example:6432/warehouse"


@pytest.mark.parametrize(
    ("text", "uri"),
    [
        ("postgres://user:p%40ss%2Fword@db.example:6432/warehouse", URI),
        (URI, URI),
        ("postgres://u:p@h/w", "postgresql://u:p@h:5432/w"),
        ("postgres://u:p@h/w?sslmode=require&cursor=x", "postgresql://u:p@h:5432/w?sslmode=require"),
        (
            "postgres://u:p@h/w?__extra__=%7B%22sslmode%22%3A+%22require%22%7D",
            "postgresql://u:p@h:5432/w?sslmode=require",
        ),
        (
            json.dumps(
                {
                    "conn_type": "postgres", "login": "user", "password": "p@ss/word", "host": "db.example",
                    "port": 6432, "schema": "warehouse", "extra": {"cursor": "x"},
                }
            ),
            URI,
        ),
        (
            json.dumps(
                {
                    "conn_type": "postgres", "login": "u", "password": "p", "host": "h", "schema": "w",
                    "extra": '{"sslmode": "require"}',
                }
            ),
            "postgresql://u:p@h:5432/w?sslmode=require",
        ),
    ],
)  # fmt: skip
def test_a_connection_is_read(text: str, uri: str) -> None:
    assert parse_airflow_connection(text) == uri


def test_the_own_variable_goes_before_the_connection() -> None:
    assert find_warehouse_uri({"ORRERY_WAREHOUSE_URI": URI, "AIRFLOW_CONN_WAREHOUSE": "mysql://h"}) == URI
    assert find_warehouse_uri({"AIRFLOW_CONN_WAREHOUSE": URI}) == URI
    assert find_warehouse_uri({}) is None


@pytest.mark.parametrize("text", ["mysql://u:p@h/w", "{", '{"conn_type": "http"}', "postgres://u:p@h:port/w", "{}"])
def test_what_is_no_postgres_connection_is_refused(text: str) -> None:
    with pytest.raises(SettingsError, match="AIRFLOW_CONN_WAREHOUSE"):
        parse_airflow_connection(text)
