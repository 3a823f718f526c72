"""Profiles of columns."""

from __future__ import annotations

import json
from dataclasses import asdict

import pandas as pd
import pytest

from include.quality.profile import profile_column, profile_frame


def test_a_column_of_numbers() -> None:
    profile = profile_column("amount", pd.Series([1.0, 2.0, 3.0, 4.0, None]))

    assert (profile.row_count, profile.null_count, profile.distinct_count) == (5, 1, 4)
    assert (profile.minimum, profile.maximum, profile.mean) == ("1.0", "4.0", 2.5)
    assert profile.standard_deviation == pytest.approx(1.25**0.5)
    assert profile.quantiles is not None
    assert profile.quantiles["0.5"] == 2.5
    assert profile.top_values is None


def test_a_column_of_text() -> None:
    profile = profile_column("shop", pd.Series(["north", "south", "north", None]))

    assert profile.top_values == {"north": 2, "south": 1}
    assert (profile.minimum, profile.maximum, profile.mean, profile.quantiles) == ("north", "south", None, None)


def test_a_column_of_moments() -> None:
    profile = profile_column("sold_at", pd.to_datetime(pd.Series(["2026-03-09T12:00", "2026-03-08T12:00"])))

    assert profile.minimum == "2026-03-08 12:00:00"
    assert profile.mean is None


def test_numbers_and_moments_are_counted_in_bins_of_equal_width() -> None:
    numbers = profile_column("amount", pd.Series([0.0, 1.0, 9.9, 10.0, None])).histogram
    moments = profile_column(
        "sold_at", pd.to_datetime(pd.Series(["2026-03-08T00:00", "2026-03-09T00:00", "2026-03-09T00:00", None]))
    ).histogram

    assert numbers is not None
    assert (numbers["low"], numbers["high"], len(numbers["counts"])) == ("0.0", "10.0", 20)
    assert [index for index, count in enumerate(numbers["counts"]) if count] == [0, 2, 19]
    assert numbers["counts"][19] == 2
    assert moments is not None
    assert (moments["low"], moments["high"]) == ("2026-03-08 00:00:00", "2026-03-09 00:00:00")
    assert (moments["counts"][0], moments["counts"][-1], sum(moments["counts"])) == (1, 2, 3)


@pytest.mark.parametrize(
    ("values", "counts"),
    [([7, 7, 7], [3]), ([float("inf"), 1.0], None), ([1.7e308, -1.7e308], None), (["a", "b"], None), ([None], None)],
)
def test_a_histogram_of_one_value_and_of_what_has_no_range(values: list[object], counts: list[int] | None) -> None:
    histogram = profile_column("amount", pd.Series(values)).histogram

    assert (None if histogram is None else histogram["counts"]) == counts


@pytest.mark.parametrize("values", [pd.Series([], dtype="float64"), pd.Series([None, None], dtype="object")])
def test_a_column_without_values(values: pd.Series) -> None:
    profile = profile_column("empty", values)

    assert (profile.null_count, profile.distinct_count) == (len(values), 0)
    assert (profile.minimum, profile.mean, profile.quantiles, profile.top_values) == (None, None, None, None)


def test_a_profile_is_json() -> None:
    frame = pd.DataFrame({"amount": [1, 2], "shop": ["a", "b"], "unused": [0, 0]})

    profiles = profile_frame(frame, {"shop": "string", "amount": "int64", "absent": "int64"})

    assert [one["column_name"] for one in json.loads(json.dumps([asdict(one) for one in profiles]))] == [
        "shop",
        "amount",
    ]
