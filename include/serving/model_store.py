"""The versions of one model in memory: loaded beside the traffic, swapped between two requests."""

from __future__ import annotations

import asyncio
import logging
import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Literal

from include.rollout.state import RolloutState
from include.serving.loader import ServedModel
from include.serving.request_check import RequestCheck
from include.serving.workers import run_in_daemon_thread

log = logging.getLogger(__name__)

Status = Literal["loading", "ready", "failed"]

_ATTEMPTS: Final = 3
_RETRY_MAX_S: Final = 30.0
_STAGED_MAX: Final = 2


@dataclass
class Slot:
    """One version on its way into memory; ``failed`` after three attempts, and tried again later."""

    version: int
    status: Status = "loading"
    model: ServedModel | None = None
    reason: str = "is being loaded"
    attempts: int = 0
    retry_at: float = 0.0
    is_busy: bool = False


@dataclass(frozen=True)
class Routing:
    """Who answers now. A request takes one of these and keeps it to its end, whatever is swapped.

    ``check`` is what a request must fulfil; it is there when there is a champion. ``lease_ends_at`` is by this
    process's own clock, so that a lease runs out also while the warehouse is away.
    """

    champion: ServedModel | None = None
    check: RequestCheck | None = None
    challenger: ServedModel | None = None
    challenger_version: int | None = None
    challenger_weight: float = 0.0
    challenger_failure: str | None = None
    lease_ends_at: float = math.inf
    shadow_share: float = 0.0

    @property
    def is_leased(self) -> bool:
        """Whether there is a challenger with a share that somebody watches; else the champion answers all."""
        return self.challenger_version is not None and self.challenger_weight > 0 and self.is_watched

    @property
    def is_shadowed(self) -> bool:
        """Whether there is a challenger that gets copies of questions, and somebody who watches it."""
        return self.shadow_share > 0 and self.is_watched

    @property
    def is_watched(self) -> bool:
        """Whether the lease of the challenger, if there is one, lasts."""
        return time.monotonic() < self.lease_ends_at


