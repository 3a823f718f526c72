"""The Astro SDK on Airflow 3 and SQLAlchemy 2: ``dataframe``, ``Table``, ``Metadata``.

    from include.orchestration.astro_sdk import Metadata, Table, dataframe

    @dataframe(output_table=Table("training_set", conn_id="warehouse", metadata=Metadata(schema="ml")))
    def assemble(rows: pd.DataFrame, family: str = "logistic") -> pd.DataFrame: ...

astro-sdk-python 1.9.0 was released before both and needs, before its first import, two names that have
moved or gone, and one option that has no default any more. Its database class for Postgres is
replaced through its own registry. Where tasks run, Airflow must also be told that a Table may come
back out of XCom: ``AIRFLOW__CORE__ALLOWED_DESERIALIZATION_CLASSES='airflow.* astro.*'``.

The SDK's other operators (``astro.sql``) work over the same bridge once this module is imported.

Import it in DAG files that use it only: it brings pandas along.
"""

from __future__ import annotations

import functools
import importlib
import inspect
import os
import sys
import types
import typing
import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from include.governance.observed import describe_trace
from include.orchestration.connections import WAREHOUSE
from include.warehouse.trace import TableTrace, record_read, trace_tables


def _bridge_versions() -> None:
    """Put back what the SDK expects of older Airflow and SQLAlchemy versions."""
    import sqlalchemy.engine.row as rows

    os.environ.setdefault("AIRFLOW__CORE__ENABLE_XCOM_PICKLING", "False")
    sys.modules.setdefault("airflow.hooks.dbapi", importlib.import_module("airflow.providers.common.sql.hooks.sql"))
    if not hasattr(rows, "LegacyRow"):
        rows.LegacyRow = rows.Row  # type: ignore[attr-defined]


_bridge_versions()
with warnings.catch_warnings():
    # The SDK imports from Airflow 2's places, each with a warning about it in every task's log.
    warnings.simplefilter("ignore")
    from airflow.sdk.bases.decorator import task_decorator_factory
    from astro.databases import CONN_TYPE_TO_MODULE_PATH
    from astro.sql.operators.dataframe import DataframeOperator
    from astro.table import BaseTable, Metadata, Table

if TYPE_CHECKING:
    from airflow.providers.openlineage.extractors import OperatorLineage
    from airflow.sdk.bases.decorator import TaskDecorator

__all__ = ["Metadata", "Table", "WarehouseDataframeOperator", "dataframe"]

CONN_TYPE_TO_MODULE_PATH.update(dict.fromkeys(("postgres", "postgresql"), "include.orchestration.postgres"))


class WarehouseDataframeOperator(DataframeOperator):  # type: ignore[misc]
    """The SDK's dataframe operator, plus what its function read and wrote, as lineage.

    Differences from the SDK's: ``output_table`` may be given to the decorator as well as to the call;
    annotations may be strings (``from __future__ import annotations``) and unions with None;
    arguments with defaults may be left out; parameters named like a context key (``ti``, ``run_id`` …)
    are filled in, as in ``@task``; Tables are not turned into outlets, because the assets that connect
    the hops are named by hand (``include/assets.py``).

    Args:
        output_table: where the frame that the function returns goes; the task then returns this Table.
    """

    python_callable: Callable[..., Any]
    op_args: Sequence[Any]
    op_kwargs: Mapping[str, Any]

    def __init__(self, *, output_table: BaseTable | None = None, **kwargs: Any) -> None:
        kwargs.setdefault("outlets", [])
        super().__init__(**kwargs)
        self.output_table: BaseTable | None = self.output_table or output_table
        self.trace = TableTrace()

    def execute(self, context: Any) -> Any:
        """Load the Tables, call the function, store its frame; remember which tables all of it touched."""
        given = self.python_callable, self.op_args, self.op_kwargs
        with trace_tables() as self.trace:
            try:
                self.python_callable, self.op_kwargs = bind_call(*given, context)
                self.op_args = ()
                record_given_tables(self.op_kwargs)
                return super().execute(context)
            finally:
                self.python_callable, self.op_args, self.op_kwargs = given

    def get_openlineage_facets_on_complete(self, task_instance: Any) -> OperatorLineage:  # noqa: ARG002
        """Inputs and outputs as observed; OpenLineage asks for it after success and after failure."""
        from airflow.providers.openlineage.extractors import OperatorLineage

        from include.orchestration.postgres import PostgresDatabase

        uri = PostgresDatabase(self.conn_id or WAREHOUSE, table=self.output_table).uri
        inputs, outputs = describe_trace(self.trace, uri)
        return OperatorLineage(inputs=inputs, outputs=outputs, job_facets=self._describe_source())

    def _describe_source(self) -> dict[str, Any]:
        from openlineage.client.facet_v2 import source_code_job

        source = self.get_source_code(self.python_callable)
        return {"sourceCode": source_code_job.SourceCodeJobFacet("python", source)} if source else {}


