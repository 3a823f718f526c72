"""The steps of ``deploy_model``: each reads the state, acts, and returns a small dictionary."""

from __future__ import annotations

import json
import logging
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow.sdk.exceptions import AirflowSkipException

from include.errors import RegistryError, RolloutError
from include.features.read import read_online_rows
from include.governance.approvals import Approval, record_approval
from include.registry.onnx import OnnxModel
from include.registry.registry import ModelVersion, fetch_onnx, read_version, set_alias
from include.rollout.canary import StepStatus, plan_steps, run_canary_step
from include.rollout.check import Check
from include.rollout.orphans import end_orphaned_canaries
from include.rollout.staging import check_staging
from include.rollout.state import (
    RolloutState,
    bootstrap_champion,
    promote_challenger,
    promote_directly,
    read_rollout,
    require_rollout,
    restore_champion,
    start_canary,
)
from include.settings import load_settings
from include.warehouse.session import open_session

if TYPE_CHECKING:
    from include.registry.contract import ModelContract
    from include.settings.models import ModelSettings

log = logging.getLogger(__name__)
SAMPLE_ROWS = 5


def check_candidate(uri: str, tracking_uri: str, server_url: str, model: ModelSettings) -> dict[str, Any]:
    """Send real requests to the candidate beside production; none where its model has no canary.

    Returns:
        ``version``, ``trained_by``, and ``subject`` and ``summary`` of the approval request.

    Raises:
        RolloutError: a check failed; its number and threshold are in the message.
        AirflowSkipException: the candidate was cleared for staging only, or a gate leaves it to a person and
            nobody is asked.
    """
    name = model.name
    candidate = require_version(tracking_uri, name, "candidate")
    with open_session(uri) as session:
        if read_rollout(session, name) is None:
            bootstrap_champion(session, name, require_version(tracking_uri, name, "champion").version)
    checks = () if model.rollout.strategy == "none" else send_requests(uri, tracking_uri, server_url, candidate, model)
    if candidate.tags.get("decision") != "production":
        raise AirflowSkipException(f"Candidate {candidate.version} was cleared for staging only.")
    questions = list_questions(candidate)
    if questions and not model.governance.is_approval_required:
        raise AirflowSkipException(
            f"Candidate {candidate.version} stays in staging: {'; '.join(questions)}. Nobody is asked, because "
            f"governance.is_approval_required is false for {name!r}. Set it to true and trigger this DAG again."
        )
    return {
        "version": candidate.version,
        "trained_by": candidate.tags.get("trained_by", ""),
        "subject": f"Put {name} version {candidate.version} into production?",
        "summary": summarise_candidate(candidate, checks),
    }


def send_requests(
    uri: str, tracking_uri: str, server_url: str, candidate: ModelVersion, model: ModelSettings
) -> tuple[Check, ...]:
    """The staging checks of a candidate, by requests about a few entities.

    Raises:
        RolloutError: a check failed.
    """
    contract = read_contract(tracking_uri, model.name, candidate.version)
    with open_session(uri) as session:
        rows = read_online_rows(session, contract.entity, contract.groups, contract.features, SAMPLE_ROWS)
    report = check_staging(server_url, contract, candidate.version, rows, model.rollout.staging)
    for check in report.checks:
        log.info("%s %s: %s", "passed" if check.is_passed else "FAILED", check.name, check.reason)
    if not report.is_passed:
        raise RolloutError(f"Candidate {candidate.version} stays out of production: {report.reason}")
    return report.checks


def require_version(tracking_uri: str, name: str, alias: str) -> ModelVersion:
    """The registered version with an alias.

    Raises:
        RegistryError: no version carries it.
    """
    found = read_version(tracking_uri, name, alias)
    if found is None:
        raise RegistryError(f"No version of {name!r} is the {alias}. Run the DAG {name}.train_candidates first.")
    return found


def read_contract(tracking_uri: str, name: str, version: int) -> ModelContract:
    """What a version says of itself, out of its verified file.

    Raises:
        RegistryError: MLflow is away, or the file is not the one that was registered.
    """
    with tempfile.TemporaryDirectory() as folder:
        return OnnxModel(fetch_onnx(tracking_uri, name, version, Path(folder)).onnx_path).contract


def list_questions(candidate: ModelVersion) -> list[str]:
    """What the gates leave to the person who approves, a line each."""
    gates = json.loads(candidate.tags.get("gates", "[]"))
    asked = [gate for gate in gates if not gate["is_passed"] and gate["severity"] == "ask"]
    return [" ".join(f"{gate['name']}: {gate['reason']}".split()) for gate in asked]


def summarise_candidate(candidate: ModelVersion, checks: tuple[Check, ...]) -> str:
    """What an approver needs to see, in Markdown; first of all what the gates leave to them."""
    tags = candidate.tags
    facts = (
        "task", "family", "feature_set", "selection_method", "score_name", "score", "score_low", "score_high",
        "baseline_score", "baseline_feature", "data_version", "feature_version", "trained_by",
    )  # fmt: skip
    lines = [line for question in list_questions(candidate) for line in (f"**To decide.** {question}", "")]
    lines += ["| fact | value |", "|---|---|"]
    lines += [f"| {fact} | {tags[fact]} |" for fact in facts if fact in tags]
    metrics = json.loads(tags.get("metrics", "{}"))
    lines += [f"| {name} | {value:.4g} |" for name, value in metrics.items() if name != "score"]
    if not checks:
        return "\n".join([*lines, "", "The model server was asked nothing (`rollout.strategy: none`)."])
    lines += ["", "| staging check | passed | observed | threshold |", "|---|---|---|---|"]
    lines += [f"| {c.name} | {'yes' if c.is_passed else 'NO'} | {c.observed} | {c.threshold} |" for c in checks]
    return "\n".join(lines)


