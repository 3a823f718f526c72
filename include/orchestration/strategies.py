"""What the task of each strategy beside the canary does: look once, and act on what was found."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

from include.errors import RolloutError, WarehouseError
from include.orchestration.deployment import check_cleared, log_progress, read_contract, show_challenger
from include.orchestration.models import find_spec
from include.registry.contract import ModelContract
from include.registry.ledger import require_version
from include.rollout.ab_test import look_at_test, plan_test
from include.rollout.begin import begin_challenge, describe_end
from include.rollout.blue_green import plan_switch
from include.rollout.canary import run_canary_step
from include.rollout.runs import DeploymentRun
from include.rollout.shadow import look_at_shadow
from include.settings.models import ModelSettings
from include.tasks import TASKS
from include.warehouse.session import open_session

log = logging.getLogger(__name__)


def watch_shadow(
    uri: str, version: int, model: ModelSettings, run: DeploymentRun, *, is_later: bool = False
) -> dict[str, Any] | None:
    """Look at a version in shadow; the first look begins it.

    Args:
        is_later: an earlier look of this attempt went well, so that a warehouse that is away is waited for.

    Returns:
        ``summary`` for the request for approval, and the report's ``verdict`` and ``reason``; None while it goes on.

    Raises:
        RolloutError: it stays out of production (the message says for what), another challenger is there, or somebody
            has ended the test.
    """
    settings = model.rollout.shadow
    try:
        report = look_at_shadow(uri, model.name, version, settings, run)
    except WarehouseError as error:
        if not is_later:
            raise
        log.warning("The shadow test of %s cannot be watched, its lease runs out: %s", model.name, error)
        return None
    if report is None:
        return None
    for check in report["checks"]:
        log.info("%s %s: %s", "passed" if check["is_passed"] else "OPEN or FAILED", check["name"], check["reason"])
    log.info("shadow figures: %s", report["figures"])
    verdict, reason = report["verdict"], report["reason"]
    if verdict == "refuse" or (verdict == "inconclusive" and settings.when_inconclusive == "refuse"):
        raise RolloutError(f"Candidate {version} stays out of production: its shadow test says {verdict}: {reason}")
    return {"verdict": verdict, "reason": reason, "summary": summarise_shadow(report)}


def watch_ab_test(
    uri: str, tracking_uri: str, version: int, model: ModelSettings, run: DeploymentRun, *, is_later: bool = False
) -> dict[str, Any] | None:
    """Look at a version in an A/B test; the first look registers its plan and begins it.

    Args:
        is_later: see :func:`watch_shadow`.

    Returns:
        the report's ``decision`` and ``reason``, once it is to be promoted; None while the test goes on.

    Raises:
        RolloutError: the champion has all traffic again (the message says why), or another challenger is there.
        ApprovalError: nobody has approved the version.
    """
    settings, name = model.rollout.ab_test, model.name

    def read(number: int) -> ModelContract:
        with open_session(uri) as session:
            found = require_version(session, name, number)
        return read_contract(tracking_uri, found)

    try:
        with open_session(uri) as session:
            check_cleared(session, model, version)
        spec = find_spec(model)
        report = look_at_test(
            uri, spec, version, plan_test(settings, spec, TASKS[spec.task].score_name), settings,
            model.rollout.canary.criteria, model.gates.value.gains, read, run,
        )  # fmt: skip
    except WarehouseError as error:
        if not is_later:
            raise
        log.warning("The A/B test of %s cannot be watched, its lease runs out: %s", name, error)
        return None
    if report is None:
        return None
    log.info("A/B test %s: %s", report["finding"], report["reason"])
    if report["decision"] == "restore":
        raise RolloutError(
            f"Candidate {version} was rolled back: its A/B test is {report['finding']}: {report['reason']}"
        )
    return {"decision": report["decision"], "reason": report["reason"]}


def watch_switch(
    uri: str, tracking_uri: str, version: int, model: ModelSettings, held_s: float, run: DeploymentRun,
    *, is_later: bool = False,
) -> dict[str, Any] | None:  # fmt: skip
    """Give a version all traffic at once and judge it; the first look switches.

    Args:
        held_s: so long, and then a later call goes on.
        is_later: see :func:`watch_shadow`.

    Returns:
        the ``weight`` and the number of ``checks`` that it has passed; None while it is watched.

    Raises:
        RolloutError: the champion has all traffic again (the message says why), or another challenger is there.
        ApprovalError: nobody has approved the version.
    """
    name, plan = model.name, plan_switch(model.rollout)
    try:
        with open_session(uri) as session:
            check_cleared(session, model, version)
            ended = begin_challenge(session, name, version, 1.0, plan.lease_s, run, "blue_green")
            if ended is not None:
                raise RolloutError(f"Candidate {version} was rolled back before: {describe_end(ended)}")
            session.commit()
            show_challenger(session, tracking_uri, name, version)
    except WarehouseError as error:
        if not is_later:
            raise
        log.warning("The switch of %s cannot be watched, its lease runs out: %s", name, error)
        return None
    compare_s = model.rollout.blue_green.compare_s
    decision = run_canary_step(uri, name, 1.0, plan, log_progress, held_s, run, compare_s)
    if decision is None:
        return None
    if decision.action != "proceed":
        show_challenger(None, tracking_uri, name, None)
        raise RolloutError(f"Candidate {version} was rolled back after its switch: {decision.reason}")
    return {"weight": 1.0, "checks": len(decision.checks)}


def summarise_shadow(report: Mapping[str, Any]) -> str:
    """The report of a shadow test for whoever approves, in Markdown; a warning where it is inconclusive."""
    lines = ["", ""]
    if report["verdict"] == "inconclusive":
        lines += [f"**Warning.** The shadow test is inconclusive: {report['reason']}", ""]
    lines += ["| shadow check | passed | observed | threshold |", "|---|---|---|---|"]
    lines += [
        f"| {one['name']} | {'yes' if one['is_passed'] else 'NO'} | {_show(one['observed'])} | {one['threshold']} |"
        for one in report["checks"]
    ]
    lines += ["", "| shadow figure | value |", "|---|---|"]
    lines += [f"| {name} | {_show(value)} |" for name, value in report["figures"].items() if value is not None]
    return "\n".join(lines)


def _show(value: Any) -> str:
    return f"{value:.6g}" if isinstance(value, float) else str(value)
