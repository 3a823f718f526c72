"""Whether events go back far enough, and what helps where they do not."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from include.adopt.dialogue import Wishes
from include.adopt.history import check_history
from include.errors import AdoptError

FIRST = date(2026, 1, 1)


def refuse(days: int, label: str) -> str:
    with pytest.raises(AdoptError) as caught:
        check_history(Wishes("lapse", "member_id", "orders", label), (FIRST, FIRST + timedelta(days=days - 1)))
    return str(caught.value)


def test_enough_days_are_enough() -> None:
    wishes = Wishes("lapse", "member_id", "orders", "no orders in 28 days")
    check_history(wishes, (FIRST, FIRST + timedelta(days=84 + 3 * 28 + 28 - 1)))
    check_history(wishes, None)


def test_fewer_days_ahead_are_proposed_only_where_that_can_help() -> None:
    assert "needs 196: 84 for" in refuse(195, "no orders in 28 days")
    assert refuse(115, "no orders in 28 days").endswith("Deliver older days, or predict fewer days ahead.")
    assert refuse(114, "no orders in 28 days").endswith("Deliver older days; fewer than 115 are too few for any label.")
