"""The view of a model's newest scores, ``ml.<model>_latest_predictions``: the list of entities to act on."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from include.errors import WarehouseSchemaError
from include.features.catalog import Entity
from include.features.columns import LATEST_COLUMNS
from include.features.read import AS_OF
from include.warehouse.names import TableName, name_table, quote_column, quote_text
from include.warehouse.session import Session
from include.warehouse.tables import check_kind, read_column_types

_LOCK_CLASS: Final = 730_602


def ensure_latest_view(session: Session, model_name: str, entity: Entity) -> TableName:
    """Make the view if it is not there, or make it anew where it shows another table or other columns.

    It holds one row for each entity at the newest as-of date, scored by the version that scored that date last.

    Raises:
        WarehouseSchemaError: it should be made anew, and somebody's own view reads it.
    """
    view, table = name_table(model_name, "latest_predictions"), name_table(model_name, "predictions")
    columns = [AS_OF, *entity.key_names, *LATEST_COLUMNS]
    session.execute("select pg_advisory_xact_lock(%s, hashtext(%s))", (_LOCK_CLASS, str(view)))
    is_there = check_kind(session, view, "v")
    if is_there and _is_right(session, view, table, columns):
        return view
    if is_there:
        _drop(session, view)
    names = ", ".join(f"scores.{quote_column(name)}" for name in columns)
    newest = f"(select max({AS_OF}) from {table.quoted})"
    session.execute(
        f"create view {view.quoted} as select {names} from {table.quoted} as scores "
        f"where scores.{AS_OF} = {newest} and scores.model_version = (select last.model_version "
        f"from {table.quoted} as last where last.{AS_OF} = {newest} "
        "order by last.scored_at desc, last.model_version desc limit 1)"
    )
    _describe(session, view, f"The newest scores of {model_name}: a row for each entity.", LATEST_COLUMNS)
    return view


def _is_right(session: Session, view: TableName, table: TableName, columns: list[str]) -> bool:
    """Whether the view has the columns, and reads the table that has the name now."""
    reads = session.fetch_value(
        "select exists (select from pg_catalog.pg_depend as d "
        "join pg_catalog.pg_rewrite as r on r.oid = d.objid and d.classid = 'pg_rewrite'::regclass "
        "where r.ev_class = to_regclass(%s) and d.refobjid = to_regclass(%s))",
        (view.quoted, table.quoted),
    )
    return bool(reads) and list(read_column_types(session, view)) == columns


def _drop(session: Session, view: TableName) -> None:
    from psycopg.errors import DependentObjectsStillExist

    try:
        session.execute(f"drop view {view.quoted}")
    except DependentObjectsStillExist as error:
        raise WarehouseSchemaError(
            f"{view} has to be made anew, and other views read it: {error.diag.message_detail} Drop these, run again, "
            "and make them anew."
        ) from error


def _describe(session: Session, view: TableName, text: str, columns: Mapping[str, str]) -> None:
    session.execute(f"comment on view {view.quoted} is {quote_text(text)}")
    for name, told in columns.items():
        session.execute(f"comment on column {view.quoted}.{quote_column(name)} is {quote_text(told)}")
