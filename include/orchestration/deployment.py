"""The steps of ``deploy_model``: each reads the state, acts, and returns a small dictionary."""

from __future__ import annotations

import logging
import math
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from airflow.sdk.exceptions import AirflowSkipException

from include.assets import candidate_of
from include.errors import ApprovalError, RegistryError, RolloutError, WarehouseError
from include.features.read import read_online_rows
from include.governance.approvals import Approval, check_approval, record_approval, require_approval
from include.orchestration.assets import asset
from include.orchestration.candidate_link import find_link
from include.orchestration.told_events import tell_answer, tell_rollback, tell_rollout
from include.registry.files import fetch_onnx
from include.registry.ledger import RegisteredVersion, find_newest, find_version, read_gates, require_version
from include.registry.onnx import OnnxModel
from include.registry.registry import CHALLENGER, CHAMPION, remove_alias, set_alias
from include.rollout.ab_test import ENDED
from include.rollout.begin import begin_challenge, describe_end
from include.rollout.canary import StepStatus, plan_steps, run_canary_step
from include.rollout.check import Check
from include.rollout.known_answers import compute_answers
from include.rollout.orphans import end_orphaned_canaries
from include.rollout.runs import DeploymentRun, read_run_event
from include.rollout.staging import check_staging
from include.rollout.state import (
    RolloutState,
    bootstrap_champion,
    promote_challenger,
    promote_directly,
    read_rollout,
    require_rollout,
    restore_champion,
)
from include.settings import load_settings
from include.warehouse.session import Session, open_session

if TYPE_CHECKING:
    from include.registry.contract import ModelContract
    from include.rollout.server_address import ServerAddress
    from include.settings.models import ModelSettings

log = logging.getLogger(__name__)
SAMPLE_ROWS = 5
_FACTS: Final = (
    "task", "family", "feature_set", "selection_method", "score_name", "score", "score_low", "score_high",
    "data_version", "feature_version", "code_revision", "trained_by",
)  # fmt: skip


def pick_version(context: Any, uri: str, model: ModelSettings) -> int:
    """The version that a run deploys, always the same one: whatever is trained later, its approval stays with it.

    That is the parameter ``version``; else the one whose registration has started the run; else, for a run that was
    started by hand, the newest that the gates had judged by then.

    Raises:
        RegistryError: there is none.
    """
    if context["params"].get("version"):
        return int(context["params"]["version"])
    events = context["triggering_asset_events"].get(asset(candidate_of(model.name)), [])
    named = [event.extra["version"] for event in events if "version" in event.extra]
    if named:
        return int(max(named))
    with open_session(uri) as session:
        found = find_newest(session, model.name, until=context["dag_run"].run_after)
    if found is None:
        raise RegistryError(f"No version of {model.name!r} was registered. Run the DAG {model.name}.train_candidates.")
    return found.version


def check_candidate(
    uri: str, tracking_uri: str, server: ServerAddress, model: ModelSettings, version: int
) -> dict[str, Any]:
    """Send real requests to a version beside production; none where its model has no canary.

    Returns:
        ``version``, ``trained_by``, and ``subject`` and ``summary`` of the approval request.

    Raises:
        RolloutError: a check failed; its number and threshold are in the message.
        AirflowSkipException: the version was cleared for staging only, or a gate leaves it to a person and
            nobody is asked.
    """
    name = model.name
    with open_session(uri) as session:
        candidate = require_version(session, name, version)
        gates = read_gates(session, candidate.run_id)
        if read_rollout(session, name) is None:
            bootstrap_champion(session, name, _require_baseline(session, name))
    checks = () if model.rollout.strategy == "none" else send_requests(uri, tracking_uri, server, candidate, model)
    if candidate.decision != "production":
        raise AirflowSkipException(f"Version {version} was cleared for {candidate.decision} only.")
    questions = list_questions(gates)
    if questions and not model.governance.is_approval_required:
        raise AirflowSkipException(
            f"Version {version} stays in staging: {'; '.join(questions)}. Nobody is asked, because "
            f"governance.is_approval_required is false for {name!r}. Set it to true and trigger this DAG again."
        )
    return {
        "version": version,
        "trained_by": candidate.trained_by,
        "subject": f"Put {name} version {version} into production? Strategy: {model.rollout.strategy}.",
        "summary": summarise_candidate(
            candidate, gates, checks, find_link(name, candidate.run_id), model.rollout.strategy
        ),
    }


