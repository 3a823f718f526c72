"""The orders of the benchmark, and what is made of them by hand."""

from __future__ import annotations

from datetime import date

import numpy as np
import pandas as pd

from benchmarks.adoption import Orders, build_features, find_probabilities, make_orders, score_by_hand


def test_orders_are_the_same_every_time_and_about_as_many_as_asked_for() -> None:
    orders, again = make_orders(20_000).frame, make_orders(20_000).frame
    assert orders.equals(again)
    assert 0.7 < len(orders) / 20_000 < 1.4
    assert orders["order_id"].is_unique
    assert orders["ordered_at"].is_monotonic_increasing


def test_features_know_nothing_of_the_as_of_date_and_later() -> None:
    orders = pd.DataFrame(
        {
            "member_id": [1, 1, 1, 2],
            "ordered_at": [
                "2026-03-01T09:00:00Z",
                "2026-03-07T23:59:59Z",
                "2026-03-08T00:00:00Z",
                "2026-03-08T10:00:00Z",
            ],
            "amount": [2.0, 3.0, 100.0, 100.0],
        }
    )
    features = build_features(orders, date(2026, 3, 8))
    assert features["member_id"].tolist() == [1]
    row = features.iloc[0]
    assert (row["recency"], row["orders_7"], row["amount_7"], row["orders_84"]) == (1, 2, 5.0, 2)


def test_the_true_probability_rises_with_silence_and_with_the_hazard() -> None:
    orders = Orders(pd.DataFrame(), np.array([0.1, 0.1, 0.1]), np.array([0.001, 0.001, 0.02]))
    rows = pd.DataFrame({"member_id": [1000, 1001, 1002], "recency": [1, 50, 1]})
    fresh, silent, fickle = find_probabilities(orders, rows)
    assert 0 < fresh < fickle < silent < 1


def test_a_rate_of_nothing_is_certain_silence() -> None:
    orders = Orders(pd.DataFrame(), np.array([1e-9]), np.array([1e-9]))
    assert find_probabilities(orders, pd.DataFrame({"member_id": [1000], "recency": [1]}))[0] > 0.999


def test_the_model_by_hand_learns_from_the_training_rows_alone() -> None:
    dice = np.random.default_rng(3)
    recency = dice.integers(1, 80, 3000)
    rows = pd.DataFrame({"as_of_date": date(2026, 3, 8), "member_id": range(3000), "recency": recency})
    rows["label"] = dice.random(3000) < recency / 80
    rows["split"] = np.where(dice.random(3000) < 0.5, "train", "test")
    assert 0.75 < score_by_hand(rows) < 0.9
