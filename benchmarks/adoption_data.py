"""Data that the project has never seen, whose best possible score is known, and models made by hand."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from numpy.typing import NDArray

HORIZON, DAYS, ORDERS_A_MEMBER = 28, 420, 21
BEGIN: Final = date(2025, 9, 1)


@dataclass(frozen=True)
class Orders:
    """The data, and what only its maker knows: rate (orders a day) and hazard (ends a day) of each member."""

    frame: pd.DataFrame
    rates: NDArray[np.float64]
    hazards: NDArray[np.float64]
    begins: NDArray[np.float64]
    ends: NDArray[np.float64]


@dataclass(frozen=True)
class People:
    """A flat table with its label, and the true probability of the label of each row."""

    frame: pd.DataFrame
    probabilities: NDArray[np.float64]


def make_orders(rows: int) -> Orders:
    """About so many orders of members who order at a rate of their own and stop one day, the same every time.

    Members order at rates of their own (gamma) and stop for good after an exponential time, so that nobody can know
    more than rate, hazard, last order and chance.
    """
    import numpy as np
    import pandas as pd

    dice = np.random.default_rng(5)
    members = rows // ORDERS_A_MEMBER
    rates, hazards = dice.gamma(2.0, 0.045, members), dice.gamma(1.5, 0.0015, members)
    joined = dice.integers(-200, 250, members)
    ends = np.minimum(joined + dice.exponential(1 / hazards), DAYS)
    begins = np.maximum(joined, 0)
    counts = dice.poisson(rates * np.maximum(ends - begins, 0))
    who = np.repeat(np.arange(members), counts)
    at = begins[who] + dice.random(len(who)) * (ends - begins)[who]
    order = np.argsort(at, kind="stable")
    who, at = who[order], at[order]
    moments = np.datetime64(BEGIN.isoformat(), "s") + (at * 86_400).astype("timedelta64[s]")
    frame = pd.DataFrame(
        {
            "order_id": np.arange(1, len(who) + 1),
            "member_id": who + 1000,
            "ordered_at": pd.Series(moments).dt.strftime("%Y-%m-%dT%H:%M:%SZ"),
            "channel": dice.choice(["web", "app", "phone"], len(who), p=[0.5, 0.4, 0.1]),
            "amount": np.where(dice.random(len(who)) < 0.01, np.nan, np.round(dice.lognormal(3, 0.6, len(who)), 2)),
            "items": dice.integers(1, 9, len(who)),
        }
    )
    return Orders(frame, rates, hazards, begins, ends)


def make_related(orders: Orders) -> dict[str, pd.DataFrame]:
    """Four more tables beside the orders: visits of the same members while they are active, and three lists."""
    import numpy as np
    import pandas as pd

    dice = np.random.default_rng(6)
    counts = dice.poisson(orders.rates * 1.5 * np.maximum(orders.ends - orders.begins, 0))
    who = np.repeat(np.arange(len(orders.rates)), counts)
    at = orders.begins[who] + dice.random(len(who)) * (orders.ends - orders.begins)[who]
    order = np.argsort(at, kind="stable")
    moments = np.datetime64(BEGIN.isoformat(), "s") + (at[order] * 86_400).astype("timedelta64[s]")
    is_lasting = orders.hazards < np.median(orders.hazards)
    members = np.arange(len(orders.rates))
    return {
        "visits": pd.DataFrame(
            {
                "visit_id": np.arange(1, len(who) + 1),
                "member_id": who[order] + 1000,
                "visited_at": pd.Series(moments).dt.strftime("%Y-%m-%dT%H:%M:%SZ"),
                "pages": dice.integers(1, 30, len(who)),
            }
        ),
        "members": pd.DataFrame(
            {
                "member_id": members + 1000,
                "plan": np.where(dice.random(len(members)) < np.where(is_lasting, 0.7, 0.3), "yearly", "monthly"),
                "town": dice.choice(["Köln", "Lille", "Łódź"], len(members)),
            }
        ),
        "sites": pd.DataFrame({"site_id": range(1, 9), "region": ["north", "south"] * 4}),
        "prices": pd.DataFrame({"item_id": range(1, 201), "price": np.round(dice.lognormal(3, 0.6, 200), 2)}),
    }


def split_visits(visits: pd.DataFrame) -> dict[date, pd.DataFrame]:
    """The visits of each day, as a folder of daily files holds them."""
    days = visits["visited_at"].str[:10]
    every = (BEGIN + timedelta(days=number) for number in range(DAYS))
    parts = dict(iter(visits.groupby(days)))
    return {day: parts.get(day.isoformat(), visits.head(0)) for day in every}


def make_people(rows: int) -> People:
    """A flat labelled table without a time: four columns carry the label, two are chance, the same every time."""
    import numpy as np
    import pandas as pd

    dice = np.random.default_rng(7)
    contract = dice.choice(["monthly", "one year", "two years"], rows, p=[0.55, 0.21, 0.24])
    payment = dice.choice(["card", "transfer", "check", "debit"], rows)
    tenure, calls = dice.integers(0, 73, rows), dice.poisson(1.2, rows)
    logit = (
        pd.Series(contract).map({"monthly": 0.9, "one year": -0.9, "two years": -2.2}).to_numpy()
        + np.where(payment == "check", 0.8, 0)
        - 0.03 * tenure
        + 0.45 * calls
        - 0.9
    )
    probabilities = 1 / (1 + np.exp(-logit))
    frame = pd.DataFrame(
        {
            "person_id": [f"P-{number:05}" for number in range(rows)],
            "contract": contract,
            "payment": payment,
            "region": dice.choice(["north", "south", "east", "west"], rows),
            "tenure_months": tenure,
            "support_calls": calls,
            "monthly_fee": np.round(dice.normal(65, 30, rows).clip(18), 2),
            "left_us": np.where(dice.random(rows) < probabilities, "yes", "no"),
        }
    )
    return People(frame, probabilities)


def encode_people(people: pd.DataFrame) -> pd.DataFrame:
    """What one writes first of a flat table: its columns, with the strings in columns of zeros and ones."""
    import pandas as pd

    columns = people.drop(columns="left_us")
    return pd.get_dummies(columns, columns=["contract", "payment", "region"], dtype=float)


def build_features(orders: pd.DataFrame, as_of: Any) -> pd.DataFrame:
    """What one writes first: recency, and count and sum of four windows, of the days before a date."""
    import pandas as pd

    moments = pd.to_datetime(orders["ordered_at"]).dt.tz_localize(None)
    days_ago = (pd.Timestamp(as_of) - moments.dt.normalize()).dt.days
    known = orders.assign(days_ago=days_ago)[(days_ago >= 1) & (days_ago <= 84)]
    columns = {"recency": known.groupby("member_id")["days_ago"].min()}
    for window in (7, 28, 56, 84):
        part = known[known["days_ago"] <= window].groupby("member_id")["amount"]
        columns |= {f"orders_{window}": part.size(), f"amount_{window}": part.sum()}
    return pd.DataFrame(columns).fillna(0).reset_index().assign(as_of_date=as_of)


def add_related(features: pd.DataFrame, related: dict[str, pd.DataFrame], as_of: Any) -> pd.DataFrame:
    """The features of orders, with visits of four windows and the member's plan beside them."""
    import pandas as pd

    visits = related["visits"]
    moments = pd.to_datetime(visits["visited_at"]).dt.tz_localize(None)
    days_ago = (pd.Timestamp(as_of) - moments.dt.normalize()).dt.days
    known = visits.assign(days_ago=days_ago)[(days_ago >= 1) & (days_ago <= 84)]
    columns = {"visit_recency": known.groupby("member_id")["days_ago"].min()}
    for window in (7, 28, 56, 84):
        columns[f"visits_{window}"] = known[known["days_ago"] <= window].groupby("member_id").size()
    members = related["members"].set_index("member_id")
    columns["is_yearly"] = (members["plan"] == "yearly").astype(float)
    joined = features.join(pd.DataFrame(columns), on="member_id")
    return joined.fillna({"visit_recency": 85, **{f"visits_{window}": 0 for window in (7, 28, 56, 84)}})


