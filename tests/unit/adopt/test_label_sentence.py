"""A label is a sentence; one that cannot be read is answered with those that can."""

from __future__ import annotations

import pytest

from include.adopt.label_sentence import LabelSentence, read_label
from include.errors import SettingsError


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("no work orders in 28 days", LabelSentence("absence", 28)),
        ("No  work_orders in 1 day", LabelSentence("absence", 1)),
        ("work-orders in 365 days", LabelSentence("presence", 365)),
        ("sum of Net Weight in 7 days", LabelSentence("sum", 7, "Net Weight")),
        ("sum of days in stock in 7 days", LabelSentence("sum", 7, "days in stock")),
        ("sum of stock in the yard in the next 7 days", LabelSentence("sum", 7, "stock in the yard")),
        ("count in 14 days", LabelSentence("count", 14)),
        ("count of work orders in the next 14 days", LabelSentence("count", 14)),
        ("count of Net Weight in 14 days", LabelSentence("count", 14, "Net Weight")),
        ("no work orders in the next 28 days", LabelSentence("absence", 28)),
        ("work orders in next 28 days", LabelSentence("presence", 28)),
    ],
)
def test_a_sentence_is_read(text: str, expected: LabelSentence) -> None:
    assert read_label(text, "work_orders") == expected


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("churn", "'no work_orders in 28 days'"),
        ("mean of weight in 7 weeks", "'sum of COLUMN in 28 days'"),
        ("", "cannot be read"),
        ("no orders in 28 days", "'orders', and the events are those of the source 'work_orders'"),
        ("no work_order in 28 days", "Did you mean 'work_orders'?"),
        ("count in 0 days", "looks at 0 days"),
        ("count in 366 days", "1 to 365"),
        ("work orders in -3 days", "looks at -3 days"),
        ("no work orders in 2.5 days", "whole days"),
        ("count in ten days", "looks at ten days"),
        ("count in ² days", "looks at ² days"),
    ],
)
def test_what_cannot_be_read_is_answered(text: str, said: str) -> None:
    with pytest.raises(SettingsError) as caught:
        read_label(text, "work_orders")
    assert said in str(caught.value)
    assert text in str(caught.value)


@pytest.mark.parametrize(("days", "active"), [(1, 2), (28, 56), (42, 84), (43, 84), (365, 84)])
def test_the_active_window_is_twice_the_horizon_and_at_most_84_days(days: int, active: int) -> None:
    assert LabelSentence("count", days).active_days == active


def test_the_active_window_is_no_longer_than_what_features_look_back_at() -> None:
    assert LabelSentence("count", 28, lookback_days=28).active_days == 28
    assert LabelSentence("count", 7, lookback_days=28).active_days == 14
