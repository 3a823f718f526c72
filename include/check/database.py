"""Database: migrations, published tables, feature groups and labels as they are; it only reads."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress
from functools import partial
from typing import Any, Final

from include.check.finding import Finding, Reporter
from include.check.labels import check_model
from include.commands.console import list_some
from include.errors import OrreryError, SettingsError, StackError, WarehouseError, WarehouseSchemaError
from include.features.catalog import Catalog, FeatureGroup, LabelTable
from include.governance.connection import find_warehouse_uri
from include.ingestion.tables import compare_raw_table
from include.local.credentials import find_credentials
from include.local.home import resolve_home
from include.local.layout import Stack
from include.local.state import load_state
from include.settings.models import ModelSettings
from include.settings.source_base import SourceBase
from include.settings.sources import SourceSettings
from include.warehouse.migrate import check_migrated
from include.warehouse.session import open_session
from include.warehouse.tables import find_kind

_REPORT: Final = Reporter("database")
STATEMENT_TIMEOUT_S: Final = 5
_CONNECT_TIMEOUT_S: Final = 2
# A statement that took too long, and a table that another transaction holds.
_GIVEN_UP: Final = ("57014", "55P03")


def check_database(
    environment: Mapping[str, str],
    sources: SourceSettings | None,
    catalog: Catalog | None,
    models: Mapping[str, ModelSettings],
) -> Iterator[Finding]:
    """Look at the warehouse, if one can be reached.

    Args:
        environment: variables of the process.
        catalog: None where dbt's project cannot be read.
    """
    try:
        found = find_uri(environment)
    except SettingsError as error:
        yield _REPORT.fault("warehouse", str(error))
        return
    if found is None:
        remedy = "Start the stack (make up), or set ORRERY_WAREHOUSE_URI"
        yield _REPORT.note("warehouse", "not looked at: no stack runs here, and no warehouse is named", remedy)
        return
    uri = make_read_only(found)
    try:
        check_migrated(uri)
    except WarehouseSchemaError as error:
        yield _REPORT.fault("warehouse", str(error))
        return
    except WarehouseError as error:
        yield _REPORT.note("warehouse", f"not looked at: {error}")
        return
    yield _REPORT.fine("warehouse", "has every migration of this release")
    yield from _check_tables(uri, sources, catalog, models)


def find_uri(environment: Mapping[str, str]) -> str | None:
    """The warehouse that the environment names, else that of the stack that runs here, else None.

    Raises:
        SettingsError: a variable is set, but is no PostgreSQL connection.
    """
    named = find_warehouse_uri(environment)
    if named:
        return named
    home = resolve_home()
    with suppress(StackError, KeyError):
        ports, credentials = load_state(home).ports, find_credentials(home)
        if credentials is not None:
            stack = Stack(home, ports, credentials)
            return stack.uris.warehouse if stack.server.pid else None
    return None


def make_read_only(uri: str) -> str:
    """The same warehouse for a connection that cannot write, and whose statements end soon."""
    from psycopg.conninfo import conninfo_to_dict, make_conninfo

    limits = f"-c default_transaction_read_only=on -c statement_timeout={STATEMENT_TIMEOUT_S}s -c lock_timeout=1s"
    options = f"{conninfo_to_dict(uri).get('options') or ''} {limits}".strip()
    return make_conninfo(uri, options=options, connect_timeout=_CONNECT_TIMEOUT_S)


def _check_tables(
    uri: str, sources: SourceSettings | None, catalog: Catalog | None, models: Mapping[str, ModelSettings]
) -> Iterator[Finding]:
    for name, source in sources.sources.items() if sources else ():
        yield from _guard(f"raw.{name}", partial(_check_raw, uri, name, source))
    if catalog is None:
        return
    for group in catalog.groups.values():
        yield from _guard(str(group.table), partial(_check_rows, uri, group))
    for label in catalog.labels.values():
        yield from _guard(str(label.table), partial(_check_rows, uri, label))
        for column, kind in label.columns.items():
            if kind != "regression":
                yield from _guard(f"{label.name}.{column}", partial(_check_classes, uri, label, column))
    for model in models.values():
        yield from _guard(model.name, partial(check_model, uri, model, catalog))


def _guard(subject: str, check: Any) -> list[Finding]:
    """What a check finds; a table that is too large to be counted, or held by others, is no fault."""

    def run() -> Iterator[Finding]:
        try:
            yield from check()
        except Exception as error:
            cause = error.__cause__ if isinstance(error, OrreryError) and error.__cause__ else error
            if getattr(cause, "sqlstate", None) not in _GIVEN_UP:
                raise
            yield _REPORT.note(subject, f"not looked at: it took too long ({cause})")

    return _REPORT.guard(subject, run)


def _check_raw(uri: str, name: str, source: SourceBase) -> Iterator[Finding]:
    subject = f"raw.{name}"
    try:
        with open_session(uri) as session:
            found = compare_raw_table(session, name, source)
    except WarehouseSchemaError as error:
        yield _REPORT.fault(subject, str(error))
        return
    if found is None:
        yield _REPORT.note(subject, "is not there yet; the first run of ingest_sources makes it")
        return
    for problem in found.problems:
        remedy = f"Change the columns of {name!r} in sources.yml back, or alter the table to fit them"
        yield _REPORT.fault(subject, f"is not as sources.yml declares it: {problem}", remedy)
    if found.missing and not found.problems:
        yield _REPORT.note(subject, f"lacks {list_some(found.missing)}; the next run of ingest_sources adds it")
    if not found.missing and not found.problems:
        yield _REPORT.fine(subject, "is as declared")


def _check_rows(uri: str, table: FeatureGroup | LabelTable) -> Iterator[Finding]:
    """The table is there, has rows, and its as-of dates."""
    subject = str(table.table)
    with open_session(uri) as session:
        if find_kind(session, table.table) is None:
            yield _REPORT.note(subject, "is not there yet", "Run build_features, or make dbt ARGS=build")
            return
        row = session.fetch_one(
            f'select count(*) as rows, count(distinct "{table.event_time}") as dates, max("{table.event_time}") as '
            f"newest from {table.table.quoted}"
        )
    if row is None or not row["rows"]:
        yield _REPORT.note(subject, "has no rows", "Load the sources (ingest_sources), then run build_features")
        return
    yield _REPORT.fine(subject, f"{row['rows']} rows at {row['dates']} as-of date(s), the newest {row['newest']}")


def _check_classes(uri: str, label: LabelTable, column: str) -> Iterator[Finding]:
    """A label of one class teaches nothing."""
    with open_session(uri) as session:
        if find_kind(session, label.table) is None:
            return
        rows = session.fetch_all(
            f'select "{column}"::text as value, count(*) as rows from {label.table.quoted} '
            "group by 1 order by 2 desc, 1"
        )
    subject = f"{label.name}.{column}"
    counts = list_some(f"{row['rows']} {row['value']}" for row in rows)
    if len(rows) == 1:
        message = f"has one class only, {rows[0]['value']} in all of its {rows[0]['rows']} rows: training would stop"
        yield _REPORT.fault(subject, message, "Look at the label's dbt model, and at which days were delivered")
    elif rows:
        yield _REPORT.fine(subject, f"has {len(rows)} classes: {counts}")
