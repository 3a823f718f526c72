"""Frames keep their values and get the dtypes that pandas users expect."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from include.errors import WarehouseError
from include.warehouse.arrow import read_table, write_arrow
from include.warehouse.frames import from_frame, to_frame


@pytest.fixture
def frame() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "id": [1, 2, 3],
            "n": pd.array([1, None, 3], dtype="Int64"),
            "score": [0.5, np.nan, -1.0],
            "is_promo": [True, False, True],
            "is_known": pd.array([True, None, False], dtype="boolean"),
            "name": ["a", None, "æ"],
            "price": [Decimal("12.50"), None, Decimal("-0.01")],
            "day": [date(2017, 1, 1), None, date(2017, 12, 31)],
            "sold_at": pd.Series(pd.to_datetime(["2017-01-01", None, "2017-06-01"], utc=True)).dt.as_unit("us"),
            "local_at": pd.Series(pd.to_datetime(["2017-01-01", None, "2017-06-01"])).dt.as_unit("us"),
        }
    )


def test_a_frame_comes_back_as_it_went(warehouse_uri: str, frame: pd.DataFrame) -> None:
    write_arrow(warehouse_uri, "ml.t", from_frame(frame), "replace")

    pd.testing.assert_frame_equal(to_frame(read_table(warehouse_uri, "ml.t")), frame)


def test_an_empty_frame_comes_back_with_its_columns(warehouse_uri: str, frame: pd.DataFrame) -> None:
    empty = frame[["id", "score", "sold_at", "is_promo"]].iloc[:0]

    write_arrow(warehouse_uri, "ml.t", from_frame(empty), "replace")

    pd.testing.assert_frame_equal(to_frame(read_table(warehouse_uri, "ml.t")), empty)


def test_another_zone_comes_back_as_the_same_instant(warehouse_uri: str) -> None:
    sold_at = pd.Series(pd.to_datetime(["2017-03-12 03:30"]).tz_localize("America/New_York"))

    write_arrow(warehouse_uri, "ml.t", from_frame(pd.DataFrame({"sold_at": sold_at})), "replace")

    back = to_frame(read_table(warehouse_uri, "ml.t"))["sold_at"]
    assert str(back.dtype) == "datetime64[us, UTC]"
    assert back[0] == sold_at[0]


def test_categoricals_become_their_values(warehouse_uri: str) -> None:
    frame = pd.DataFrame({"brand": pd.Categorical(["own", "other", None]), "size": pd.Categorical([1.5, 2.5, 1.5])})

    write_arrow(warehouse_uri, "ml.t", from_frame(frame), "replace")

    back = to_frame(read_table(warehouse_uri, "ml.t"))
    assert back["brand"].tolist() == ["own", "other", None]
    assert back["size"].tolist() == [1.5, 2.5, 1.5]


def test_the_index_is_left_out_and_other_column_labels_become_text() -> None:
    table = from_frame(pd.DataFrame({0: [1], "b": [2]}, index=["x"]))

    assert table.column_names == ["0", "b"]


def test_decimals_are_exact_in_any_notation_and_with_gaps() -> None:
    values = [Decimal("1E+3"), None, Decimal("NaN"), Decimal("-0.001"), 2]

    table = from_frame(pd.DataFrame({"price": pd.Series(values, dtype=object)}))

    assert table["price"].to_pylist() == [Decimal("1000"), None, None, Decimal("-0.001"), Decimal(2)]


def test_repeated_and_unique_values_are_decoded_alike() -> None:
    repeated = [Decimal("1.10"), None, Decimal("1.10")] * 2_000
    unique = [f"name {i}" for i in range(len(repeated))]

    frame = to_frame(pa.table({"price": repeated, "name": unique, "group": ["a", None, "b"] * 2_000}))

    assert frame["price"].tolist() == repeated
    assert frame["name"].tolist() == unique
    assert frame["group"].tolist() == ["a", None, "b"] * 2_000


@pytest.mark.parametrize(
    "values",
    [
        ["1E+40"],
        ["9" * 39],
        ["1E-39"],
        ["1E+10", "1E-30"],
        ["1.5", "1E-50"],
        ["1", "Infinity"],
        ["Infinity", "1"],
    ],
)
def test_decimals_without_an_exact_form_are_refused_by_the_name_of_their_column(values: list[str]) -> None:
    with pytest.raises(WarehouseError, match="'price'"):
        from_frame(pd.DataFrame({"price": pd.Series([Decimal(value) for value in values], dtype=object)}))


def test_decimals_after_a_long_gap_are_exact() -> None:
    values = [None] * 5_000 + [Decimal("0.10")]
    table = from_frame(pd.DataFrame({"price": pd.Series(values, dtype=object)}))
    assert table["price"].to_pylist() == values


@pytest.mark.parametrize("labels", [["a", "b", "a"], [1, "b", "1"]])
def test_two_columns_of_one_name_are_refused_by_it(labels: list[object]) -> None:
    with pytest.raises(WarehouseError, match=r"two columns '[a1]'"):
        from_frame(pd.DataFrame([[1, 2, 3]], columns=pd.Index(labels)))


def test_a_column_of_mixed_types_is_refused_by_name() -> None:
    with pytest.raises(WarehouseError, match="mixed"):
        from_frame(pd.DataFrame({"mixed": [1, "x"]}))
