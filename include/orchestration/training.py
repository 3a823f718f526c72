"""The steps of ``train_candidates`` that need to know of the run that they are in."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from airflow.sdk.exceptions import AirflowSkipException

from include.errors import SettingsError
from include.features.builds import read_built_version
from include.orchestration.candidate_link import find_page
from include.orchestration.connections import read_wandb_key
from include.orchestration.models import find_spec
from include.registry.ledger import (
    RegisteredVersion,
    find_newest,
    record_candidate,
    record_decision,
    record_gates,
    record_membership,
    require_version,
)
from include.registry.registry import register_run
from include.rollout.events import read_former_champions
from include.rollout.state import read_rollout
from include.settings.strategies import LIGHT_VALIDATION
from include.training.candidates import apply_strategy, list_candidates
from include.training.code_revision import read_code_revision
from include.training.due import check_training_due
from include.training.history import TrainingPlan, record_plan, record_validation
from include.warehouse.session import open_session

if TYPE_CHECKING:
    import pandas as pd

    from include.settings.models import ModelSettings
    from include.training.fit import TrainingLineage

log = logging.getLogger(__name__)

PLAN: Final = "plan"
STRATEGIES: Final = "strategies"
"""XCom of the task that plans: what the run tries."""
ASSEMBLE: Final = "assemble_training_set"
ASSEMBLED: Final = "assembled"
"""XCom of the task that reads the training set: when, of which data, of which features."""
_KEPT_APART: Final = frozenset({"curves", "importance", "parameters"})
_ATTEMPTS: Final = 3


def plan_run(context: Any, uri: str, model: ModelSettings) -> list[dict[str, Any]]:
    """What the run fits; the strategies are kept for :func:`assemble`, the reason in ``ml.training_plans``.

    A person who starts the DAG with ``force``, or names strategies, gets a training.

    Returns:
        the candidates; none if no training is due.

    Raises:
        SettingsError: the strategies fit no candidate of this model.
    """
    params = context["params"]
    if params["force"] or params["strategies"]:
        asked = tuple(params["strategies"]) or model.training.strategies.person
        person = context["dag_run"].triggering_user_name or "somebody"
        found = TrainingPlan("person", f"{person} asked for it", asked)
    else:
        found = check_training_due(uri, model, find_spec(model).feature_version)
    log.info("%s", found.reason)
    if not found.is_due:
        return []
    fitting = [one for one in found.strategies if one != LIGHT_VALIDATION]
    candidates = list_candidates(model, fitting)
    if fitting and len(candidates) == 1:
        raise SettingsError(
            f"The strategies {', '.join(fitting)} fit no candidate of {model.name}: a search is for families that have "
            "a space (training.search.spaces), an ensemble asks for parameters.ensemble. Add 'standard'."
        )
    context["ti"].xcom_push(key=STRATEGIES, value=list(found.strategies))
    with open_session(uri) as session:
        record_plan(session, model.name, context["run_id"], found, [one["name"] for one in candidates])
    return candidates


def assemble(context: Any, uri: str, tracking_uri: str, model: ModelSettings) -> pd.DataFrame:
    """Read the training set, and note for the fits which data it was read from.

    Raises:
        AirflowSkipException: the plan has a light validation, and the champion holds.
        RegistryError: MLflow is away, which that asks for the champion's file.
    """
    frame, facts = read_training_set(uri, model)
    context["ti"].xcom_push(key=ASSEMBLED, value=facts)
    strategies = context["ti"].xcom_pull(task_ids=PLAN, key=STRATEGIES)
    if LIGHT_VALIDATION in strategies:
        validate_lightly(frame, facts, uri, tracking_uri, model, is_alone=len(strategies) == 1)
    return frame


def validate_lightly(
    frame: pd.DataFrame, facts: Mapping[str, str], uri: str, tracking_uri: str, model: ModelSettings, *, is_alone: bool
) -> None:
    """Measure the champion on the newest labelled cutoff, and keep what was found in ``ml.champion_validations``.

    Args:
        is_alone: nothing else is planned, whatever is found.

    Raises:
        AirflowSkipException: the champion holds, or nothing else is planned.
        RegistryError: MLflow is away.
    """
    from include.training.validation import validate_champion

    with open_session(uri) as session:
        rollout = read_rollout(session, model.name)
        champion = None if rollout is None else require_version(session, model.name, rollout.champion_version)
    if champion is None:
        reason, is_held = "there is no champion to validate", False
    else:
        found = validate_champion(frame, champion, find_spec(model), model.training, tracking_uri)
        with open_session(uri) as session:
            record_validation(session, model.name, facts, found)
        reason, is_held = f"version {found.version} on {found.test_as_of_date}: {found.reason}", found.is_held
    said = f"The champion {'holds' if is_held else 'does not hold'}: {reason}"
    log.info("%s", said)
    if is_held or is_alone:
        raise AirflowSkipException(said)
    log.warning("The other strategies are fitted.")


def read_training_set(uri: str, model: ModelSettings) -> tuple[pd.DataFrame, dict[str, str]]:
    """The training set, with ``assembled_at``, ``data_version`` and ``feature_version``.

    Data that is published while it is read is no part of it for sure: it is read again then.
    """
    from include.training.dataset import build_training_set

    spec = find_spec(model)
    for attempt in range(_ATTEMPTS):
        assembled_at = datetime.now(UTC).isoformat()
        before = _read_data_version(uri)
        frame = build_training_set(uri, spec, model.training)
        if attempt == _ATTEMPTS - 1 or _read_data_version(uri) == before:
            break
        log.info("Features were built while the training set was read: it is read again.")
    facts = {"assembled_at": assembled_at, "data_version": before, "feature_version": spec.feature_version}
    return frame, facts


def _read_data_version(uri: str) -> str:
    with open_session(uri) as session:
        return read_built_version(session)


def fit_candidate(
    context: Any, frame: pd.DataFrame, candidate: dict[str, Any], uri: str, tracking_uri: str, model: ModelSettings
) -> dict[str, Any]:
    """Train, test and log one candidate, and keep what was measured in ``ml.candidates``.

    One that an earlier training has made from the same inputs is taken from there. What is only drawn is handed on to
    no other task.
    """
    from include.training.attempt import FAILURE, attempt_family
    from include.training.unchanged import find_unchanged, hash_inputs
    from include.training.wandb_run import copy_to_wandb

    lineage, settings = describe_lineage(context, model), apply_strategy(model, candidate["strategy"])
    incumbents = find_incumbents(uri, model.name)
    inputs_hash = hash_inputs(model.name, candidate, settings, lineage, incumbents, frame)
    with open_session(uri) as session:
        result = find_unchanged(session, inputs_hash, tracking_uri)
    is_taken = result is not None
    if result is not None:
        log.info("Nothing has changed since run %s, which is taken: %s", result["run_id"], candidate["name"])
    else:
        result = attempt_family(
            frame, candidate["family"], find_spec(model), settings, lineage, tracking_uri,
            candidate["feature_set"], incumbents, uri, candidate["strategy"],
        )  # fmt: skip
    if FAILURE not in result:
        with open_session(uri) as session:
            record_candidate(session, model.name, result, inputs_hash)
            record_membership(session, model.name, context["run_id"], result["run_id"])
        if not is_taken:
            copy_to_wandb(result, model.name, model.training.wandb, tracking_uri, read_wandb_key)
    return _hand_on(result)


def _hand_on(result: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in result.items() if key not in _KEPT_APART}


def describe_lineage(context: Any, model: ModelSettings) -> TrainingLineage:
    """What a model is made from, and who answers for it.

    That is the user who has started the run by hand; where an asset started it, the trainer named in the model's file.
    """
    from include.training.fit import TrainingLineage

    user = context["dag_run"].triggering_user_name
    return TrainingLineage(**_pull_facts(context), code_revision=read_code_revision(), trained_by=user or model.trainer)


def find_incumbents(uri: str, name: str) -> list[RegisteredVersion]:
    """The champion, then the versions that were, the newest first; before the first deployment, the baseline."""
    with open_session(uri) as session:
        former = read_former_champions(session, name)
        if former:
            return [require_version(session, name, version) for version in former]
        baseline = find_newest(session, name, is_baseline=True)
    return [] if baseline is None else [baseline]


def record_judgement(context: Any, uri: str, judgement: dict[str, Any]) -> dict[str, Any]:
    """Keep what was decided in ``ml.decisions``; returns the judgement."""
    training = {**judgement, "assembled_at": _pull_facts(context)["assembled_at"], "run_key": context["run_id"]}
    with open_session(uri) as session:
        record_decision(
            session, judgement["candidate"]["run_id"], judgement["decision"], judgement["reasons"], training
        )
    return judgement


def _pull_facts(context: Any) -> dict[str, str]:
    """What the run's training set is: ``assembled_at``, ``data_version``, ``feature_version``."""
    facts: dict[str, str] = context["ti"].xcom_pull(task_ids=ASSEMBLE, key=ASSEMBLED)
    return facts


