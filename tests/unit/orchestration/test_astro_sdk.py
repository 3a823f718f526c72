"""Dataframe tasks: Tables in, Tables out, and the lineage of both."""

from __future__ import annotations

import inspect
from datetime import date
from decimal import Decimal
from types import ModuleType
from typing import Any

import pandas
import pandas as pd
import pytest

from include.errors import WarehouseError
from include.warehouse.arrow import read_table, write_arrow
from include.warehouse.frames import from_frame, to_frame

SALES = pd.DataFrame({"household_id": [1, 2], "spend": [Decimal("2.50"), None], "day": [date(2017, 1, 1), None]})


@pytest.fixture
def sales(sdk: ModuleType, warehouse_uri: str) -> Any:
    write_arrow(warehouse_uri, "raw.sales", from_frame(SALES), "replace")
    return sdk.Table("sales", conn_id="warehouse", metadata=sdk.Metadata(schema="raw"))


@pytest.fixture
def result(sdk: ModuleType) -> Any:
    return sdk.Table("result", conn_id="warehouse", metadata=sdk.Metadata(schema="ml"))


def run(task: Any, context: dict[str, Any] | None = None) -> Any:
    return task.operator.execute(context or {})


def list_names(datasets: list[Any]) -> list[str]:
    return [dataset.name.split(".", 1)[1] for dataset in datasets]


def test_a_table_comes_as_a_frame_and_a_frame_goes_as_a_table(
    sdk: ModuleType, sales: Any, result: Any, warehouse_uri: str
) -> None:
    @sdk.dataframe(output_table=result)
    def double(frame: pd.DataFrame) -> pd.DataFrame:
        return frame.assign(household_id=frame["household_id"] * 2)

    returned = run(double(sales))

    assert (returned.metadata.schema, returned.name) == ("ml", "result")
    stored = to_frame(read_table(warehouse_uri, "ml.result"))
    pd.testing.assert_frame_equal(stored, SALES.assign(household_id=[2, 4]))


def test_a_table_in_and_a_dictionary_out(sdk: ModuleType, sales: Any) -> None:
    @sdk.dataframe
    def count(frame: pd.DataFrame) -> dict[str, int]:
        return {"rows": len(frame)}

    assert run(count(sales)) == {"rows": 2}


def test_no_table_in_and_a_table_out(sdk: ModuleType, result: Any, warehouse_uri: str) -> None:
    @sdk.dataframe(output_table=result)
    def make() -> pd.DataFrame:
        return pd.DataFrame({"n": [1]})

    run(make())

    assert read_table(warehouse_uri, "ml.result")["n"].to_pylist() == [1]


def test_neither_table_in_nor_table_out(sdk: ModuleType) -> None:
    @sdk.dataframe
    def add(a: int, b: int = 2) -> int:
        return a + b

    assert run(add(1)) == 3


def test_the_output_may_be_given_with_the_call(sdk: ModuleType, result: Any, warehouse_uri: str) -> None:
    @sdk.dataframe
    def make() -> pd.DataFrame:
        return pd.DataFrame({"n": [1]})

    run(make(output_table=result))

    assert read_table(warehouse_uri, "ml.result").num_rows == 1


def test_a_frame_without_rows_is_a_table_without_rows(sdk: ModuleType, result: Any, warehouse_uri: str) -> None:
    @sdk.dataframe(output_table=result)
    def make() -> pd.DataFrame:
        return pd.DataFrame({"n": pd.Series([], dtype="int64")})

    run(make())

    assert read_table(warehouse_uri, "ml.result").num_rows == 0


def test_append_keeps_what_is_there(sdk: ModuleType, result: Any, warehouse_uri: str) -> None:
    @sdk.dataframe(output_table=result, if_exists="append")
    def make(n: int) -> pd.DataFrame:
        return pd.DataFrame({"n": [n]})

    run(make(1))
    run(make(2))

    assert read_table(warehouse_uri, "ml.result")["n"].to_pylist() == [1, 2]


def test_a_replacement_that_is_refused_leaves_the_old_table(sdk: ModuleType, result: Any, warehouse_uri: str) -> None:
    @sdk.dataframe(output_table=result)
    def make(text: str) -> pd.DataFrame:
        return pd.DataFrame({"text": [text]})

    run(make("old"))
    with pytest.raises(WarehouseError):
        run(make("no text with a \0 in PostgreSQL"))

    assert read_table(warehouse_uri, "ml.result")["text"].to_pylist() == ["old"]


def test_what_is_no_frame_does_not_become_a_table(sdk: ModuleType, result: Any) -> None:
    @sdk.dataframe(output_table=result)
    def make() -> int:
        return 1

    with pytest.raises(ValueError, match="single dataframe"):
        run(make())


