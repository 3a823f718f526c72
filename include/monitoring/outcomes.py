"""Joins what happened to what was predicted, as soon as it is known: ``ml.<model>_outcomes``."""

from __future__ import annotations

from datetime import date, datetime

from include.errors import SourceError
from include.features.catalog import SQL_TYPES
from include.features.read import AS_OF
from include.features.spec import ModelSpec
from include.tasks import TASKS
from include.warehouse.names import TableName, quote_column
from include.warehouse.partitions import ensure_day_partitions, ensure_partitioned_table
from include.warehouse.session import Session


def ensure_outcomes_table(session: Session, spec: ModelSpec) -> TableName:
    """Make the table of a model's outcomes if it is not there; ``outcome`` is the label as text.

    Raises:
        WarehouseSchemaError: the table that is there has other keys.
    """
    columns = {
        AS_OF: "date",
        **{key.name: SQL_TYPES[key.type] for key in spec.entity.keys},
        "outcome": "text",
        "known_at": "timestamptz",
    }
    ensure_partitioned_table(session, spec.outcomes_table, columns, [AS_OF, *spec.entity.key_names], AS_OF)
    return spec.outcomes_table


def record_outcomes(session: Session, spec: ModelSpec, known_at: datetime) -> int:
    """Copy the labels of every prediction whose label is known to the table of outcomes.

    An outcome that stands already keeps its time, unless a late row has changed the label itself.

    Returns:
        outcomes that are new or changed.

    Raises:
        SourceError: the label table, or a column of it, is gone.
        WarehouseSchemaError: the table of outcomes has other keys.
    """
    from psycopg.errors import UndefinedColumn, UndefinedTable

    table = ensure_outcomes_table(session, spec)
    try:
        days = find_labelled_days(session, spec)
    except (UndefinedTable, UndefinedColumn) as error:
        raise SourceError(
            f"The label table {spec.label.name!r} of {spec.name} cannot be read: {error}. Run the DAG build_features, "
            "or restore it in dbt/models."
        ) from error
    ensure_day_partitions(session, table, days)
    keys = ", ".join(map(quote_column, spec.entity.key_names))
    label_keys = ", ".join(f"labels.{quote_column(key)}" for key in spec.entity.key_names)
    return session.execute(
        f"""
        insert into {table.quoted} as outcomes ({AS_OF}, {keys}, outcome, known_at)
        select
            labels.{quote_column(spec.label.event_time)},
            {label_keys},
            labels.{quote_column(spec.label_column)}{TASKS[spec.task].outcome_sql},
            %s
        {_select_labelled(spec)}
        on conflict ({AS_OF}, {keys}) do update
        set
            outcome = excluded.outcome,
            known_at = excluded.known_at
        where outcomes.outcome <> excluded.outcome
        """,
        (known_at,),
    )


def find_labelled_days(session: Session, spec: ModelSpec) -> list[date]:
    """The as-of dates with a prediction whose label is known, ascending."""
    rows = session.fetch_all(
        f"select distinct labels.{quote_column(spec.label.event_time)} as {AS_OF} {_select_labelled(spec)} order by 1"
    )
    return [row[AS_OF] for row in rows]


def _select_labelled(spec: ModelSpec) -> str:
    """The labels, without null, of entities that a version of the model has predicted at that date."""
    pairs = [(AS_OF, spec.label.event_time), *((key, key) for key in spec.entity.key_names)]
    matches = " and ".join(
        f"predictions.{quote_column(predicted)} = labels.{quote_column(label)}" for predicted, label in pairs
    )
    return (
        f"from {spec.label.table.quoted} as labels where labels.{quote_column(spec.label_column)} is not null "
        f"and exists (select from {spec.predictions_table.quoted} as predictions where {matches})"
    )
