"""Work that is done ahead of whoever uses its results."""

from __future__ import annotations

import threading
from contextvars import ContextVar
from functools import partial

import pytest

from include.warehouse.ahead import work_ahead


def test_results_come_in_their_order_and_all_of_them() -> None:
    assert list(work_ahead(partial(int, number) for number in range(20))) == list(range(20))
    assert list(work_ahead([])) == []


def test_the_next_piece_is_done_while_a_result_is_used_and_no_further_one() -> None:
    done = [threading.Event() for _ in range(4)]

    def work(number: int) -> int:
        done[number].set()
        return number

    results = work_ahead(partial(work, number) for number in range(4))
    assert next(results) == 0
    assert done[1].wait(60)
    assert not done[2].wait(0.2)
    assert list(results) == [1, 2, 3]


def test_an_error_comes_where_its_result_is_asked_for() -> None:
    results = work_ahead([lambda: 1, lambda: 1 // 0, lambda: 3])
    assert next(results) == 1
    with pytest.raises(ZeroDivisionError):
        next(results)


def test_work_sees_the_context_of_who_asks() -> None:
    variable: ContextVar[str] = ContextVar("variable", default="nothing")
    variable.set("what was set")
    assert list(work_ahead([variable.get, variable.get])) == ["what was set"] * 2