def record_answer(context: Any, uri: str, model: ModelSettings) -> dict[str, Any]:
    """Copy the approval's answer into the ledger, whatever it is.

    Raises:
        ApprovalError: it was refused, not given in time, or given by the person who trained the model.
        AirflowSkipException: nobody was asked, because the candidate did not get that far.
    """
    ti, run = context["ti"], context["dag_run"]
    seen = ti.xcom_pull(task_ids="check_staging")
    answer = ti.xcom_pull(task_ids="approve")
    if not seen or not answer:
        raise AirflowSkipException("Nobody was asked to approve; see check_staging and approve.")
    approval = Approval(
        model_name=model.name,
        model_version=seen["version"],
        decision=answer["chosen_options"][0],
        answered_by=(answer["responded_by_user"] or {}).get("name", ""),
        trained_by=seen["trained_by"],
        dag_id=run.dag_id,
        run_id=run.run_id,
        seen={"summary": seen["summary"]},
    )
    with open_session(uri) as session:
        record_approval(session, approval, model.governance.all_approvers)
    return {"answered_by": approval.answered_by, "trained_by": approval.trained_by, "decision": approval.decision}


def run_step(uri: str, version: int, weight: float, model: ModelSettings) -> dict[str, Any]:
    """Give the candidate a share of the traffic and judge it; the first step starts the canary.

    Raises:
        RolloutError: it was rolled back (the message says for what), or its canary does not run, and a
            later step may not start one with a share that the candidate has not earned.
    """
    name, steps = model.name, plan_steps(model.rollout)
    with open_session(uri) as session:
        state = require_rollout(session, name)
        if weight == steps[0]:
            start_canary(session, state, version, weight)
        elif state.stage == "canary" and state.challenger_version != version:
            raise RolloutError(
                f"The canary that runs is version {state.challenger_version}'s, not {version}'s. "
                "Clear the first canary task of the run that it belongs to."
            )
    decision = run_canary_step(uri, name, weight, model.rollout.canary.criteria, on_progress=log_progress)
    if decision.action != "proceed":
        raise RolloutError(f"Candidate {version} was rolled back at {weight:.0%}: {decision.reason}")
    return {"weight": weight, "checks": len(decision.checks)}


def log_progress(status: StepStatus) -> None:
    """One line for each observation of a running step."""
    log.info(
        "%.0f%% for %.1f s: challenger %d answers, %d errors; champion %d answers: %s",
        status.weight * 100,
        status.elapsed_s,
        status.challenger.samples,
        status.challenger.errors,
        status.champion.samples,
        status.decision.action,
    )


def promote_candidate(uri: str, tracking_uri: str, version: int, model: ModelSettings) -> dict[str, Any]:
    """Make the candidate the champion: the rollout row first, the registry's alias after it.

    Raises:
        RolloutError: its canary does not run, or has not come to all of the traffic, or one runs where the model has
            none; nothing is changed.
    """
    name = model.name
    with open_session(uri) as session:
        state = require_rollout(session, name)
        if model.rollout.strategy == "none":
            promote_directly(session, state, version)
        elif state.champion_version != version:
            if (state.challenger_version, state.challenger_weight) != (version, 1.0):
                raise RolloutError(
                    f"Version {version} of {name!r} has not carried all of the traffic: {describe_canary(state)}. "
                    "Clear the first canary task of the run that it belongs to."
                )
            promote_challenger(session, state)
    set_alias(tracking_uri, name, "champion", version)
    return {"model": name, "version": version}


def describe_canary(state: RolloutState) -> str:
    """Which canary runs, in words."""
    if state.challenger_version is None:
        return "there is no canary"
    return f"the canary is version {state.challenger_version}, with {state.challenger_weight:.0%}"


def end_orphans(uri: str) -> list[str]:
    """Roll back the canary of every model that is no longer declared; the names of those models.

    A model whose file is wrong is still declared: its canary waits for the file to be corrected.
    """
    settings = load_settings()
    with open_session(uri) as session:
        if session.fetch_value("select to_regclass('serving.rollouts')") is None:
            return []
        return end_orphaned_canaries(session, [*settings.models, *settings.broken_models])


def restore_version(uri: str, tracking_uri: str, version: int, reason: str, name: str) -> dict[str, Any]:
    """Put an earlier version back as champion: the rollout row first, the registry's alias after it.

    Raises:
        RolloutError: no such version is registered, or it was never champion.
    """
    if read_version(tracking_uri, name, version) is None:
        raise RolloutError(f"{name!r} has no version {version}. Look in MLflow for the versions that there are.")
    with open_session(uri) as session:
        restore_champion(session, require_rollout(session, name), version, reason)
    set_alias(tracking_uri, name, "champion", version)
    return {"model": name, "version": version}