class ModelStore:
    """Keeps champion, challenger and the versions that staging asked for; belongs to the event loop."""

    def __init__(self, load: Callable[[int], ServedModel], loads: asyncio.Semaphore) -> None:
        """``loads`` is held while a version is fetched and opened; the stores of all models share it."""
        self._load = load
        self._loads = loads
        self._loading: set[asyncio.Task[None]] = set()
        self._slots: dict[int, Slot] = {}
        self._staged: list[int] = []
        self._wanted: RolloutState | None = None
        self._lease_ends_at = 0.0
        self._no_rollout_reason = "serving.rollouts has not been read yet"
        self.trouble: str | None = None
        self.routing = Routing()

    @property
    def slots(self) -> tuple[Slot, ...]:
        """Every version in memory, or on its way there, or failed."""
        return tuple(self._slots.values())

    @property
    def reason(self) -> str:
        """Why there is no champion to answer; or which one answers, and what keeps its successor from it."""
        slot = self._slots.get(self._wanted.champion_version) if self._wanted else None
        champion = self.routing.champion
        if champion is None:
            waiting = f"champion version {slot.version} {slot.reason}" if slot else self._no_rollout_reason
            return self.trouble or waiting
        answers = f"champion version {champion.version} answers"
        if self.routing.challenger_version is not None and not self.routing.is_watched:
            title = self._wanted.title if self._wanted else "canary"
            answers += f", all of it: nobody watches the {title} of version {self.routing.challenger_version} any more"
        if self.trouble is not None:
            return f"{answers}; {self.trouble}"
        if slot is not None and slot.version != champion.version:
            return f"{answers}; champion is version {slot.version} now, which {slot.reason}"
        return answers

    def apply(self, state: RolloutState) -> None:
        """Follow the rollout: load what is missing, route what is loaded, forget the rest."""
        self._wanted, self._lease_ends_at = state, time.monotonic() + state.lease_left_s
        wanted = {state.champion_version, *self._staged}
        if state.challenger_version is not None:
            wanted.add(state.challenger_version)
        if self.routing.champion is not None:
            wanted.add(self.routing.champion.version)
        for version in self._slots.keys() - wanted:
            del self._slots[version]
        for version in wanted:
            self._ensure(version)
        self._reroute()

    @property
    def failure(self) -> str | None:
        """Why there is no champion to answer, once that was given up for now; else None."""
        if self.routing.champion is not None:
            return None
        slot = self._slots.get(self._wanted.champion_version) if self._wanted else None
        is_given_up = self.trouble is not None or (slot is not None and slot.status == "failed")
        return self.reason if is_given_up else None

    @property
    def is_settled(self) -> bool:
        """Whether the champion answers, could not be loaded, or is none at all."""
        return self._wanted is None or self.routing.champion is not None or self.failure is not None

    def follow(self, state: RolloutState) -> None:
        """Like :meth:`apply`; what goes wrong is kept in ``trouble`` and logged once, and takes no answers away."""
        try:
            self.apply(state)
        except Exception as error:  # a fault here must not reach the other models
            trouble = f"does not follow its rollout: {type(error).__name__}: {error}"
            if trouble != self.trouble:
                message = "Model %r %s. What answers now goes on answering."
                log.warning(message, state.model_name, trouble, exc_info=error)
            self.trouble = trouble
        else:
            self.trouble = None

    def note_no_rollout(self, reason: str) -> None:
        """Remember why there is no rollout to follow; what answers now goes on answering."""
        self._no_rollout_reason = reason

    def stage(self, version: int) -> Slot:
        """The slot of one explicit version; asking for it starts to load it."""
        if version in self._staged:
            self._staged.remove(version)
        self._staged = [*self._staged, version][-_STAGED_MAX:]
        return self._ensure(version)

    def _ensure(self, version: int) -> Slot:
        slot = self._slots.setdefault(version, Slot(version))
        if slot.model is None and not slot.is_busy and time.monotonic() >= slot.retry_at:
            slot.is_busy = True
            task = asyncio.create_task(self._load_slot(slot))
            self._loading.add(task)
            task.add_done_callback(self._loading.discard)
        return slot

    async def _load_slot(self, slot: Slot) -> None:
        try:
            async with self._loads:
                if self._slots.get(slot.version) is not slot:
                    # Nobody wants it any more: other versions were asked for while it waited for its turn.
                    return
                # A download that hangs must not hold up the end of the process.
                model = await run_in_daemon_thread(lambda: self._load(slot.version), f"load-{slot.version}")
        except Exception as error:
            self._note_failure(slot, f"{type(error).__name__}: {error}")
        else:
            self._note_loaded(slot, model)

    def _note_loaded(self, slot: Slot, model: ServedModel) -> None:
        slot.model, slot.status, slot.reason, slot.is_busy = model, "ready", "is loaded", False
        self._reroute()

    def _note_failure(self, slot: Slot, reason: str) -> None:
        slot.attempts += 1
        pause_s = min(0.25 * 2**slot.attempts, _RETRY_MAX_S)
        slot.retry_at, slot.is_busy = time.monotonic() + pause_s, False
        slot.status = "failed" if slot.attempts >= _ATTEMPTS else "loading"
        slot.reason = f"could not be loaded ({slot.attempts} attempts, next in {pause_s:g} s): {reason}"
        if slot.attempts == _ATTEMPTS and self._wanted is not None:
            log.warning(
                "Version %d of model %r could not be loaded in %d attempts: %s. It is tried again; "
                "what answers now goes on answering.",
                slot.version, self._wanted.model_name, _ATTEMPTS, reason,
            )  # fmt: skip
        self._reroute()

    def _reroute(self) -> None:
        state = self._wanted
        if state is None:
            return
        champion = self._slots[state.champion_version].model or self.routing.champion
        slot = self._slots.get(state.challenger_version or 0)
        challenger = slot.model if slot else None
        self.routing = Routing(
            champion=champion,
            check=self._find_check(champion, challenger),
            challenger=challenger,
            challenger_version=state.challenger_version,
            challenger_weight=state.challenger_weight,
            challenger_failure=slot.reason if slot and slot.status == "failed" else None,
            lease_ends_at=self._lease_ends_at,
            shadow_share=state.shadow_share,
        )

    def _find_check(self, champion: ServedModel | None, challenger: ServedModel | None) -> RequestCheck | None:
        if champion is None:
            return None
        now = self.routing
        if now.check is not None and now.champion is champion and now.challenger is challenger:
            return now.check
        return RequestCheck(champion.contract, challenger.contract if challenger else None)
