"""Finds the candidate of an earlier training that a fit would make again, so that it is not fitted again."""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from include.errors import RegistryError
from include.registry.files import read_file
from include.registry.ledger import RegisteredVersion
from include.registry.rest import MlflowRest
from include.settings.training import TrainingSettings
from include.training.code_revision import hash_code
from include.training.environment import hash_lock
from include.training.fit import TrainingLineage
from include.warehouse.session import Session

if TYPE_CHECKING:
    import pandas as pd

log = logging.getLogger(__name__)


def hash_inputs(
    model_name: str,
    candidate: dict[str, Any],
    settings: TrainingSettings,
    lineage: TrainingLineage,
    incumbents: Sequence[RegisteredVersion],
    frame: pd.DataFrame,
) -> str:
    """The SHA-256 of everything that a fitted candidate and its figures depend on.

    These are the rows themselves, what is said of them, settings, code and the versions of its libraries, who trains,
    and the versions that it is compared with; not the time at which the training set was read.

    Args:
        candidate: ``family``, ``feature_set`` and ``strategy``.
        settings: with the strategy applied.
        frame: the training set, as it is fitted on.
    """
    facts = asdict(lineage)
    del facts["assembled_at"]
    inputs = {
        "model": model_name,
        "candidate": {key: candidate[key] for key in ("family", "feature_set", "strategy")},
        "settings": settings.model_dump(mode="json"),
        "lineage": facts,
        "code": hash_code(),
        "lock": hash_lock(),
        "incumbents": [(one.version, one.onnx_sha256) for one in incumbents],
        "rows": hash_rows(frame),
    }
    return hashlib.sha256(json.dumps(inputs, sort_keys=True).encode()).hexdigest()


def hash_rows(frame: pd.DataFrame) -> str:
    """The SHA-256 of a frame's columns, dtypes and values, in their order.

    The version of the data alone does not fix them: features are built after data has arrived.
    """
    import pandas as pd

    columns = repr([(name, str(kind)) for name, kind in frame.dtypes.items()])
    rows = pd.util.hash_pandas_object(frame, index=False).to_numpy()
    return hashlib.sha256(columns.encode() + rows.tobytes()).hexdigest()


def find_unchanged(session: Session, inputs_hash: str, tracking_uri: str) -> dict[str, Any] | None:
    """What was measured of the newest candidate with these inputs.

    None without one, or where its run or its file is gone in MLflow. A registered version is none either: what the
    gates say of a candidate anew would be said of a version that serves.
    """
    row = session.fetch_one(
        "select result, model_uri, onnx_sha256 from ml.candidates where inputs_hash = %s and (family = 'baseline' "
        "or not exists (select from ml.versions where versions.run_id = candidates.run_id)) order by at desc limit 1",
        (inputs_hash,),
    )
    if row is None:
        return None
    result: dict[str, Any] = row["result"]
    try:
        with MlflowRest(tracking_uri) as mlflow:
            run = mlflow.get("runs/get", {"run_id": result["run_id"]})["run"]
        if run["info"]["lifecycle_stage"] != "active":
            raise RegistryError(f"the run {result['run_id']} was deleted in MLflow")
        read_file(tracking_uri, row["model_uri"], row["onnx_sha256"], f"run {result['run_id']}")
    except RegistryError as error:
        log.warning("Fitted again, as the earlier run cannot be had: %s", error)
        return None
    return result