def test_annotations_are_understood_in_every_spelling(sdk: ModuleType, sales: Any) -> None:
    def by_alias(frame: pd.DataFrame) -> str:
        return type(frame).__name__

    def by_module(frame: pandas.DataFrame) -> str:
        return type(frame).__name__

    def optional(frame: pd.DataFrame | None = None) -> str:
        return type(frame).__name__

    def as_a_table(table: Any) -> str:
        return type(table).__name__

    def unannotated(table):  # type: ignore[no-untyped-def]
        return type(table).__name__

    functions = (by_alias, by_module, optional, as_a_table, unannotated)
    seen = {function.__name__: run(sdk.dataframe(function)(sales)) for function in functions}

    assert seen == {
        "by_alias": "DataFrame",
        "by_module": "DataFrame",
        "optional": "DataFrame",
        "as_a_table": "Table",
        "unannotated": "Table",
    }


def test_a_name_imported_for_type_checking_only_is_found(sdk: ModuleType) -> None:
    namespace: dict[str, Any] = {}
    source = "from __future__ import annotations\ndef f(frame: pd.DataFrame, other: Unheard, n: int = 0): ..."
    exec(source, namespace)

    call, values = sdk.bind_call(namespace["f"], (1, 2), {}, {})

    annotations = {name: p.annotation for name, p in inspect.signature(call).parameters.items()}
    assert annotations == {"frame": pd.DataFrame, "other": Any, "n": Any}
    assert values == {"frame": 1, "other": 2, "n": 0}


def test_defaults_context_and_collected_arguments_reach_the_function(sdk: ModuleType, sales: Any) -> None:
    @sdk.dataframe
    def describe(frame: pd.DataFrame, *rest: int, family: str = "logistic", run_id: Any = None, **options: int) -> Any:
        return [len(frame), rest, family, run_id, options]

    task = describe(sales, 7, depth=3)

    assert run(task, {"run_id": "manual__1"}) == [2, (7,), "logistic", "manual__1", {"depth": 3}]


def test_a_missing_argument_is_an_error(sdk: ModuleType) -> None:
    def needs(a: int) -> int:
        return a

    call, values = sdk.bind_call(needs, (), {}, {})

    with pytest.raises(TypeError, match="'a'"):
        call(**values)


def test_a_task_can_run_twice(sdk: ModuleType, sales: Any) -> None:
    @sdk.dataframe
    def count(frame: pd.DataFrame) -> int:
        return len(frame)

    task = count(sales)

    assert [run(task), run(task)] == [2, 2]


def test_lineage_names_what_was_read_and_written_with_columns(
    sdk: ModuleType, sales: Any, result: Any, warehouse_uri: str
) -> None:
    from include.warehouse.session import open_session

    @sdk.dataframe(output_table=result)
    def join(frame: pd.DataFrame) -> pd.DataFrame:
        with open_session(warehouse_uri) as session:
            session.execute("select 1 from raw.partitions")
            session.execute("insert into governance.migrations (name) values ('x')")
        return frame

    task = join(sales)
    run(task)
    lineage = task.operator.get_openlineage_facets_on_complete(None)

    assert list_names(lineage.inputs) == ["raw.sales", "raw.partitions"]
    assert list_names(lineage.outputs) == ["ml.result"]
    assert {dataset.namespace for dataset in (*lineage.inputs, *lineage.outputs)} == {
        sales.openlineage_dataset_namespace()
    }
    fields = lineage.outputs[0].facets["schema"].fields
    assert [(field.name, field.type) for field in fields] == [
        ("household_id", "bigint"), ("spend", "numeric"), ("day", "date"),
    ]  # fmt: skip
    assert "def join" in lineage.job_facets["sourceCode"].sourceCode


def test_a_table_passed_on_as_a_table_is_an_input_too(sdk: ModuleType, sales: Any) -> None:
    @sdk.dataframe
    def pass_on(table: Any) -> str:
        return str(table.name)

    task = pass_on(sales)
    run(task)

    assert list_names(task.operator.get_openlineage_facets_on_complete(None).inputs) == ["raw.sales"]


def test_a_task_that_fails_still_says_what_it_read(sdk: ModuleType, sales: Any, result: Any) -> None:
    @sdk.dataframe(output_table=result)
    def fail(frame: pd.DataFrame) -> pd.DataFrame:
        raise RuntimeError(len(frame))

    task = fail(sales)
    with pytest.raises(RuntimeError):
        run(task)
    lineage = task.operator.get_openlineage_facets_on_complete(None)

    assert list_names(lineage.inputs) == ["raw.sales"]
    assert lineage.outputs == []


def test_without_the_warehouse_lineage_goes_without_columns(
    sdk: ModuleType, sales: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    @sdk.dataframe
    def count(frame: pd.DataFrame) -> int:
        return len(frame)

    task = count(sales)
    run(task)
    monkeypatch.setenv("AIRFLOW_CONN_WAREHOUSE", "postgresql://nobody:x@127.0.0.1:1/gone")
    lineage = task.operator.get_openlineage_facets_on_complete(None)

    assert [dataset.name for dataset in lineage.inputs] == ["gone.raw.sales"]
    assert lineage.inputs[0].facets == {}


def test_a_table_is_no_outlet(sdk: ModuleType, result: Any) -> None:
    @sdk.dataframe(output_table=result)
    def make() -> pd.DataFrame:
        return pd.DataFrame({"n": [1]})

    assert make().operator.outlets == []
