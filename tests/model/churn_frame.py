"""A synthetic shop with the shape of a real one: habits differ, some customers leave, some data is missing."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import numpy as np
import pandas as pd

TEST_DATE = date(2017, 12, 4)
FEATURES = [
    "recency_days", "orders_7d", "orders_28d", "orders_56d", "spend_28d", "gap_mean_days", "age_band", "kids_count",
]  # fmt: skip


def make_churn_frame(households: int = 600, training_cutoffs: int = 4, seed: int = 7) -> pd.DataFrame:
    """A training set as ``build_training_set`` makes it: training cutoffs, validation and test, 28 days apart."""
    generator = np.random.default_rng(seed)
    rates = np.minimum(generator.lognormal(np.log(0.12), 0.9, households), 0.9)
    frames = []
    for step in range(training_cutoffs + 2):
        back = training_cutoffs + 1 - step
        frame = simulate_cutoff(rates, generator)
        frame.insert(0, "as_of_date", TEST_DATE - timedelta(days=28 * back))
        frame.insert(2, "split", {0: "test", 1: "validation"}.get(back, "train"))
        frames.append(frame)
    return pd.concat(frames, ignore_index=True)


def simulate_cutoff(rates: np.ndarray[Any, Any], generator: np.random.Generator) -> pd.DataFrame:
    """Customers with a purchase in 56 days before the cutoff: features, and whether 28 days pass without one."""
    bought = generator.random((len(rates), 84)) < rates[:, None]
    is_leaving = generator.random(len(rates)) < 0.07
    leaves_at = np.where(is_leaving, generator.integers(0, 56, len(rates)), 84)
    bought &= np.arange(84) < leaves_at[:, None]
    past, future = bought[:, :56], bought[:, 56:]
    orders = past.sum(axis=1)
    recency = np.where(past.any(axis=1), 56 - (55 - past[:, ::-1].argmax(axis=1)), 0)
    orders_28d = past[:, 28:].sum(axis=1)
    unknown = generator.random(len(rates)) < 0.6
    columns = {
        "household_id": np.arange(1, len(rates) + 1),
        "churned": (~future.any(axis=1)).astype(np.int64),
        "recency_days": recency,
        "orders_7d": past[:, 49:].sum(axis=1),
        "orders_28d": orders_28d,
        "orders_56d": orders,
        "spend_28d": orders_28d * generator.lognormal(3, 0.5, len(rates)),
        "gap_mean_days": np.where(orders > 1, 56 / np.maximum(orders, 1), np.nan),
        "age_band": np.where(unknown, np.nan, generator.integers(1, 7, len(rates))),
        "kids_count": np.where(unknown, np.nan, generator.integers(0, 4, len(rates))),
    }
    frame = pd.DataFrame(columns).astype(dict.fromkeys(FEATURES, "float64"))
    return frame[orders > 0]