def _require_baseline(session: Session, name: str) -> int:
    baseline = find_newest(session, name, is_baseline=True)
    if baseline is None:
        raise RegistryError(f"{name!r} has no baseline to be its first champion. Run the DAG {name}.train_candidates.")
    return baseline.version


def send_requests(
    uri: str, tracking_uri: str, server: ServerAddress, candidate: RegisteredVersion, model: ModelSettings
) -> tuple[Check, ...]:
    """The staging checks of a candidate, by requests about a few entities.

    Raises:
        RolloutError: a check failed.
    """
    opened = open_version(tracking_uri, candidate)
    contract = opened.contract
    with open_session(uri) as session:
        rows = read_online_rows(session, contract.entity, contract.groups, contract.features, SAMPLE_ROWS)
    known = compute_answers(opened, rows)
    report = check_staging(server, contract, candidate.version, rows, model.rollout.staging, known)
    for check in report.checks:
        log.info("%s %s: %s", "passed" if check.is_passed else "FAILED", check.name, check.reason)
    if not report.is_passed:
        raise RolloutError(f"Candidate {candidate.version} stays out of production: {report.reason}")
    return report.checks


def read_contract(tracking_uri: str, version: RegisteredVersion) -> ModelContract:
    """What a version says of itself, out of its verified file.

    Raises:
        RegistryError: MLflow is away, or the file is not the one that was tested.
    """
    return open_version(tracking_uri, version).contract


def open_version(tracking_uri: str, version: RegisteredVersion) -> OnnxModel:
    """A version in memory, from its verified file.

    Raises:
        RegistryError: MLflow is away, or the file is not the one that was tested.
    """
    with tempfile.TemporaryDirectory() as folder:
        return OnnxModel(fetch_onnx(tracking_uri, version, Path(folder)).read_bytes())


def list_questions(gates: Sequence[Mapping[str, Any]]) -> list[str]:
    """What the gates leave to the person who approves, a line each."""
    asked = [gate for gate in gates if not gate["is_passed"] and gate["severity"] == "ask"]
    return [" ".join(f"{gate['name']}: {gate['reason']}".split()) for gate in asked]


def summarise_candidate(
    candidate: RegisteredVersion, gates: Sequence[Mapping[str, Any]], checks: Sequence[Check], page: str | None = None,
    strategy: str | None = None,
) -> str:  # fmt: skip
    """What an approver needs to see, in Markdown; first of all what the gates leave to them, and the ``page`` of it."""
    measured = candidate.result
    lines = [line for question in list_questions(gates) for line in (f"**To decide.** {question}", "")]
    lines += [f"[Everything that was measured, with pictures]({page})", ""] if page else []
    lines += ["| fact | value |", "|---|---|"]
    lines += [f"| strategy | {strategy} |"] if strategy else []
    lines += [f"| {fact} | {_show(measured[fact])} |" for fact in _FACTS if measured.get(fact) is not None]
    baseline = measured.get("baseline") or {}
    lines += [f"| baseline_{key} | {_show(baseline[key])} |" for key in ("score", "feature") if key in baseline]
    lines += [f"| {name} | {value:.4g} |" for name, value in measured["metrics"].items() if name != "score"]
    if not checks:
        return "\n".join([*lines, "", "The model server was asked nothing (`rollout.strategy: none`)."])
    lines += ["", "| staging check | passed | observed | threshold |", "|---|---|---|---|"]
    lines += [f"| {c.name} | {'yes' if c.is_passed else 'NO'} | {c.observed} | {c.threshold} |" for c in checks]
    return "\n".join(lines)


def _show(value: Any) -> str:
    return f"{value:.6g}" if isinstance(value, float) else str(value)


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
        answered_by=(answer["responded_by_user"] or {}).get("id", ""),
        answered_by_name=(answer["responded_by_user"] or {}).get("name", ""),
        trained_by=seen["trained_by"],
        dag_id=run.dag_id,
        run_id=run.run_id,
        seen={"summary": seen["summary"] + (ti.xcom_pull(task_ids="shadow") or {}).get("summary", "")},
    )
    told = tell_answer(context, uri, model.name, approval.model_version, approval.answered_by)
    with told, open_session(uri) as session:
        record_approval(session, approval, model.governance.all_approvers)
    return {"answered_by": approval.answered_by, "trained_by": approval.trained_by, "decision": approval.decision}


