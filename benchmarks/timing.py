"""Contestants in turn: every repetition measures each of them once, another one first each time."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Mapping

Measure = Callable[[], float]
Tell = Callable[[str], None]


def interleave(
    contestants: Mapping[str, Measure], repetitions: int, tell: Tell, done: int = 0
) -> dict[str, list[float]]:
    """Measure all contestants ``repetitions`` times, so that whatever the machine does hits all of them.

    Args:
        contestants: functions that measure themselves, by name.
        done: repetitions that an earlier call has made; the turns go on from there.

    Returns:
        by name, what they returned, in the order of the repetitions.
    """
    names = list(contestants)
    found: dict[str, list[float]] = {name: [] for name in names}
    for repetition in range(done, done + repetitions):
        first = repetition % len(names)
        for name in names[first:] + names[:first]:
            measured = contestants[name]()
            found[name].append(measured)
            tell(f"  {repetition + 1}/{done + repetitions} {name}: {measured:,.3f}")
    return found


def stopwatch(work: Callable[[], object]) -> Measure:
    """A contestant that does ``work`` and returns its seconds; earlier garbage is collected before."""

    def measure() -> float:
        gc.collect()
        began_at = time.perf_counter()
        work()
        return time.perf_counter() - began_at

    return measure