def answer_gate(
    name: str, ranked: Mapping[str, Any], model: ModelSettings, uri: str, tracking_uri: str
) -> dict[str, Any]:
    """What one gate says of the candidate that was ranked first, as a mapping; it is kept in ``ml.gate_results``.

    What was measured is kept there too, and handed on to no other task.

    Raises:
        RegistryError: MLflow is away, or the candidate's file is not the one that was measured.
        WarehouseError: the warehouse is away.
        SettingsError: a declaration does not fit.
    """
    from include.evaluation.candidate import Candidate, StoredCandidate
    from include.gates.gate import run_gate

    source = StoredCandidate(uri, tracking_uri, partial(find_spec, model))
    said = run_gate(name, Candidate(ranked["candidate"], ranked["baseline"], model, source))
    answer = asdict(said.result)
    log.info("%s: %s", describe_answer(answer), answer["reason"])
    with open_session(uri) as session:
        record_gates(
            session, ranked["candidate"]["run_id"], [{**answer, "evidence": said.evidence, "limits": said.limits}]
        )
    return answer


def describe_answer(gate: Mapping[str, Any]) -> str:
    """Whether a gate passed, as logs show it."""
    if not gate.get("is_clear", True):
        return f"unclear {gate['name']}"
    return f"{'passed' if gate['is_passed'] else 'FAILED'} {gate['name']}"


