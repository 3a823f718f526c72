"""When a wait is given up: after a long time without any change, however slow the machine is."""

from __future__ import annotations

from collections.abc import Hashable

from include.operate.stall import StallWatch


class Clock:
    """A clock that a test moves."""

    def __init__(self) -> None:
        self.time = 1000.0

    def __call__(self) -> float:
        return self.time


def look(watch: StallWatch, clock: Clock, signs: Hashable, seconds: float, every_s: float = 5.0) -> bool:
    """Look at the same signs for so long; whether it is given up at the end."""
    end, is_stalled = clock.time + seconds, False
    while clock.time < end:
        clock.time += every_s
        is_stalled = watch.note(signs)
    return is_stalled


def test_it_is_given_up_only_after_the_whole_time_without_a_change() -> None:
    clock = Clock()
    watch = StallWatch(patience_s=600, clock=clock)
    assert not look(watch, clock, "a", 590)
    assert look(watch, clock, "a", 60)


def test_every_change_starts_the_time_anew() -> None:
    clock = Clock()
    watch = StallWatch(patience_s=600, clock=clock)
    assert not any(look(watch, clock, number, 500) for number in range(10))


def test_a_change_of_the_costly_signs_alone_counts() -> None:
    clock, grown = Clock(), [0]
    watch = StallWatch(lambda: grown[0], patience_s=600, clock=clock)
    for _ in range(5):
        assert not look(watch, clock, "a", 500)
        grown[0] += 1
    assert look(watch, clock, "a", 700)


def test_the_costly_signs_are_read_only_while_nothing_else_changes() -> None:
    clock, reads = Clock(), [0]

    def read() -> int:
        reads[0] += 1
        return 0

    watch = StallWatch(read, patience_s=600, clock=clock)
    for number in range(50):
        look(watch, clock, number, 10)
    assert reads[0] == 0
    look(watch, clock, "still", 60)
    assert 2 <= reads[0] <= 4


def test_a_machine_that_was_asleep_or_starved_is_given_more_time() -> None:
    clock = Clock()
    watch = StallWatch(patience_s=600, clock=clock)
    watch.note("a")
    clock.time += 86_400
    assert not watch.note("a")
    assert not look(watch, clock, "a", 3000, every_s=100)