def run_step(
    uri: str, tracking_uri: str, version: int, weight: float, model: ModelSettings, held_s: float = math.inf,
    *, run: DeploymentRun | None = None, is_later: bool = False,
) -> dict[str, Any] | None:  # fmt: skip
    """Give the candidate a share of the traffic and judge it; the first step starts the canary.

    Args:
        held_s: so long, and then a later call goes on.
        run: it starts one canary, also when it is tried again: whoever has ended that meanwhile meant to.
        is_later: an earlier look went well, so that a warehouse that is away is waited for.

    Returns:
        the ``weight`` and the number of ``checks`` that it has passed; None if it is not decided after ``held_s``, so
        that it is to be called again.

    Raises:
        RolloutError: it was rolled back (the message says for what), or its canary does not run, and a
            later step may not start one with a share that the candidate has not earned.
    """
    name = model.name
    try:
        _begin_step(uri, tracking_uri, version, weight, model, run)
    except WarehouseError as error:
        if not is_later:
            raise
        log.warning("The canary of %s cannot be watched, its lease runs out: %s", name, error)
        return None
    decision = run_canary_step(uri, name, weight, model.rollout.canary, log_progress, held_s, run)
    if decision is None:
        return None
    if decision.action != "proceed":
        show_challenger(None, tracking_uri, name, None)
        reason = f"Candidate {version} was rolled back at {weight:.0%}: {decision.reason}"
        raise tell_rollback(uri, name, RolloutError(reason))
    return {"weight": weight, "checks": len(decision.checks)}


def _begin_step(
    uri: str, tracking_uri: str, version: int, weight: float, model: ModelSettings, run: DeploymentRun | None
) -> None:
    with open_session(uri) as session:
        check_cleared(session, model, version)
        state = require_rollout(session, model.name)
        if weight == plan_steps(model.rollout)[0]:
            ended = begin_challenge(session, model.name, version, weight, model.rollout.canary.lease_s, run)
            if ended is not None:
                raise RolloutError(f"Candidate {version} was rolled back before: {describe_end(ended)}")
            session.commit()
            tell_rollout(uri, model.name, "canary_started")
            show_challenger(session, tracking_uri, model.name, version)
        elif state.stage != "idle" and (state.stage, state.challenger_version) != ("canary", version):
            raise RolloutError(
                f"The {state.title} that runs is version {state.challenger_version}'s, not {version}'s canary. "
                "Clear the first canary task of the run that it belongs to."
            )


def show_challenger(session: Session | None, tracking_uri: str, name: str, version: int | None) -> None:
    """Let MLflow's alias ``challenger`` follow the canary; it is for people, and a canary needs no MLflow."""
    try:
        if version is None or session is None:
            remove_alias(tracking_uri, name, CHALLENGER)
        else:
            set_alias(session, tracking_uri, CHALLENGER, require_version(session, name, version))
    except RegistryError as error:
        log.warning("MLflow's alias of the challenger is not as it should be: %s", error)


def check_cleared(session: Session, model: ModelSettings, version: int) -> None:
    """Insist that the gates have cleared a version for production, and that a person has, where one is asked.

    Whoever marks the tasks before as successful gets no further than this.

    Raises:
        RolloutError: the gates have not.
        ApprovalError: nobody has approved it, or the newest answer is no.
        RegistryError: there is no such version.
    """
    found = require_version(session, model.name, version)
    if found.decision != "production":
        raise RolloutError(
            f"Version {version} of {model.name!r} is not cleared for production: its newest decision in ml.decisions "
            f"is {found.decision!r}."
        )
    if model.governance.is_approval_required:
        require_approval(session, model.name, version)


