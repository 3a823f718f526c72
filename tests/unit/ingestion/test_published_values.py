"""What is published of a landed value, computed by PostgreSQL."""

from __future__ import annotations

from decimal import Decimal

import psycopg
import pytest

from include.ingestion.published_values import list_published_values
from include.servers.postgres import PostgresServer
from include.settings.sources import SourceSettings
from include.warehouse.session import open_session

SOURCE = SourceSettings.model_validate(
    {
        "sources": {
            "parts": {
                "kind": "files", "path": "{day}.csv", "format": "csv", "grain": "snapshot", "key": ["part_id"],
                "columns": {
                    "part_id": {"type": "int64"},
                    "Weight": {"type": "float64", "publish_as": "weight", "publish_type": "numeric(12, 2)"},
                    "size": {"type": "float64"},
                },
            }
        }
    }
).sources["parts"]  # fmt: skip


def publish(uri: str, number: str) -> Decimal:
    value = list_published_values(SOURCE)['"weight"']
    with open_session(uri) as session:
        found: Decimal = session.fetch_value(f'select {value} from (select {number}::float8 as "Weight") as landed')
    return found


def test_columns_have_their_published_names_and_types() -> None:
    assert list_published_values(SOURCE) == {
        '"part_id"': '"part_id"::bigint',
        '"weight"': '"Weight"::text::numeric(12, 2)',
        '"size"': '"size"::double precision',
    }


@pytest.mark.parametrize(
    ("number", "expected"),
    [
        ("2.675", "2.68"), ("-2.675", "-2.68"), ("0.125", "0.13"), ("1e-300", "0.00"), ("'-0'", "0.00"),
        ("9999999999.99", "9999999999.99"), ("0.1::float8 + 0.2", "0.30"),
        # Below the half by its last digit: with 15 digits it would be 1.005.
        ("1.0049999999999997", "1.00"),
    ],
)  # fmt: skip
def test_a_number_is_rounded_as_it_is_written(postgres: PostgresServer, number: str, expected: str) -> None:
    assert publish(postgres.uri(), number) == Decimal(expected)


def test_what_is_no_number_stays_none_and_what_is_too_large_is_refused(postgres: PostgresServer) -> None:
    assert publish(postgres.uri(), "'NaN'").is_nan()
    for number in ("1e300", "'Infinity'", "10000000000"):
        with pytest.raises(psycopg.errors.NumericValueOutOfRange):
            publish(postgres.uri(), number)
