"""The edge to Great Expectations: quiet, offline, and clear about what it saw."""

from __future__ import annotations

import gc
import os
import socket
import weakref
from typing import Any

import pandas as pd
import pytest

from include.quality.validate import (
    FrameSuite,
    Validator,
    describe_observed,
    prepare_great_expectations,
    validate_frames,
)

META = {"dimension": "range", "expected": "values from 0", "is_critical": True, "weight": 2.0}


def expect_at_least(column: str, minimum: float) -> Any:
    prepare_great_expectations()
    from great_expectations import expectations as gxe

    return gxe.ExpectColumnValuesToBeBetween(column=column, min_value=minimum, meta=META)


def test_nothing_is_printed(capfd: pytest.CaptureFixture[str]) -> None:
    frame = pd.DataFrame({"amount": [1.0, -2.0]})

    results = validate_frames([FrameSuite("sales", "rows", frame, [expect_at_least("amount", 0)])])

    assert [one.has_passed for one in results] == [False]
    assert capfd.readouterr() == ("", "")


def test_nothing_is_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GX_ANALYTICS_ENABLED", "true")
    calls: list[object] = []
    monkeypatch.setattr(socket.socket, "connect", lambda _, address: calls.append(address))
    monkeypatch.setattr(socket, "getaddrinfo", lambda *address, **_: calls.append(address))

    validate_frames([FrameSuite("sales", "rows", pd.DataFrame({"amount": [1.0]}), [expect_at_least("amount", 0)])])

    assert calls == []
    assert os.environ["GX_ANALYTICS_ENABLED"] == "false"


def test_a_result_carries_what_the_rule_said_about_itself() -> None:
    frame = pd.DataFrame({"amount": [1.0, -2.0, -3.0]})

    (result,) = validate_frames([FrameSuite("sales", "rows", frame, [expect_at_least("amount", 0)])])

    assert (result.source, result.dimension, result.column) == ("sales", "range", "amount")
    assert (result.is_critical, result.weight, result.expected) == (True, 2.0, "values from 0")
    assert result.observed == "2 of 3 rows that break the rule, such as -2.0, -3.0"


def test_a_rule_that_cannot_be_evaluated_is_broken_and_says_why() -> None:
    frame = pd.DataFrame({"amount": [1.0]})

    (result,) = validate_frames([FrameSuite("sales", "rows", frame, [expect_at_least("amuont", 0)])])

    assert not result.has_passed
    assert "cannot be evaluated" in result.observed
    assert "amuont" in result.observed


def test_frames_of_several_sources_go_in_one_call() -> None:
    good, bad = pd.DataFrame({"amount": [1.0]}), pd.DataFrame({"amount": [-1.0]})

    results = validate_frames(
        [
            FrameSuite("sales", "rows", good, [expect_at_least("amount", 0)]),
            FrameSuite("nothing", "rows", good, []),
            FrameSuite("visits", "rows", bad, [expect_at_least("amount", 0)]),
        ]
    )

    assert [(one.source, one.has_passed) for one in results] == [("sales", True), ("visits", False)]


@pytest.mark.parametrize(
    ("item", "expected"),
    [
        ({"result": {"observed_value": 0.1234567}}, "0.123457"),
        ({"result": {"observed_value": "int64"}}, "int64"),
        ({"result": {"observed_value": None}}, "no value"),
        ({"result": {"observed_value": [], "details": {"mismatched": {"unexpected": ["b"], "missing": ["a"]}}}},
         "unexpected b and missing a"),
        ({"result": {"unexpected_count": 2, "element_count": 9, "partial_unexpected_list": [None]}},
         "2 of 9 rows that break the rule"),
        ({"exception_info": {"raised_exception": True, "exception_message": "no such column"}},
         "that it cannot be evaluated (no such column)"),
    ],
)  # fmt: skip
def test_what_was_seen_is_said_in_words(item: dict[str, Any], expected: str) -> None:
    assert describe_observed(item) == expected


def test_a_frame_is_judged_by_itself_and_not_kept() -> None:
    validator = Validator()
    rule = expect_at_least("units", 0)
    frames = [pd.DataFrame({"units": [1, 2]}), pd.DataFrame({"units": [-1, 2]}), pd.DataFrame({"units": [3]})]

    verdicts = [validator.evaluate(frame, [rule], 1)[0]["success"] for frame in frames]
    left = [weakref.ref(frame) for frame in frames]
    frames.clear()
    gc.collect()

    assert verdicts == [True, False, True]
    assert [frame() for frame in left] == [None, None, None]