def score_by_hand(rows: pd.DataFrame) -> float:
    """The better AUC of two models on the test rows."""
    from sklearn.ensemble import HistGradientBoostingClassifier
    from sklearn.linear_model import LogisticRegression
    from sklearn.metrics import roc_auc_score
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    names = [name for name in rows.columns if name not in ("as_of_date", "member_id", "person_id", "split", "label")]
    train, test = rows[rows["split"] == "train"], rows[rows["split"] == "test"]
    models = [
        HistGradientBoostingClassifier(learning_rate=0.05, max_iter=150, max_leaf_nodes=8, random_state=0),
        make_pipeline(StandardScaler(), LogisticRegression(max_iter=500)),
    ]
    scores = []
    for model in models:
        model.fit(train[names], train["label"])
        scores.append(float(roc_auc_score(test["label"], model.predict_proba(test[names])[:, 1])))
    return max(scores)


def find_probabilities(orders: Orders, test: pd.DataFrame) -> NDArray[np.float64]:
    """The true probability of no order in the horizon, of members whose last order is so many days ago.

    A member of rate r and hazard h who has not ordered for t days is active still with the odds of
    exp(-(r + h) t) to the integral of h exp(-(r + h) s) over s up to t.
    """
    import numpy as np

    place = test["member_id"].to_numpy() - 1000
    rate, hazard, quiet = orders.rates[place], orders.hazards[place], test["recency"].to_numpy(dtype=float)
    both = rate + hazard
    alive = np.exp(-both * quiet)
    active = alive / (alive + hazard / both * (1 - alive))
    no_order = np.exp(-both * HORIZON) + hazard / both * (1 - np.exp(-both * HORIZON))
    return 1 - active + active * no_order