def log_progress(status: StepStatus) -> None:
    """One line for each observation of a running step."""
    log.info(
        "%.0f%% for %.1f s: challenger %d entities, %d errors; champion %d entities: %s",
        status.weight * 100,
        status.elapsed_s,
        status.challenger.samples,
        status.challenger.errors,
        status.champion.samples,
        status.decision.action,
    )


def promote_candidate(
    uri: str, tracking_uri: str, version: int, model: ModelSettings, run: DeploymentRun | None = None
) -> dict[str, Any]:
    """Make the candidate the champion: the rollout row first, the registry's alias after it.

    Raises:
        RolloutError: its canary does not run, or has not come to all of the traffic, or one runs where the model has
            none; nothing is changed.
    """
    name = model.name
    with open_session(uri) as session:
        check_cleared(session, model, version)
        state = require_rollout(session, name)
        if model.rollout.strategy == "none":
            promote_directly(session, state, version, run)
        elif state.champion_version != version:
            if not is_earned(session, state, version, run):
                raise RolloutError(
                    f"Version {version} of {name!r} has not carried all of the traffic: {describe_canary(state)}. "
                    "Clear the first canary task of the run that it belongs to."
                )
            promote_challenger(session, state, version, run)
    tell_rollout(uri, name, "promoted")
    follow_champion(uri, tracking_uri, name, version)
    return {"model": name, "version": version}


def is_earned(session: Session, state: RolloutState, version: int, run: DeploymentRun | None) -> bool:
    """Whether a challenger may be promoted: it has carried all traffic, or its A/B test has decided so."""
    if state.challenger_version != version:
        return False
    if state.stage != "ab_test":
        return state.challenger_weight == 1.0
    ended = None if run is None else read_run_event(session, state.model_name, run, ENDED, any_attempt=True)
    return ended is not None and ended.detail["decision"] == "promote"


def follow_champion(uri: str, tracking_uri: str, name: str, version: int) -> None:
    """Give MLflow's alias to the champion, once the rollout row has it.

    Raises:
        RegistryError: MLflow is away; the version serves all the same, and the task is tried again.
    """
    with open_session(uri) as session:
        set_alias(session, tracking_uri, CHAMPION, require_version(session, name, version))
        show_challenger(session, tracking_uri, name, None)


def describe_canary(state: RolloutState) -> str:
    """Which canary runs, in words."""
    if state.challenger_version is None:
        return "there is no canary"
    return f"the {state.title} is version {state.challenger_version}, with {state.challenger_weight:.0%}"


def end_orphans(uri: str) -> list[str]:
    """Roll back the canary of every model that is no longer declared; the names of those models.

    A model whose file is wrong is still declared: its canary waits for the file to be corrected.
    """
    settings = load_settings()
    with open_session(uri) as session:
        if session.fetch_value("select to_regclass('serving.rollouts')") is None:
            return []
        ended = end_orphaned_canaries(session, [*settings.models, *settings.broken_models])
    for name in ended:
        tell_rollout(uri, name, "rolled_back")
    return ended


def restore_version(
    uri: str, tracking_uri: str, version: int, reason: str, model: ModelSettings, overridden_by: str | None = None
) -> dict[str, Any]:
    """Put an earlier version back as champion: the rollout row first, the registry's alias after it.

    Args:
        overridden_by: who answers for a version that was never champion: an approver of the model who did not train
            it; None for a version that was.

    Raises:
        RolloutError: no such version is registered, or it was never champion.
        ApprovalError: whoever overrides may not approve the version.
    """
    name = model.name
    with open_session(uri) as session:
        found = find_version(session, name, version)
        if found is None:
            raise RolloutError(f"{name!r} has no version {version}. The versions that there are stand in ml.versions.")
        if overridden_by is not None:
            _check_override(found, model, overridden_by)
        restore_champion(session, require_rollout(session, name), version, reason, overridden_by)
    tell_rollout(uri, name, "restored")
    follow_champion(uri, tracking_uri, name, version)
    return {"model": name, "version": version}


def _check_override(version: RegisteredVersion, model: ModelSettings, person: str) -> None:
    asked = Approval(model.name, version.version, "Approve", person, version.trained_by, "", "")
    check = check_approval(asked, model.governance.all_approvers)
    if not check.is_approved:
        raise ApprovalError(f"{check.reason} Only an approver of the model who did not train it may override.")
