"""The SDK's database class over Arrow: names as dbt's, and whole tables or none."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pandas as pd
import pytest

from include.errors import WarehouseError
from include.governance.datasets import DatasetNames
from include.warehouse import table_files
from include.warehouse.session import open_session


@pytest.fixture
def database(sdk: ModuleType) -> Any:
    from astro.databases import create_database

    return create_database("warehouse")


@pytest.fixture
def table(sdk: ModuleType) -> Any:
    return sdk.Table("t", conn_id="warehouse", metadata=sdk.Metadata(schema="ml"))


def test_the_sdk_finds_the_class_by_the_connection_type(database: Any) -> None:
    assert type(database).__module__ == "include.orchestration.postgres"


def test_a_frame_is_loaded_and_exported(database: Any, table: Any) -> None:
    frame = pd.DataFrame({"id": [1, 2], "day": [date(2017, 1, 1), None]})

    database.load_pandas_dataframe_to_table(frame, table)

    assert database.table_exists(table)
    assert database.row_count(table) == 2
    pd.testing.assert_frame_equal(database.export_table_to_pandas_dataframe(table), frame)


def test_a_frame_that_was_written_is_not_fetched_again(
    database: Any, table: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    frame = pd.DataFrame({"id": [1, 2]})
    database.load_pandas_dataframe_to_table(frame, table)

    def refuse(*_: object) -> None:
        raise AssertionError("the table was fetched")

    monkeypatch.setattr(table_files, "read_table", refuse)

    pd.testing.assert_frame_equal(database.export_table_to_pandas_dataframe(table), frame)


def test_replace_and_append(database: Any, table: Any) -> None:
    for number, if_exists in [(1, "replace"), (2, "replace"), (3, "append")]:
        database.load_pandas_dataframe_to_table(pd.DataFrame({"n": [number]}), table, if_exists)

    assert database.export_table_to_pandas_dataframe(table)["n"].tolist() == [2, 3]


def test_statements_of_the_sdk_itself_are_committed(database: Any, table: Any, warehouse_uri: str) -> None:
    database.create_schema_if_applicable("scratch")
    database.run_sql("create table scratch.t as select 1 as a")

    with open_session(warehouse_uri) as session:
        assert session.fetch_value("select a from scratch.t") == 1


def test_a_table_that_does_not_exist_is_named(database: Any, table: Any) -> None:
    from astro.exceptions import NonExistentTableException

    with pytest.raises(NonExistentTableException, match=r"ml\.t"):
        database.export_table_to_pandas_dataframe(table)


def test_declared_columns_are_refused_rather_than_ignored(sdk: ModuleType, database: Any) -> None:
    from sqlalchemy import Column, Integer

    table = sdk.Table("t", "warehouse", sdk.Metadata(schema="ml"), columns=[Column("n", Integer)])

    with pytest.raises(WarehouseError, match="declares columns"):
        database.load_pandas_dataframe_to_table(pd.DataFrame({"n": [1]}), table)


def test_lineage_names_a_table_as_dbt_does(database: Any, table: Any, warehouse_uri: str) -> None:
    names = DatasetNames.from_uri(warehouse_uri)

    assert table.openlineage_dataset_namespace() == names.namespace
    assert table.openlineage_dataset_name() == f"{names.database}.ml.t"
    assert table.openlineage_dataset_uri() == f"{names.namespace}/{names.database}.ml.t"


def test_the_sdk_s_other_operators_work_over_the_same_bridge(sdk: ModuleType, database: Any, tmp_path: Path) -> None:
    from astro import sql as aql
    from astro.files import File

    def make(name: str) -> Any:
        return sdk.Table(name, conn_id="warehouse", metadata=sdk.Metadata(schema="ml"))

    def run(task: Any) -> Any:
        return task.operator.execute({"ti": SimpleNamespace(xcom_push=lambda **_: None)})

    @aql.transform(conn_id="warehouse")
    def upper(loaded: Any) -> str:
        return "select id, upper(name) as name from {{ loaded }}"

    (tmp_path / "rows.csv").write_text("id,name\n1,a\n2,b\n")
    run(aql.load_file(File(str(tmp_path / "rows.csv")), output_table=make("loaded")))
    run(upper(make("loaded"), output_table=make("upper")))
    database.run_sql("create table ml.merged (id bigint primary key, name text)")
    database.run_sql("insert into ml.merged values (1, 'old')")
    run(
        aql.merge(
            target_table=make("merged"), source_table=make("upper"), columns=["id", "name"],
            target_conflict_columns=["id"], if_conflicts="update",
        )
    )  # fmt: skip

    assert database.export_table_to_pandas_dataframe(make("merged")).to_dict("list") == {
        "id": [1, 2],
        "name": ["A", "B"],
    }


@pytest.mark.parametrize(("if_conflicts", "names"), [("ignore", ["old", "b"]), ("update", ["a", "b"])])
def test_merge_settles_conflicts_as_asked(
    sdk: ModuleType, database: Any, table: Any, if_conflicts: Any, names: list[str]
) -> None:
    target = sdk.Table("target", conn_id="warehouse", metadata=sdk.Metadata(schema="ml"))
    database.load_pandas_dataframe_to_table(pd.DataFrame({"key": [1, 2], "label": ["a", "b"]}), table)
    database.run_sql("create table ml.target (id bigint primary key, name text)")
    database.run_sql("insert into ml.target values (1, 'old')")

    database.merge_table(table, target, {"key": "id", "label": "name"}, ["id"], if_conflicts)

    assert database.export_table_to_pandas_dataframe(target)["name"].tolist() == names
