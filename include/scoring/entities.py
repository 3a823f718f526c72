"""Scores every entity with the champion, one partition of ``ml.<model>_predictions`` per as-of date, and says why."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import closing
from datetime import UTC, date, datetime
from itertools import chain, islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from include.errors import SourceError
from include.features.read import read_as_of_dates
from include.registry.contract import ModelContract
from include.registry.files import fetch_onnx
from include.registry.ledger import require_version
from include.registry.onnx import OnnxModel
from include.rollout.state import read_rollout
from include.scoring.latest import ensure_latest_view
from include.scoring.predictions import (
    add_predictions,
    clear_predictions,
    ensure_predictions_table,
    find_dates_without,
)
from include.scoring.scorer import Scorer
from include.settings.scoring import ScoringSettings
from include.warehouse.ahead import iterate_ahead
from include.warehouse.fence import check_fence, peek_fence, take_fence
from include.warehouse.names import name_table
from include.warehouse.partitions import ensure_day_partitions
from include.warehouse.session import Session, limit_idleness, open_session

if TYPE_CHECKING:
    import pyarrow as pa


def score_entities(
    uri: str, tracking_uri: str, model_name: str, now: datetime | None = None, settings: ScoringSettings | None = None
) -> dict[str, Any]:
    """Score the newest as-of date, and every earlier one since the champion's test that has no scores yet.

    The days in between are filled in so that outcomes become known day by day. All partitions are
    replaced in one transaction, under a fence: of two workers at once, the later one publishes. Memory holds a few
    blocks of entities, whatever their number. Scores have no reasons yet (:func:`explain_scores`).

    Args:
        now: when the scores are made; the clock's time when absent.
        settings: the model's; the defaults when absent.

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
    scoring = (settings or ScoringSettings()).model_copy(update={"reasons": 0})
    return _score(uri, tracking_uri, model_name, now, scoring, is_newest_alone=False)


def explain_scores(
    uri: str, tracking_uri: str, model_name: str, now: datetime | None = None, settings: ScoringSettings | None = None
) -> dict[str, Any]:
    """Score the newest as-of date again, with the reasons of each score: the same scores, in the same way.

    Reasons take many times as long as scores, and the days before are acted on no more.

    Returns:
        as :func:`score_entities`; nothing is scored where there are to be no reasons.

    Raises:
        OrreryError: as :func:`score_entities`.
    """
    scoring = settings or ScoringSettings()
    if not scoring.reasons:
        return {"scored": 0, "reason": f"scoring.reasons of {model_name!r} is 0"}
    return _score(uri, tracking_uri, model_name, now, scoring, is_newest_alone=True)


def _score(
    uri: str, tracking_uri: str, model_name: str, now: datetime | None, settings: ScoringSettings, *,
    is_newest_alone: bool,
) -> dict[str, Any]:  # fmt: skip
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
    dates = dates[-1:] if is_newest_alone else dates
    if is_newest_alone and model.background is None:
        return {"scored": 0, "reason": f"version {version} carries no rows to compare with: train {model_name!r} again"}
    if not dates:
        return {"scored": 0, "reason": f"{model.contract.groups[0].table} holds no rows"}
    scorer = Scorer(model, version, now or datetime.now(UTC), settings)
    scored = publish_scores(uri, model.contract, version, dates, scorer.score_dates(uri, dates), (fence, token))
    return {
        "scored": scored,
        "model_version": version,
        "partitions": len(dates),
        "first_as_of_date": dates[0].isoformat(),
        "last_as_of_date": dates[-1].isoformat(),
    }


def publish_scores(
    uri: str, contract: ModelContract, version: int, dates: Sequence[date], blocks: Iterator[pa.Table],
    held: tuple[str, int],
) -> int:  # fmt: skip
    """Replace a version's scores of the dates by what the blocks hold, in one transaction; the number of rows.

    Readers see the old scores until all are there, and a worker that is killed leaves them. The next block is made
    while PostgreSQL takes one in.

    Args:
        held: the fence and this worker's token. Between two blocks it is only looked at, so that another worker may
            take it at any time: this one then gives way at once.

    Raises:
        StaleWriterError: another worker started the same work later; nothing was published.
        SourceError: an entity stands twice at one date.
    """
    with open_session(uri) as session:
        ensure_day_partitions(session, name_table(contract.model, "predictions"), dates)
    with closing(iterate_ahead(blocks)) as ahead:
        # What the warehouse does before the first row, as sorting, is not part of the transaction.
        first = list(islice(ahead, 1))
        with open_session(uri) as session:
            limit_idleness(session)
            clear_predictions(session, contract.model, version, dates)
            scored = 0
            for block in chain(first, ahead):
                peek_fence(session, *held)
                scored += add_predictions(session, contract.model, block)
            check_fence(session, *held)
    return scored


def find_unscored_dates(session: Session, contract: ModelContract, version: int) -> list[date]:
    """As-of dates after the version's test without its scores, and the newest always; ascending.

    Raises:
        SourceError: the first group's table is gone.
    """
    from psycopg.errors import UndefinedColumn, UndefinedTable

    table = ensure_predictions_table(session, contract.model, contract.entity)
    ensure_latest_view(session, contract.model, contract.entity)
    try:
        dates = read_as_of_dates(session, contract.groups[0])
    except (UndefinedTable, UndefinedColumn) as error:
        raise SourceError(
            f"The feature group {contract.groups[0].name!r} is gone from {contract.groups[0].table}: {error}. "
            "Run the DAG build_features, or train and promote a model without it."
        ) from error
    later = [day for day in dates if day > contract.test_as_of_date]
    return sorted({*find_dates_without(session, table, version, later), *dates[-1:]})
