"""Routing is sticky, in proportion, and fair between canaries."""

from __future__ import annotations

import pytest

from include.serving.router import compute_position, is_for_challenger

KEYS = [str(number) for number in range(20_000)]


@pytest.mark.parametrize("weight", [0.05, 0.25, 0.5])
def test_the_share_is_the_weight(weight: float) -> None:
    share = sum(is_for_challenger(key, 2, weight) for key in KEYS) / len(KEYS)
    assert share == pytest.approx(weight, abs=0.01)


def test_nobody_at_zero_and_everybody_at_one() -> None:
    assert not any(is_for_challenger(key, 2, 0.0) for key in KEYS)
    assert all(is_for_challenger(key, 2, 1.0) for key in KEYS)


def test_a_entity_stays_where_it_is_and_where_it_was_at_a_smaller_weight() -> None:
    small = {key for key in KEYS if is_for_challenger(key, 2, 0.05)}
    assert small == {key for key in KEYS if is_for_challenger(key, 2, 0.05)}
    assert small < {key for key in KEYS if is_for_challenger(key, 2, 0.25)}


def test_another_canary_tries_other_entitys_first() -> None:
    first = {key for key in KEYS if is_for_challenger(key, 2, 0.1)}
    second = {key for key in KEYS if is_for_challenger(key, 3, 0.1)}
    assert len(first & second) / len(first) == pytest.approx(0.1, abs=0.03)


def test_positions_are_the_same_on_every_machine() -> None:
    assert compute_position("42", 7) == 0.8371798033662009
    assert all(0 <= compute_position(key, 1) < 1 for key in KEYS)
