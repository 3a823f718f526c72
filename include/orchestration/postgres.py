"""The Astro SDK's Postgres database over the warehouse's Arrow path.

The SDK derives the class name from the module's (``…postgres`` → ``PostgresDatabase``), hence both.
``include.orchestration.astro_sdk`` registers this module; import it after that one.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal

from astro.databases.postgres import PostgresDatabase as SdkPostgresDatabase
from astro.exceptions import NonExistentTableException

from include.errors import WarehouseError
from include.governance.datasets import DatasetNames
from include.orchestration.connections import libpq_uri
from include.warehouse.arrow import IfExists, write_arrow
from include.warehouse.frames import from_frame, to_frame
from include.warehouse.names import TableName
from include.warehouse.table_files import keep_table, read_kept_table

if TYPE_CHECKING:
    import pandas as pd
    import sqlalchemy
    from astro.table import BaseTable


class PostgresDatabase(SdkPostgresDatabase):  # type: ignore[misc]
    """Loads and reads frames in one transaction each, types intact, frames without rows included.

    A frame replaces a table (``if_exists="replace"``) by dropping and creating it: what hangs on the old
    table, such as a view, makes the replacement fail and stay out.
    """

    @cached_property
    def sqlalchemy_engine(self) -> sqlalchemy.engine.Engine:
        """The hook's engine, committing each statement: the SDK was written for SQLAlchemy 1, which did."""
        engine: sqlalchemy.engine.Engine = self.hook.get_sqlalchemy_engine({"isolation_level": "AUTOCOMMIT"})
        return engine

    @cached_property
    def uri(self) -> str:
        """The connection as a plain libpq URI."""
        database = self.table.metadata.database if self.table else None
        return libpq_uri(self.hook.get_connection(self.conn_id), database or "")

    def load_pandas_dataframe_to_table(
        self,
        source_dataframe: pd.DataFrame,
        target_table: BaseTable,
        if_exists: IfExists = "replace",
        chunk_size: int = 0,  # noqa: ARG002 - part of the SDK's signature; Arrow streams in chunks of its own
    ) -> None:
        """Write a frame; the index is left out. One that replaces a table is kept for the tasks that read it next.

        Raises:
            WarehouseError: the rows do not fit, or the table declares columns; it is as it was.
        """
        if target_table.columns:
            raise WarehouseError(
                f"Table {target_table.name} declares columns, which a frame brings itself: leave `columns` out."
            )
        name = name_table(target_table)
        write_arrow(self.uri, name, from_frame(source_dataframe), if_exists)
        if if_exists == "replace":
            keep_table(self.uri, name)

    def export_table_to_pandas_dataframe(
        self, source_table: BaseTable, select_kwargs: dict[str, Any] | None = None
    ) -> pd.DataFrame:
        """Read a whole table (dtypes: see ``include.warehouse.frames.to_frame``).

        Raises:
            NonExistentTableException: there is no such table.
        """
        if select_kwargs:
            frame: pd.DataFrame = super().export_table_to_pandas_dataframe(source_table, select_kwargs)
            return frame
        table = read_kept_table(self.uri, name_table(source_table))
        if table is None:
            raise NonExistentTableException(f"The table {name_table(source_table)} does not exist")
        return to_frame(table)

    def merge_table(
        self,
        source_table: BaseTable,
        target_table: BaseTable,
        source_to_target_columns_map: dict[str, str],
        target_conflict_columns: list[str],
        if_conflicts: Literal["ignore", "update", "exception"] = "exception",
    ) -> None:
        """Insert the rows of one table into another; the SDK quotes with psycopg 2, whose connection is gone."""
        names = list(source_to_target_columns_map.values())
        updates = ", ".join(f'"{name}" = excluded."{name}"' for name in names)
        conflict = f"on conflict ({_quote(target_conflict_columns)})"
        endings = {"ignore": f"{conflict} do nothing", "update": f"{conflict} do update set {updates}", "exception": ""}
        self.run_sql(
            f"insert into {name_table(target_table).quoted} ({_quote(names)}) "
            f"select {_quote(source_to_target_columns_map)} from {name_table(source_table).quoted} "
            f"{endings[if_conflicts]}"
        )

    def openlineage_dataset_namespace(self) -> str:
        """``postgres://host:port``, as dbt names it."""
        return DatasetNames.from_uri(self.uri).namespace

    def openlineage_dataset_name(self, table: BaseTable) -> str:
        """``database.schema.table``, as dbt names it."""
        return DatasetNames.from_uri(self.uri).name_table(name_table(table))


def name_table(table: BaseTable) -> TableName:
    """The SDK's table as the warehouse names it; without a schema, in the SDK's default one.

    Raises:
        WarehouseError: its name is no plain lower-case identifier.
    """
    schema = table.metadata.schema or SdkPostgresDatabase.DEFAULT_SCHEMA
    return TableName(schema.lower(), table.name)


def _quote(columns: Iterable[str]) -> str:
    return ", ".join(f'"{column}"' for column in columns)
