"""Finds the candidate of an earlier training that a fit would make again, so that it is not fitted again."""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from include.errors import RegistryError
from include.registry.files import read_file
from include.registry.ledger import RegisteredVersion
from include.settings.training import TrainingSettings
from include.training.code_revision import hash_code
from include.training.fit import TrainingLineage
from include.warehouse.session import Session

log = logging.getLogger(__name__)


def hash_inputs(
    model_name: str,
    candidate: dict[str, Any],
    settings: TrainingSettings,
    lineage: TrainingLineage,
    incumbents: Sequence[RegisteredVersion],
) -> str:
    """The SHA-256 of everything that a fitted candidate and its figures depend on.

    These are data and features, settings, the code with the versions of its libraries, who trains, and the versions
    that it is compared with; not the time at which the training set was read.

    Args:
        candidate: ``family``, ``feature_set`` and ``strategy``.
        settings: with the strategy applied.
    """
    facts = asdict(lineage)
    del facts["assembled_at"]
    inputs = {
        "model": model_name,
        "candidate": {key: candidate[key] for key in ("family", "feature_set", "strategy")},
        "settings": settings.model_dump(mode="json"),
        "lineage": facts,
        "code": hash_code(),
        "incumbents": [(one.version, one.onnx_sha256) for one in incumbents],
    }
    return hashlib.sha256(json.dumps(inputs, sort_keys=True).encode()).hexdigest()


def find_unchanged(session: Session, inputs_hash: str, tracking_uri: str) -> dict[str, Any] | None:
    """What was measured of the newest candidate with these inputs; None without one, or where its file is gone."""
    row = session.fetch_one(
        "select result, model_uri, onnx_sha256 from ml.candidates where inputs_hash = %s order by at desc limit 1",
        (inputs_hash,),
    )
    if row is None:
        return None
    result: dict[str, Any] = row["result"]
    try:
        read_file(tracking_uri, row["model_uri"], row["onnx_sha256"], f"run {result['run_id']}")
    except RegistryError as error:
        log.warning("Fitted again, as the file of the earlier run cannot be had: %s", error)
        return None
    return result
