"""The orders of the benchmark, and what is made of them by hand."""

from __future__ import annotations

from datetime import date

import numpy as np
import pandas as pd
import pytest

from benchmarks.adoption import join, score_people
from benchmarks.adoption_data import (
    BEGIN,
    DAYS,
    Orders,
    add_related,
    build_features,
    find_probabilities,
    make_orders,
    make_people,
    make_related,
    score_by_hand,
    split_visits,
)
from benchmarks.catalog import BenchmarkError

UNUSED = (np.array([]), np.array([]))


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
    orders = Orders(pd.DataFrame(), np.array([0.1, 0.1, 0.1]), np.array([0.001, 0.001, 0.02]), *UNUSED)
    rows = pd.DataFrame({"member_id": [1000, 1001, 1002], "recency": [1, 50, 1]})
    fresh, silent, fickle = find_probabilities(orders, rows)
    assert 0 < fresh < fickle < silent < 1


def test_a_rate_of_nothing_is_certain_silence() -> None:
    orders = Orders(pd.DataFrame(), np.array([1e-9]), np.array([1e-9]), *UNUSED)
    assert find_probabilities(orders, pd.DataFrame({"member_id": [1000], "recency": [1]}))[0] > 0.999


def test_the_model_by_hand_learns_from_the_training_rows_alone() -> None:
    dice = np.random.default_rng(3)
    recency = dice.integers(1, 80, 3000)
    rows = pd.DataFrame({"as_of_date": date(2026, 3, 8), "member_id": range(3000), "recency": recency})
    rows["label"] = dice.random(3000) < recency / 80
    rows["split"] = np.where(dice.random(3000) < 0.5, "train", "test")
    assert 0.75 < score_by_hand(rows) < 0.9


def test_visits_are_in_a_file_of_every_day_and_end_when_the_member_does() -> None:
    orders = make_orders(20_000)
    visits = make_related(orders)["visits"]
    by_day = split_visits(visits)
    assert len(by_day) == DAYS
    assert sum(map(len, by_day.values())) == len(visits)
    days = (pd.to_datetime(visits["visited_at"]).dt.tz_localize(None) - pd.Timestamp(BEGIN)).dt.total_seconds() / 86_400
    assert (days.to_numpy() <= orders.ends[visits["member_id"].to_numpy() - 1000]).all()


def test_visits_of_the_as_of_date_and_later_are_not_known() -> None:
    visits = pd.DataFrame({"member_id": [1, 1, 1], "visited_at": [f"2026-03-0{day}T09:00:00Z" for day in (6, 7, 8)]})
    members = pd.DataFrame({"member_id": [1], "plan": ["yearly"]})
    features = pd.DataFrame({"member_id": [1]})
    row = add_related(features, {"visits": visits, "members": members}, date(2026, 3, 8)).iloc[0]
    assert (row["visit_recency"], row["visits_7"], row["is_yearly"]) == (1, 2, 1)


def test_the_label_of_a_flat_table_can_be_learned_by_hand_nearly_as_well_as_it_is_known() -> None:
    people = make_people(7000)
    rows = people.frame[["person_id"]].assign(as_of_date=date(2026, 3, 8), label=people.frame["left_us"] == "yes")
    rows["split"] = np.where(np.arange(len(rows)) % 4 == 0, "test", "train")
    peers = score_people(rows, people)
    assert (
        0.75 < peers["made by hand with pandas and scikit-learn"] < peers["reachable, by the true probabilities"] + 0.01
    )


def test_an_entity_without_features_is_an_error() -> None:
    rows = pd.DataFrame({"member_id": [1, 2]})
    with pytest.raises(BenchmarkError, match="lack entities"):
        join(rows, pd.DataFrame({"member_id": [1], "recency": [3]}))