def register_or_refuse(judgement: dict[str, Any], uri: str, tracking_uri: str, name: str) -> dict[str, Any]:
    """Register the judged candidate; before the first one, the baseline as the incumbent that it has to beat.

    Raises:
        AirflowSkipException: the gates refused it; every reason is in the message.
        RegistryError: MLflow is away, or the decision in ``ml.decisions`` is another one.
    """
    _log_judgement(judgement)
    with open_session(uri) as session:
        incumbent = _register_incumbent(session, tracking_uri, name, judgement["baseline"]["run_id"])
    if incumbent is not None:
        keep_reference(uri, tracking_uri, incumbent)
    if judgement["decision"] == "refuse":
        raise AirflowSkipException(f"The candidate was refused and not registered: {'; '.join(judgement['reasons'])}")
    with open_session(uri) as session:
        run_id = judgement["candidate"]["run_id"]
        version = register_run(session, tracking_uri, name, run_id, find_page(name, run_id))
    keep_reference(uri, tracking_uri, version)
    log.info("Version %s of %s is the candidate.", version.version, name)
    return {"model": name, "version": version.version, "decision": version.decision}


def keep_reference(uri: str, tracking_uri: str, version: RegisteredVersion) -> None:
    """Keep what the rows look like that a version was trained on, before another training replaces them.

    Drift is measured against them (``monitoring.reference_profiles``); those of a version that has them stay.
    """
    from include.monitoring.monitor import load_contract
    from include.monitoring.reference import load_reference

    load_reference(uri, load_contract(tracking_uri, version), version.version, datetime.now(UTC))


def _register_incumbent(session: Any, tracking_uri: str, name: str, run_id: str) -> RegisteredVersion | None:
    """The first canary needs an incumbent: the baseline, unless there is a champion or a baseline already."""
    if read_rollout(session, name) is None and find_newest(session, name, is_baseline=True) is None:
        baseline = register_run(session, tracking_uri, name, run_id, find_page(name, run_id))
        log.info("The baseline is version %s of %s, its first champion.", baseline.version, name)
        return baseline
    return None


def _log_judgement(judgement: dict[str, Any]) -> None:
    for gate in judgement["gates"]:
        log.info("%s: %s", describe_answer(gate), gate["reason"])
    log.info("%s", judgement["ranking_reason"])
    judged, failures = len(judgement["ranking"]), judgement["failures"]
    log.info("%s of %s candidates were judged.", judged, judged + len(failures))
    for failure in failures:
        log.warning("%s could not be fitted: %s", failure["name"], failure["reason"])
