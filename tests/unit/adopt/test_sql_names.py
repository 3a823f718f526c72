"""Names that stand in SQL without quotes."""

from __future__ import annotations

import pytest

from include.adopt.sql_names import check_column_names, check_model_names, is_plain, make_plain
from include.errors import SettingsError


@pytest.mark.parametrize(
    ("name", "plain"),
    [
        ("Hall Name", "hall_name"),
        ("Größe (cm)", "grosse_cm"),
        ("2nd", "_2nd"),
        ("Order", "order_value"),
        ("!", ""),
        ("начало", "nachalo"),
        ("金额", "jin_e"),
        ("№", ""),
    ],
)
def test_a_name_becomes_plain(name: str, plain: str) -> None:
    assert make_plain(name) == plain


@pytest.mark.parametrize("name", ["user", "Order", "a b", "2nd", ""])
def test_what_needs_quotes_is_not_plain(name: str) -> None:
    assert not is_plain(name)


def test_a_model_leaves_room_for_what_dbt_puts_before_it() -> None:
    check_model_names(["m" * 51])
    with pytest.raises(SettingsError, match="52 characters"):
        check_model_names(["fine", "m" * 52])


def test_columns_of_one_table_differ() -> None:
    check_column_names(["a", "b" * 63])
    with pytest.raises(SettingsError, match="Two columns"):
        check_column_names(["a", "b", "a"])
    with pytest.raises(SettingsError, match="64 characters"):
        check_column_names(["b" * 64])