def dataframe(
    python_callable: Callable[..., Any] | None = None, *, multiple_outputs: bool | None = None, **kwargs: Any
) -> TaskDecorator:
    """Decorate a function of frames: Tables in, a Table out (see :class:`WarehouseDataframeOperator`).

    Args:
        kwargs: ``output_table``, ``conn_id``, ``if_exists`` ("replace" or "append"), and whatever any
            Airflow operator takes.
    """
    return task_decorator_factory(
        python_callable=python_callable,
        multiple_outputs=multiple_outputs,
        decorated_operator_class=WarehouseDataframeOperator,
        **kwargs,
    )


def bind_call(
    function: Callable[..., Any], args: Sequence[Any], kwargs: Mapping[str, Any], context: Mapping[str, Any]
) -> tuple[Callable[..., Any], dict[str, Any]]:
    """A call in the form that the SDK can read: keyword arguments only, none missing, annotations resolved.

    Parameters that collect arguments (``*rest``, ``**options``) go through untouched, Tables included.

    Returns:
        a function with the same effect as ``function``, and the keyword arguments to call it with.
    """
    signature = inspect.signature(function)
    bound = signature.bind_partial(*args, **kwargs)
    collecting = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    named = {name: parameter for name, parameter in signature.parameters.items() if parameter.kind not in collecting}
    for name, parameter in named.items():
        filled = context.get(name, parameter.default)
        if name not in bound.arguments and filled is not parameter.empty:
            bound.arguments[name] = filled
    values = {name: bound.arguments[name] for name in named if name in bound.arguments}

    @functools.wraps(function)
    def call(**loaded: Any) -> Any:
        bound.arguments.update(loaded)
        return function(*bound.args, **bound.kwargs)

    call.__signature__ = inspect.Signature(  # type: ignore[attr-defined]
        [
            inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, annotation=_read_annotation(function, named[name]))
            for name in values
        ]
    )
    return call, values


def _read_annotation(function: Callable[..., Any], parameter: inspect.Parameter) -> Any:
    """``pandas.DataFrame`` where the parameter asks for a frame, ``Any`` elsewhere."""
    import pandas as pd

    # Where pandas is imported for type checking only, its usual names stand for it.
    known = {"pd": pd, "pandas": pd, "DataFrame": pd.DataFrame, **inspect.unwrap(function).__globals__}
    annotated = types.SimpleNamespace(__annotations__={"it": parameter.annotation})
    try:
        annotation = typing.get_type_hints(annotated, globalns=known)["it"]
    except (NameError, AttributeError, TypeError):
        return Any
    options = typing.get_args(annotation) or (annotation,)
    return pd.DataFrame if pd.DataFrame in options else Any


def record_given_tables(arguments: Mapping[str, Any]) -> None:
    """Report the Tables that a function was given as read, whether it asked for frames or not."""
    from include.orchestration.postgres import name_table

    for value in arguments.values():
        if isinstance(value, BaseTable):
            record_read(name_table(value))
