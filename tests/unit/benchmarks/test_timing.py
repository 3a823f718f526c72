"""Contestants take turns."""

from __future__ import annotations

from collections.abc import Callable

from benchmarks.timing import interleave, stopwatch


def note_calls(calls: list[str]) -> dict[str, Callable[[], float]]:
    """Two contestants that write down when it is their turn and return how many turns there were."""

    def make(name: str) -> Callable[[], float]:
        def measure() -> float:
            calls.append(name)
            return float(len(calls))

        return measure

    return {name: make(name) for name in ("ours", "peer")}


def test_another_one_goes_first_each_time() -> None:
    calls: list[str] = []
    found = interleave(note_calls(calls), 3, lambda _: None)
    assert calls == ["ours", "peer", "peer", "ours", "ours", "peer"]
    assert found == {"ours": [1.0, 4.0, 5.0], "peer": [2.0, 3.0, 6.0]}


def test_turns_go_on_where_an_earlier_call_stopped() -> None:
    calls: list[str] = []
    contestants, told = note_calls(calls), []
    interleave(contestants, 1, told.append)
    interleave(contestants, 2, told.append, done=1)
    assert calls == ["ours", "peer", "peer", "ours", "ours", "peer"]
    assert [line.split()[0] for line in told] == ["1/1", "1/1", "2/3", "2/3", "3/3", "3/3"]


def test_the_stopwatch_does_the_work_once_each_time() -> None:
    done: list[int] = []
    measure = stopwatch(lambda: done.append(1))
    assert measure() > 0
    assert measure() > 0
    assert len(done) == 2
