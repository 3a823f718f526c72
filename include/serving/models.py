"""The versions in memory: loaded beside the traffic, swapped between two requests."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Literal

from include.rollout.state import RolloutState
from include.serving.loader import Loader, ServedModel

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
    """Who answers now. A request takes one of these and keeps it to its end, whatever is swapped."""

    champion: ServedModel | None = None
    challenger: ServedModel | None = None
    challenger_version: int | None = None
    challenger_weight: float = 0.0
    challenger_failure: str | None = None


class ModelStore:
    """Keeps champion, challenger and the versions that staging asked for; belongs to the event loop."""

    def __init__(self, load: Loader) -> None:
        self._load = load
        self._slots: dict[int, Slot] = {}
        self._staged: list[int] = []
        self._wanted: RolloutState | None = None
        self._no_rollout_reason = "serving.rollouts has not been read yet"
        self.routing = Routing()

    @property
    def slots(self) -> tuple[Slot, ...]:
        """Every version in memory, or on its way there, or failed."""
        return tuple(self._slots.values())

    @property
    def reason(self) -> str:
        """Why there is no champion to answer; or that there is one."""
        if self.routing.champion is not None:
            return f"champion version {self.routing.champion.version} answers"
        if self._wanted is None:
            return self._no_rollout_reason
        slot = self._slots[self._wanted.champion_version]
        return f"champion version {slot.version} {slot.reason}"

    def apply(self, state: RolloutState) -> None:
        """Follow the rollout: load what is missing, route what is loaded, forget the rest."""
        self._wanted = state
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
            self._start_load(slot)
        return slot

    def _start_load(self, slot: Slot) -> None:
        """Load in a daemon thread: a download that hangs must not hold up the end of the process."""
        loop = asyncio.get_running_loop()

        def report(finish: Callable[[], None]) -> None:
            # The loop is closed when the server ended before its download did.
            if not loop.is_closed():
                loop.call_soon_threadsafe(finish)

        def run() -> None:
            try:
                model = self._load(slot.version)
            except Exception as error:
                reason = f"{type(error).__name__}: {error}"
                report(lambda: self._note_failure(slot, reason))
            else:
                report(lambda: self._note_loaded(slot, model))

        threading.Thread(target=run, name=f"load-{slot.version}", daemon=True).start()

    def _note_loaded(self, slot: Slot, model: ServedModel) -> None:
        slot.model, slot.status, slot.reason, slot.is_busy = model, "ready", "is loaded", False
        self._reroute()

    def _note_failure(self, slot: Slot, reason: str) -> None:
        slot.attempts += 1
        pause_s = min(0.25 * 2**slot.attempts, _RETRY_MAX_S)
        slot.retry_at, slot.is_busy = time.monotonic() + pause_s, False
        slot.status = "failed" if slot.attempts >= _ATTEMPTS else "loading"
        slot.reason = f"could not be loaded ({slot.attempts} attempts, next in {pause_s:g} s): {reason}"
        self._reroute()

    def _reroute(self) -> None:
        state = self._wanted
        if state is None:
            return
        champion = self._slots[state.champion_version].model or self.routing.champion
        challenger = self._slots.get(state.challenger_version or 0)
        self.routing = Routing(
            champion=champion,
            challenger=challenger.model if challenger else None,
            challenger_version=state.challenger_version,
            challenger_weight=state.challenger_weight,
            challenger_failure=challenger.reason if challenger and challenger.status == "failed" else None,
        )
