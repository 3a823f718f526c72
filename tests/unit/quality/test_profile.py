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
