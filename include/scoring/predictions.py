"""A model's table of scores, ``ml.<model>_predictions``: its columns, and how they are replaced."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import date, datetime
from typing import TYPE_CHECKING, Any, Final

from include.errors import SourceError
from include.features.catalog import SQL_TYPES, Entity
from include.features.read import AS_OF
from include.registry.onnx import OnnxModel
from include.warehouse.names import TableName, name_table, quote_column
from include.warehouse.partitions import ensure_partitioned_table
from include.warehouse.session import Session

if TYPE_CHECKING:
    import pyarrow as pa

    from include.tasks.task import Floats

_CHUNK_ROWS: Final = 1 << 16


def ensure_predictions_table(session: Session, model_name: str, entity: Entity) -> TableName:
    """Make the table of a model's scores if it is not there, and add the columns that are new.

    ``prediction`` is one number for each task; ``scores`` are the probabilities of all classes, where there are
    several; ``decision`` is the answer as text. ``reasons`` are the features that moved the score, as
    ``include.explanations.reasons`` has them; null where none were asked for.

    Raises:
        WarehouseSchemaError: the table that is there has other keys.
    """
    table = name_table(model_name, "predictions")
    columns = {
        AS_OF: "date",
        **{key.name: SQL_TYPES[key.type] for key in entity.keys},
        "model_version": "integer",
        "prediction": "double precision",
        "decision": "text",
        "scores": "double precision[]",
        "scored_at": "timestamptz",
        "reasons": "jsonb",
    }
    ensure_partitioned_table(session, table, columns, [AS_OF, *entity.key_names, "model_version"], AS_OF)
    return table


def find_dates_without(session: Session, table: TableName, version: int, dates: Sequence[date]) -> list[date]:
    """Those of the dates for which a version has no scores."""
    rows = session.fetch_all(
        f"select day from unnest(%s::date[]) as day where not exists (select from {table.quoted} as predictions "
        f"where predictions.{AS_OF} = day and predictions.model_version = %s) order by day",
        (list(dates), version),
    )
    return [row["day"] for row in rows]


def check_keys(table: pa.Table, entity: Entity, name: TableName) -> None:
    """Refuse rows whose keys are null or of other types than the model's.

    Raises:
        SourceError: names the key, its type and the type that the model has.
    """
    for key in entity.keys:
        column = table.column(key.name)
        if not _key_checks()[key.type](column.type):
            raise SourceError(
                f"Key {key.name!r} of {name} is {column.type}; the champion was trained with {key.type}. Restore the "
                "type in dbt/models, or train and promote a model with the new one."
            )
        if column.null_count:
            raise SourceError(
                f"Key {key.name!r} of {name} is null in {column.null_count} rows. Leave such rows out in dbt/models."
            )


def _key_checks() -> dict[str, Callable[[Any], bool]]:
    import pyarrow as pa

    return {
        "integer": pa.types.is_integer,
        "text": lambda kind: pa.types.is_string(kind) or pa.types.is_large_string(kind),
        "date": pa.types.is_date,
        "uuid": lambda kind: getattr(kind, "extension_name", "") == "arrow.uuid",
    }


def build_rows(
    table: pa.Table, model: OnnxModel, predictions: Floats, reasons: Sequence[str] | None, version: int,
    scored_at: datetime,
) -> pa.Table:  # fmt: skip
    """The rows of one block, in the types of CSV.

    Args:
        table: has ``as_of_date`` and the keys.
        predictions: of its rows.
        reasons: of its rows, as JSON text; None for none.
    """
    import pyarrow as pa

    size = table.num_rows
    keys = {name: _to_csv_type(table.column(name)) for name in (AS_OF, *model.contract.entity.key_names)}
    return pa.table(
        {
            **keys,
            "model_version": pa.repeat(pa.scalar(version, pa.int32()), size),
            "prediction": pa.array(model.task.summarise(predictions), pa.float64()),
            "decision": pa.array(model.task.decide(predictions, model.contract.decision), pa.string()),
            "scores": _format_scores(predictions),
            "scored_at": pa.repeat(pa.scalar(scored_at.isoformat()), size),
            "reasons": pa.nulls(size, pa.string()) if reasons is None else pa.array(reasons, pa.string()),
        }
    )


def _to_csv_type(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """UUIDs as 32 hexadecimal digits, which PostgreSQL reads; anything else as it is."""
    import pyarrow as pa

    if not isinstance(column.type, pa.BaseExtensionType):
        return column
    digits = b"".join(value for chunk in column.chunks for value in chunk.storage.to_pylist()).hex()
    return pa.chunked_array([pa.array([digits[at : at + 32] for at in range(0, len(digits), 32)], pa.string())])


def _format_scores(predictions: Floats) -> pa.Array:
    """Rows of several probabilities as PostgreSQL's arrays, such as ``{0.1,0.9}``; null where there is one number."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    if predictions.ndim == 1:
        return pa.nulls(len(predictions), pa.string())
    values = np.clip(predictions.astype(np.float64), 0.0, 1.0)
    texts = [pc.cast(pa.array(values[:, index]), pa.string()) for index in range(values.shape[1])]
    return pc.binary_join_element_wise("{", pc.binary_join_element_wise(*texts, ","), "}", "")


def clear_predictions(session: Session, model_name: str, version: int, dates: Sequence[date]) -> None:
    """Delete a version's scores of the given dates; the partitions of the dates are there."""
    table = name_table(model_name, "predictions")
    session.execute(
        f"delete from {table.quoted} where model_version = %s and {AS_OF} = any(%s)", (version, list(dates))
    )


def add_predictions(session: Session, model_name: str, rows: pa.Table) -> int:
    """Add scores; the number of rows.

    Args:
        rows: of :func:`build_rows`.

    Raises:
        SourceError: an entity stands twice at one date.
    """
    from psycopg.errors import UniqueViolation

    table = name_table(model_name, "predictions")
    columns = ", ".join(quote_column(name) for name in rows.column_names)
    try:
        return session.copy_in(f"copy {table.quoted} ({columns}) from stdin (format csv)", _to_csv(rows))
    except UniqueViolation as error:
        raise SourceError(
            f"The features of {model_name} hold an entity twice at one date: {error.diag.message_detail} Make the "
            "keys and the event time unique in dbt/models; nothing was published."
        ) from error


def _to_csv(rows: pa.Table) -> Iterator[bytes]:
    import pyarrow as pa
    from pyarrow import csv

    options = csv.WriteOptions(include_header=False)
    for batch in rows.to_batches(max_chunksize=_CHUNK_ROWS):
        sink = pa.BufferOutputStream()
        csv.write_csv(batch, sink, options)
        yield sink.getvalue().to_pybytes()
