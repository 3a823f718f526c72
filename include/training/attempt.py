"""Fits a family; one that cannot be fitted, tested or exported is recorded with its reason, and the others go on."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from include.errors import RegistryError, WarehouseError
from include.features.spec import ModelSpec
from include.registry.ledger import RegisteredVersion
from include.settings.strategies import STANDARD
from include.settings.training import BASELINE, TrainingSettings
from include.training.candidates import name_row
from include.training.fit import TrainingLineage, fit_family
from include.training.record import log_failure

if TYPE_CHECKING:
    import pandas as pd

log = logging.getLogger(__name__)

FAILURE: Final = "failure"
_REASON_LENGTH: Final = 1000


def attempt_family(
    frame: pd.DataFrame,
    family: str,
    spec: ModelSpec,
    settings: TrainingSettings,
    lineage: TrainingLineage,
    tracking_uri: str,
    feature_set: str | None = None,
    incumbents: Sequence[RegisteredVersion] = (),
    studies_uri: str | None = None,
    strategy: str = STANDARD,
) -> dict[str, Any]:
    """As :func:`include.training.fit.fit_family`, with an answer for a family that fails.

    Returns:
        what was measured; or of a family that failed: ``family``, ``feature_set``, ``strategy``, ``failure`` (the
        reason) and the ``run_id`` of its failed run.

    Raises:
        RegistryError: MLflow is away; the task will be retried.
        WarehouseError: the trials cannot be kept; the task will be retried.
        Exception: the baseline failed, with which all others are compared.
    """
    try:
        return fit_family(
            frame, family, spec, settings, lineage, tracking_uri, feature_set, incumbents, studies_uri, strategy
        )
    except (RegistryError, WarehouseError):
        raise
    except Exception as error:
        if family == BASELINE:
            raise
        reason = _explain(error)
        asked = {"family": family, "feature_set": feature_set, "strategy": strategy}
        log.exception("%s cannot be judged; the other candidates go on.", name_row(asked))
        return {**asked, FAILURE: reason, "run_id": log_failure(tracking_uri, spec.name, asked, reason)}


def list_failures(results: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The candidates among the results that failed: ``name``, ``reason`` and ``run_id``."""
    return [
        {"name": name_row(one), "reason": one[FAILURE], "run_id": one["run_id"]} for one in results if FAILURE in one
    ]


def _explain(error: Exception) -> str:
    text = " ".join(str(error).split()) or "no message"
    return f"{type(error).__name__}: {text}"[:_REASON_LENGTH]
