"""Who answers: one row per model in ``serving.rollouts``, changed by compare-and-set only.

MLflow aliases have no compare-and-set, so this row is the truth and the aliases follow it. Every
change names the ``row_version`` that it was decided on, and appends to ``serving.rollout_events``.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Final, Literal

from include.errors import RolloutError
from include.rollout.events import append_event, read_former_champions, read_last_event
from include.rollout.runs import TAKEN_OVER, DeploymentRun, describe_run, read_run_event
from include.warehouse.session import Session

Stage = Literal["idle", "shadow", "canary", "ab_test", "blue_green"]

STAGE_TITLES: Final = {
    "idle": "challenge", "shadow": "shadow test", "canary": "canary", "ab_test": "test of A and B",
    "blue_green": "blue-green switch",
}  # fmt: skip
"""What a stage is called in messages, behind the article *a*."""

COLUMNS: Final = (
    "model_name, champion_version, challenger_version, challenger_weight, shadow_share, stage, row_version, "
    "updated_at, "
    "coalesce(extract(epoch from lease_until - clock_timestamp()), 0)::double precision as lease_left_s"
)
LEASE_S: Final = 60.0


@dataclass(frozen=True)
class RolloutState:
    """One row of ``serving.rollouts``; ``challenger_weight`` is a share of traffic in [0, 1].

    Attributes:
        shadow_share: the share of the champion's questions that the challenger gets a copy of.
        lease_left_s: how long the challenger has its share from the moment of reading, unless somebody who watches it
            renews its lease; 0 or less for no longer.
    """

    model_name: str
    champion_version: int
    challenger_version: int | None
    challenger_weight: float
    stage: Stage
    row_version: int
    updated_at: datetime
    shadow_share: float = 0.0
    lease_left_s: float = field(default=0.0, compare=False)

    @property
    def title(self) -> str:
        """What runs, for messages."""
        return STAGE_TITLES[self.stage]


def read_rollout(session: Session, model_name: str) -> RolloutState | None:
    """The rollout of a model, or None if it never had a champion."""
    row = session.fetch_one(f"select {COLUMNS} from serving.rollouts where model_name = %s", (model_name,))
    return None if row is None else RolloutState(**row)


def require_rollout(session: Session, model_name: str) -> RolloutState:
    """The rollout of a model that has a champion.

    Raises:
        RolloutError: it never had one.
    """
    state = read_rollout(session, model_name)
    if state is None:
        raise RolloutError(f"Model {model_name!r} has no champion yet. Bootstrap its first champion.")
    return state


def bootstrap_champion(session: Session, model_name: str, version: int) -> RolloutState:
    """Make ``version`` the first ever champion; done again with the same version, nothing happens.

    Raises:
        RolloutError: the model has another champion already.
    """
    row = session.fetch_one(
        "insert into serving.rollouts (model_name, champion_version) values (%s, %s) "
        f"on conflict (model_name) do nothing returning {COLUMNS}",
        (model_name, version),
    )
    if row is not None:
        state = RolloutState(**row)
        _record(session, state, "bootstrapped", {})
        return state
    state = require_rollout(session, model_name)
    if state.champion_version != version:
        raise RolloutError(
            f"Model {model_name!r} already has champion version {state.champion_version}, so version "
            f"{version} cannot be its first. Start a canary for it."
        )
    return state


def start_canary(
    session: Session, state: RolloutState, challenger_version: int, weight: float, lease_s: float = LEASE_S,
    *, stage: Stage = "canary", run: DeploymentRun | None = None,
) -> RolloutState:  # fmt: skip
    """Give ``challenger_version`` the share ``weight``; if it is the challenger already, continue as is.

    Args:
        lease_s: it has its share for so long; see :func:`renew_lease`.
        stage: what its share is called; canary, A/B test and blue-green differ in who judges it, and how.

    Raises:
        RolloutError: it is the champion, another challenger is there, or the row changed since it was read.
    """
    _check_weight(weight)
    wanted = replace(state, challenger_version=challenger_version, challenger_weight=weight, stage=stage)
    return _start(session, state, wanted, lease_s, run)


def start_shadow(
    session: Session, state: RolloutState, challenger_version: int, share: float, lease_s: float = LEASE_S,
    *, run: DeploymentRun | None = None,
) -> RolloutState:  # fmt: skip
    """Send ``challenger_version`` copies of a share of the champion's questions; it answers nobody.

    Raises:
        RolloutError: see :func:`start_canary`.
    """
    _check_weight(share)
    wanted = replace(state, challenger_version=challenger_version, shadow_share=share, stage="shadow")
    return _start(session, state, wanted, lease_s, run)


def _start(
    session: Session, state: RolloutState, wanted: RolloutState, lease_s: float, run: DeploymentRun | None
) -> RolloutState:
    """Make a version the challenger; who goes on with what another run has begun leaves an event of it."""
    version, started = wanted.challenger_version, f"{wanted.stage}_started"
    if (state.challenger_version, state.stage) == (version, wanted.stage):
        if run is not None and read_run_event(session, state.model_name, run, started, TAKEN_OVER) is None:
            _record(session, state, TAKEN_OVER, describe_run(run))
        return state
    if state.stage != "idle":
        raise RolloutError(
            f"Model {state.model_name!r} has a {state.title} of version {state.challenger_version} already. "
            f"Let it end, or run {state.model_name}.rollback_model, before the {wanted.title} of version {version}."
        )
    if state.champion_version == version:
        raise RolloutError(f"Version {version} of {state.model_name!r} is the champion; it needs no {wanted.title}.")
    return renew_lease(session, _change(session, wanted, started, describe_run(run)), lease_s)


def set_weight(session: Session, state: RolloutState, weight: float, lease_s: float = LEASE_S) -> RolloutState:
    """Give the challenger the share ``weight`` for ``lease_s``; the same weight again changes nothing but the lease.

    Raises:
        RolloutError: no canary runs, the weight is no share, or the row changed since it was read.
    """
    if state.stage in ("idle", "shadow"):
        raise RolloutError(f"Model {state.model_name!r} has no canary whose share could change. Start one first.")
    _check_weight(weight)
    if state.challenger_weight != weight:
        state = _change(session, replace(state, challenger_weight=weight), "weight_set", {})
    return renew_lease(session, state, lease_s)


def renew_lease(session: Session, state: RolloutState, lease_s: float) -> RolloutState:
    """Let the challenger have its share for ``lease_s`` from now on.

    Whoever watches a canary renews it at every look. When nobody does any more, model servers send all traffic to the
    champion, also while the warehouse is away.

    Raises:
        RolloutError: the row changed since it was read.
    """
    row = session.fetch_one(
        "update serving.rollouts set lease_until = clock_timestamp() + make_interval(secs => %s) "
        f"where model_name = %s and row_version = %s returning {COLUMNS}",
        (lease_s, state.model_name, state.row_version),
    )
    if row is None:
        raise RolloutError(_describe_conflict(state, read_rollout(session, state.model_name), "lease_renewed"))
    return RolloutState(**row)


def note_resumption(session: Session, state: RolloutState) -> None:
    """Leave an event that a challenger is watched again whose lease had run out: its step begins anew."""
    since = session.fetch_value(
        "select coalesce(lease_until, updated_at) from serving.rollouts where model_name = %s", (state.model_name,)
    )
    detail = {"unwatched_s": round(-state.lease_left_s, 1), "unwatched_since": since.isoformat()}
    _record(session, state, "resumed", detail)


def end_shadow(
    session: Session, state: RolloutState, detail: dict[str, Any], run: DeploymentRun | None = None
) -> RolloutState:
    """Take the copies away from a challenger in shadow, and keep what was found.

    Raises:
        RolloutError: none is in shadow, or the row changed since it was read.
    """
    if state.stage != "shadow":
        raise RolloutError(f"Model {state.model_name!r} has no challenger in shadow.")
    told = {"shadow_version": state.challenger_version, **detail, **describe_run(run)}
    return _change(session, _without_challenger(state), "shadow_ended", told)


def promote_challenger(
    session: Session, state: RolloutState, version: int, run: DeploymentRun | None = None
) -> RolloutState:
    """Make the challenger champion, if it is the version that is asked for; done again right after it, nothing happens.

    Raises:
        RolloutError: there is no challenger, or another one, or the row changed since it was read.
    """
    if state.challenger_version is None:
        last = read_last_event(session, state.model_name)
        if last is not None and (last.event, state.champion_version) == ("promoted", version):
            return state
        raise RolloutError(f"Model {state.model_name!r} has no challenger to promote. Start a canary first.")
    if state.challenger_version != version:
        raise RolloutError(
            f"The challenger of {state.model_name!r} is version {state.challenger_version}, not {version}. Nothing was "
            "promoted."
        )
    if state.stage == "shadow":
        raise RolloutError(f"Version {version} of {state.model_name!r} is in shadow: it has answered nobody yet.")
    wanted = replace(_without_challenger(state), champion_version=version)
    detail = {"previous_champion_version": state.champion_version, **describe_run(run)}
    return _change(session, wanted, "promoted", detail)


def promote_directly(
    session: Session, state: RolloutState, version: int, run: DeploymentRun | None = None
) -> RolloutState:
    """Make a version champion without a canary; done again, nothing happens.

    Raises:
        RolloutError: a canary runs, the version is not newer than every champion before, or the row changed since it
            was read.
    """
    if state.stage != "idle":
        raise RolloutError(
            f"Model {state.model_name!r} has a {state.title} of version {state.challenger_version}, which is not "
            f"judged yet. Let it end, or run {state.model_name}.rollback_model, before version {version} is promoted "
            "without one."
        )
    if state.champion_version == version:
        return state
    newest = max([state.champion_version, *read_former_champions(session, state.model_name)])
    if version <= newest:
        raise RolloutError(
            f"Version {version} of {state.model_name!r} is not newer than version {newest}, which is or was champion. "
            f"To put an earlier champion back, run {state.model_name}.rollback_model."
        )
    detail = {"previous_champion_version": state.champion_version, "strategy": "none", **describe_run(run)}
    return _change(session, replace(state, champion_version=version), "promoted", detail)


def roll_back(session: Session, state: RolloutState, reason: str, run: DeploymentRun | None = None) -> RolloutState:
    """End the canary (or what runs in its place), the champion takes all traffic; without a challenger nothing happens.

    Raises:
        RolloutError: the row changed since it was read.
    """
    if state.stage == "idle":
        return state
    detail = {"reason": reason, "rolled_back_version": state.challenger_version, **describe_run(run)}
    return _change(session, _without_challenger(state), "rolled_back", detail)


def restore_champion(
    session: Session, state: RolloutState, version: int, reason: str, overridden_by: str | None = None
) -> RolloutState:
    """Put an earlier champion back at once, and end a canary if one runs.

    Args:
        overridden_by: the person who answers for a version that was never champion; kept with the reason.

    Raises:
        RolloutError: the version was never champion and nobody answers for it, or the row changed since it was read.
    """
    if state.champion_version == version and state.stage == "idle":
        return state
    detail = {"reason": reason, "previous_champion_version": state.champion_version}
    if overridden_by is None:
        _check_was_champion(session, state, version)
    else:
        detail["overridden_by"] = overridden_by
    return _change(session, replace(_without_challenger(state), champion_version=version), "restored", detail)


def _check_was_champion(session: Session, state: RolloutState, version: int) -> None:
    champions = read_former_champions(session, state.model_name)
    if version in champions:
        return
    others = ", ".join(str(champion) for champion in champions if champion != state.champion_version)
    raise RolloutError(
        f"Version {version} of {state.model_name!r} was never champion, so it cannot be restored; the versions that "
        f"can be: {others or 'none'}. A new version goes into production by training, approval and canary: "
        f"run {state.model_name}.train_candidates. In an emergency an approver other than its trainer may set "
        "override."
    )


def _without_challenger(state: RolloutState) -> RolloutState:
    return replace(state, challenger_version=None, challenger_weight=0.0, shadow_share=0.0, stage="idle")


def _check_weight(weight: float) -> None:
    if not 0 < weight <= 1:
        raise RolloutError(f"{weight} is no share of traffic: a challenger's weight is above 0 and at most 1.")


def _change(session: Session, wanted: RolloutState, event: str, detail: dict[str, Any]) -> RolloutState:
    row = session.fetch_one(
        "update serving.rollouts set champion_version = %s, challenger_version = %s, challenger_weight = %s, "
        "shadow_share = %s, stage = %s, row_version = row_version + 1, updated_at = clock_timestamp() "
        f"where model_name = %s and row_version = %s returning {COLUMNS}",
        (
            wanted.champion_version,
            wanted.challenger_version,
            wanted.challenger_weight,
            wanted.shadow_share,
            wanted.stage,
            wanted.model_name,
            wanted.row_version,
        ),
    )
    if row is None:
        raise RolloutError(_describe_conflict(wanted, read_rollout(session, wanted.model_name), event))
    state = RolloutState(**row)
    _record(session, state, event, detail)
    return state


def _record(session: Session, state: RolloutState, event: str, detail: dict[str, Any]) -> None:
    append_event(
        session, state.model_name, event, champion_version=state.champion_version,
        challenger_version=state.challenger_version, challenger_weight=state.challenger_weight, detail=detail,
    )  # fmt: skip


def _describe_conflict(wanted: RolloutState, found: RolloutState | None, event: str) -> str:
    now = "is gone" if found is None else f"is at row version {found.row_version} ({_describe(found)})"
    return (
        f"The rollout of {wanted.model_name!r} was changed by another run: '{event}' was decided on row "
        f"version {wanted.row_version}, and the row {now}. Nothing was changed; read it again and decide anew."
    )


def _describe(state: RolloutState) -> str:
    challenger = (
        "no challenger"
        if state.challenger_version is None
        else f"challenger {state.challenger_version} at {state.challenger_weight:.0%}"
    )
    return f"champion {state.champion_version}, {challenger}"
