"""How tables are called in lineage, and what their columns are.

Every part of the project names a table the same way, as dbt does, so that the hops join:
namespace ``postgres://host:port``, name ``database.schema.table``
(OpenLineage naming: https://openlineage.io/docs/spec/naming).
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import unquote, urlsplit

from include.errors import WarehouseError
from include.warehouse.names import TableName
from include.warehouse.session import Session, open_session

if TYPE_CHECKING:
    from openlineage.client.event_v2 import InputDataset, OutputDataset
    from openlineage.client.facet_v2 import schema_dataset

log = logging.getLogger(__name__)

# Ignore the ledger's own table, or every event would produce another; the list of migrations, which is set-up; and the
# list of dbt's builds, by which they are fenced.
LISTENER_TABLES: Final = frozenset(
    TableName("governance", name)
    for name in (
        "lineage_events", "migrations", "dbt_builds", "notifications", "notification_deliveries", "notification_keys",
        "notification_outbox",
    )
)  # fmt: skip
_DEFAULT_PORT: Final = 5432


@dataclass(frozen=True)
class Column:
    """A column and its type in PostgreSQL's words, e.g. ``numeric(12,2)``."""

    name: str
    data_type: str


Columns = Mapping[TableName, tuple[Column, ...]]


@dataclass(frozen=True)
class DatasetNames:
    """Names of the datasets of one database."""

    host: str
    port: int
    database: str

    @classmethod
    def from_uri(cls, uri: str) -> DatasetNames:
        """The names that belong to ``postgresql://user:password@host:port/database``."""
        parts = urlsplit(uri)
        return cls(parts.hostname or "localhost", parts.port or _DEFAULT_PORT, unquote(parts.path.lstrip("/")))

    @property
    def namespace(self) -> str:
        """``postgres://host:port``."""
        return f"postgres://{self.host}:{self.port}"

    def name_table(self, table: TableName) -> str:
        """``database.schema.table``."""
        return f"{self.database}.{table}"


def keep_flow(tables: Iterable[TableName]) -> list[TableName]:
    """Leave out :data:`LISTENER_TABLES`, which are no part of the flow."""
    return [table for table in tables if table not in LISTENER_TABLES]


def read_columns(session: Session, tables: Iterable[TableName]) -> dict[TableName, tuple[Column, ...]]:
    """The columns, in order, of those of the tables and views that exist."""
    wanted = list(tables)
    rows = session.fetch_all(
        """
        select
            n.nspname as schema_name,
            c.relname as table_name,
            a.attname as column_name,
            format_type(a.atttypid, a.atttypmod) as data_type
        from unnest(%s::text[], %s::text[]) as wanted (schema_name, table_name)
        join pg_catalog.pg_namespace as n on n.nspname = wanted.schema_name
        join pg_catalog.pg_class as c on c.relnamespace = n.oid and c.relname = wanted.table_name
        join pg_catalog.pg_attribute as a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
        order by n.nspname, c.relname, a.attnum
        """,
        ([table.schema for table in wanted], [table.name for table in wanted]),
    )
    found: dict[TableName, tuple[Column, ...]] = {}
    for row in rows:
        table = TableName(row["schema_name"], row["table_name"])
        found[table] = (*found.get(table, ()), Column(row["column_name"], row["data_type"]))
    return found


def find_columns(uri: str, tables: Iterable[TableName]) -> dict[TableName, tuple[Column, ...]]:
    """:func:`read_columns` over a connection of its own; without the warehouse, nothing and a warning."""
    import psycopg

    try:
        with open_session(uri, connect_timeout_s=2) as session:
            return read_columns(session, tables)
    except (WarehouseError, psycopg.Error) as error:
        log.warning("Lineage goes without columns: %s", error)
        return {}


def build_inputs(names: DatasetNames, tables: Iterable[TableName], columns: Columns) -> list[InputDataset]:
    """Tables that were read, as OpenLineage datasets with a schema facet where columns are known."""
    from openlineage.client.event_v2 import InputDataset

    return [
        InputDataset(namespace=names.namespace, name=names.name_table(table), facets=_build_facets(columns.get(table)))
        for table in tables
    ]


def build_outputs(names: DatasetNames, tables: Iterable[TableName], columns: Columns) -> list[OutputDataset]:
    """Tables that were written, as OpenLineage datasets with a schema facet where columns are known."""
    from openlineage.client.event_v2 import OutputDataset

    return [
        OutputDataset(namespace=names.namespace, name=names.name_table(table), facets=_build_facets(columns.get(table)))
        for table in tables
    ]


def build_schema(columns: Iterable[Column]) -> schema_dataset.SchemaDatasetFacet:
    """Columns as OpenLineage's schema facet."""
    from openlineage.client.facet_v2 import schema_dataset

    return schema_dataset.SchemaDatasetFacet(
        fields=[schema_dataset.SchemaDatasetFacetFields(name=column.name, type=column.data_type) for column in columns]
    )


def _build_facets(columns: tuple[Column, ...] | None) -> dict[str, Any]:
    return {"schema": build_schema(columns)} if columns else {}
