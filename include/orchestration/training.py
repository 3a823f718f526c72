"""The steps of ``train_candidates`` that need to know of the run that they are in."""

from __future__ import annotations

import logging
import os
import subprocess
from collections.abc import Mapping
from dataclasses import asdict
from functools import partial
from typing import TYPE_CHECKING, Any

from airflow.sdk.exceptions import AirflowSkipException

from include.ingestion.version import read_data_version
from include.registry.registry import register_baseline, register_candidate
from include.rollout.events import read_former_champions
from include.settings import PROJECT_ROOT
from include.warehouse.session import open_session

if TYPE_CHECKING:
    from include.features.spec import ModelSpec
    from include.settings.models import ModelSettings
    from include.training.fit import TrainingLineage

log = logging.getLogger(__name__)


def training_lineage(triggered_by: str | None, uri: str, model: ModelSettings, spec: ModelSpec) -> TrainingLineage:
    """What a model is made from, and who answers for it.

    Args:
        triggered_by: the user who started the run by hand; None when an asset started it, and then
            the trainer named in the model's file is accountable.
    """
    from include.training.fit import TrainingLineage

    with open_session(uri) as session:
        data_version = read_data_version(session)
    return TrainingLineage(
        data_version=data_version,
        feature_version=spec.feature_version,
        code_revision=read_code_revision(),
        trained_by=triggered_by or model.trainer,
    )


def find_former_champions(uri: str, model: ModelSettings) -> list[int]:
    """Every version that is or was champion, the newest champion first."""
    with open_session(uri) as session:
        return read_former_champions(session, model.name)


def read_code_revision() -> str:
    """The commit of the code that runs: ``ORRERY_CODE_REVISION`` of the image, else git's, else 'unknown'."""
    known = os.environ.get("ORRERY_CODE_REVISION")
    if known:
        return known
    try:
        done = subprocess.run(
            ["git", "describe", "--always", "--dirty", "--abbrev=12"],
            cwd=PROJECT_ROOT, capture_output=True, text=True, check=False,
        )  # fmt: skip
    except OSError:
        return "unknown"
    return done.stdout.strip() or "unknown"


def answer_gate(
    name: str, ranked: Mapping[str, Any], model: ModelSettings, warehouse: str, tracking_uri: str
) -> dict[str, Any]:
    """What one gate says of the candidate that was ranked first, as a mapping.

    Raises:
        RegistryError: MLflow is away, or the candidate's file is not the one that was measured.
        WarehouseError: the warehouse is away.
        SettingsError: a declaration does not fit.
    """
    from include.evaluation.candidate import Candidate, StoredCandidate
    from include.gates.gate import run_gate
    from include.orchestration.models import find_spec

    source = StoredCandidate(warehouse, tracking_uri, partial(find_spec, model))
    answer = run_gate(name, Candidate(ranked["candidate"], ranked["baseline"], model, source))
    log.info("%s: %s", describe_answer(asdict(answer)), answer.reason)
    return asdict(answer)


def describe_answer(gate: Mapping[str, Any]) -> str:
    """Whether a gate passed, as logs show it."""
    if not gate.get("is_clear", True):
        return f"unclear {gate['name']}"
    return f"{'passed' if gate['is_passed'] else 'FAILED'} {gate['name']}"


def register_or_refuse(judgement: dict[str, Any], tracking_uri: str, name: str) -> dict[str, Any]:
    """Register the judged candidate; before the first one, the baseline as the incumbent that it has to beat.

    Raises:
        AirflowSkipException: the gates refused it; every reason is in the message.
    """
    for gate in judgement["gates"]:
        log.info("%s: %s", describe_answer(gate), gate["reason"])
    log.info("%s", judgement["ranking_reason"])
    judged, failures = len(judgement["ranking"]), judgement["failures"]
    log.info("%s of %s candidates were judged.", judged, judged + len(failures))
    for failure in failures:
        log.warning("%s could not be fitted: %s", failure["name"], failure["reason"])
    incumbent = register_baseline(tracking_uri, name, judgement["baseline"])
    if judgement["decision"] == "refuse":
        raise AirflowSkipException(f"The candidate was refused and not registered: {'; '.join(judgement['reasons'])}")
    version = register_candidate(
        tracking_uri,
        name,
        judgement["candidate"],
        judgement["decision"],
        judgement["gates"],
        judgement["baseline"],
    )
    log.info("Version %s of %s is the candidate; the baseline is version %s.", version, name, incumbent)
    return {"model": name, "version": version, "decision": judgement["decision"]}
