"""Scores every entity with the champion, one partition of ``ml.<model>_predictions`` per as-of date."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from include.errors import ServingError, SourceError
from include.features.matrix import from_table
from include.features.read import read_as_of_dates, read_features
from include.registry.contract import ModelContract
from include.registry.files import fetch_onnx
from include.registry.ledger import require_version
from include.registry.onnx import OnnxModel
from include.rollout.state import read_rollout
from include.scoring.predictions import (
    build_rows,
    check_keys,
    ensure_predictions_table,
    find_dates_without,
    replace_predictions,
)
from include.warehouse.fence import check_fence, take_fence
from include.warehouse.session import Session, open_session

if TYPE_CHECKING:
    import pyarrow as pa


def score_entities(uri: str, tracking_uri: str, model_name: str, now: datetime | None = None) -> dict[str, Any]:
    """Score the newest as-of date, and every earlier one since the champion's test that has no scores yet.

    The days in between are filled in so that outcomes become known day by day. All partitions are
    replaced in one transaction, under a fence: of two workers at once, the later one publishes.

    Args:
        now: when the scores are made; the clock's time when absent.

    Returns:
        ``scored`` (rows), and with any rows ``model_version``, ``partitions``, ``first_as_of_date``
        and ``last_as_of_date`` (ISO), else ``reason``.

    Raises:
        RegistryError: the registry is away or does not hold the champion.
        SourceError: a feature or a table that the champion needs is gone, or its keys are not the champion's.
        ServingError: the champion's answers are no valid predictions; nothing was published.
        StaleWriterError: another worker started the same work later; nothing was published.
        WarehouseSchemaError: the table of predictions has other keys than the champion.
    """
    with open_session(uri) as session:
        rollout = read_rollout(session, model_name)
        if rollout is None:
            return {"scored": 0, "reason": f"model {model_name!r} has no champion yet"}
        fence = f"predictions.{model_name}"
        token = take_fence(session, fence)
        champion = require_version(session, model_name, rollout.champion_version)
    version = champion.version
    with tempfile.TemporaryDirectory() as folder:
        model = OnnxModel(fetch_onnx(tracking_uri, champion, Path(folder)))
    with open_session(uri) as session:
        dates = find_unscored_dates(session, model.contract, version)
    if not dates:
        return {"scored": 0, "reason": f"{model.contract.groups[0].table} holds no rows"}
    rows = score_days(uri, model, version, dates, now or datetime.now(UTC))
    with open_session(uri) as session:
        check_fence(session, fence, token)
        replace_predictions(session, model_name, version, dates, rows)
    return {
        "scored": rows.num_rows,
        "model_version": version,
        "partitions": len(dates),
        "first_as_of_date": dates[0].isoformat(),
        "last_as_of_date": dates[-1].isoformat(),
    }


def find_unscored_dates(session: Session, contract: ModelContract, version: int) -> list[date]:
    """As-of dates after the version's test without its scores, and the newest always; ascending.

    Raises:
        SourceError: the first group's table is gone.
    """
    from psycopg.errors import UndefinedColumn, UndefinedTable

    table = ensure_predictions_table(session, contract.model, contract.entity)
    try:
        dates = read_as_of_dates(session, contract.groups[0])
    except (UndefinedTable, UndefinedColumn) as error:
        raise SourceError(
            f"The feature group {contract.groups[0].name!r} is gone from {contract.groups[0].table}: {error}. "
            "Run the DAG build_features, or train and promote a model without it."
        ) from error
    later = [day for day in dates if day > contract.test_as_of_date]
    return sorted({*find_dates_without(session, table, version, later), *dates[-1:]})


def score_days(uri: str, model: OnnxModel, version: int, dates: Sequence[date], scored_at: datetime) -> pa.Table:
    """The rows of ``ml.<model>_predictions`` for each of the dates, in their order.

    One date is in memory at a time, besides the scores.

    Raises:
        SourceError: a table or a feature is gone, or a key is of another type.
        ServingError: an answer is no valid prediction.
    """
    import pyarrow as pa

    return pa.concat_tables([_score_day(uri, model, version, day, scored_at) for day in dates])


def _score_day(uri: str, model: OnnxModel, version: int, day: date, scored_at: datetime) -> pa.Table:
    contract = model.contract
    table = read_features(uri, contract.entity, contract.groups, contract.features, [day])
    check_keys(table, contract.entity, contract.groups[0].table)
    predictions = model.predict(from_table(table, contract.features))
    wrong = model.task.find_invalid(predictions)
    if wrong.any():
        raise ServingError(
            f"{contract.model} version {version} gave {predictions[wrong][0]} and {wrong.sum() - 1} more answers of "
            f"{wrong.size} on {day} that are no valid predictions; nothing was published. Roll it back with "
            f"{contract.model}.rollback_model."
        )
    return build_rows(table, model, predictions, version, scored_at)
