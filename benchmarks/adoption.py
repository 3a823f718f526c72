"""From files that the project has never seen to a model in production, by three commands.

Measured: for one CSV file of about 100,000 orders (a tenth of ``--rows``), made for this, in a clone of the project's
last commit: the seconds of ``make adopt``, of ``make lint`` on what it has written, of ``make up``, and of ``make run``
from the first file to the first monitored scores, with a canary under requests; the lines that a person has typed; and
the AUC of the champion against its peer, a model that is made by hand: scikit-learn's gradient boosting and logistic
regression on nine features computed with pandas for the same as-of dates, the better one of the two.

Fair because: the hand-made model has the same training rows, and is scored on the same test cutoff; its features are
those that one writes first (days since the last order, orders and amounts of four windows). The structure in the data
is known: members order at rates of their own and stop for good one day, so that nobody can know more than rate, last
order and chance; ``reachable`` is the AUC of the true probabilities.
"""

from __future__ import annotations

import os
import subprocess
import time
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from benchmarks.catalog import BenchmarkError, Options
from benchmarks.figure import Figure, compare, state
from benchmarks.surroundings import temporary_folder
from benchmarks.timing import Tell
from include.local.home import StackHome
from include.local.stack import Stack, find_stack, stop_stack
from include.operate.figures import read_champion
from include.registry.registry import read_version
from include.settings import PROJECT_ROOT
from include.warehouse.arrow import read_arrow

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from numpy.typing import NDArray

MODEL: Final = "lapse"
LABEL: Final = "no orders in 28 days"
HORIZON, DAYS, ORDERS_A_MEMBER = 28, 420, 21
BEGIN: Final = date(2025, 9, 1)


@dataclass(frozen=True)
class Orders:
    """The data, and what only its maker knows: rate (orders a day) and hazard (ends a day) of each member."""

    frame: pd.DataFrame
    rates: NDArray[np.float64]
    hazards: NDArray[np.float64]


def measure(options: Options, tell: Tell) -> list[Figure]:
    """Seconds of each command, and the AUC of what came of them.

    Raises:
        BenchmarkError: a command failed; the end of its output is in the message.
    """
    orders = make_orders(options.rows // 10)
    with temporary_folder() as folder:
        checkout, inbox = folder / "checkout", folder / "inbox"
        inbox.mkdir()
        orders.frame.to_csv(inbox / "orders.csv", index=False)
        run_command(["git", "clone", "-q", str(PROJECT_ROOT), str(checkout)], folder)
        (checkout / ".venv").symlink_to(PROJECT_ROOT / ".venv")
        typed = [
            ["adopt", f"FROM={inbox}", f"NAME={MODEL}", "ENTITY=member_id", f"LABEL={LABEL}"],
            ["up"],
            ["run", "ARGS=--approve"],
        ]
        seconds = {}
        try:
            for words in [typed[0], ["lint"], *typed[1:]]:
                seconds[words[0]] = run_command(["make", *words], checkout)
                tell(f"  make {words[0]}: {seconds[words[0]]:.1f} s")
            stack = find_stack(StackHome(checkout / ".local"))
            if stack is None:
                raise BenchmarkError("The stack of the adopted checkout has ended early.")
            score, by_hand, reachable = compare_models(stack, orders)
        finally:
            stop_stack(checkout / ".local")
    size = f"{len(orders.frame):,} orders"
    return [
        *(state(f"{size}: make {name}", [value], "s") for name, value in seconds.items()),
        state(f"{size}: from files to production", [sum(seconds.values()) - seconds["lint"]], "s"),
        state("lines typed", [len(typed)], "lines"),
        compare("champion; peer: made by hand with pandas and scikit-learn", [score], [by_hand], "AUC", "ours / peer"),
        compare("champion; peer: reachable, by the true probabilities", [score], [reachable], "AUC", "ours / peer"),
    ]


def make_orders(rows: int) -> Orders:
    """About so many orders of members who order at a rate of their own and stop one day, the same every time."""
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
    return Orders(frame, rates, hazards)


def run_command(command: list[str], folder: Path) -> float:
    """Run a command; its seconds.

    Raises:
        BenchmarkError: it failed.
    """
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "ORRERY_", "MFLAGS"))
    }
    began_at = time.perf_counter()
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise BenchmarkError(f"{' '.join(command)} ended with {done.returncode}: {(done.stdout + done.stderr)[-3000:]}")
    return time.perf_counter() - began_at


def compare_models(stack: Stack, orders: Orders) -> tuple[float, float, float]:
    """AUC on the test cutoff of the champion, of the model made by hand, and of the true probabilities."""
    import pandas as pd
    from sklearn.metrics import roc_auc_score

    champion = read_version(stack.uris.mlflow, MODEL, "champion")
    if champion is None:
        raise BenchmarkError(f"{MODEL} has no champion; look at the runs of its DAGs.")
    score = float(read_champion(champion.tags, champion.version)["score"])
    table = f"select as_of_date, member_id, split, label from ml.{MODEL}_training_set"
    rows = read_arrow(stack.uris.warehouse, table).to_pandas()
    features = [build_features(orders.frame, day) for day in sorted(rows["as_of_date"].unique())]
    joined = rows.merge(pd.concat(features), on=["as_of_date", "member_id"], how="left")
    if joined.isna().any(axis=None):
        raise BenchmarkError("The hand-made features lack members that the training set has.")
    test = joined[joined["split"] == "test"]
    truth = find_probabilities(orders, test)
    return score, score_by_hand(joined), float(roc_auc_score(test["label"], truth))


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


def score_by_hand(rows: pd.DataFrame) -> float:
    """The better AUC of two models on the test rows."""
    from sklearn.ensemble import HistGradientBoostingClassifier
    from sklearn.linear_model import LogisticRegression
    from sklearn.metrics import roc_auc_score
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    names = [name for name in rows.columns if name not in ("as_of_date", "member_id", "split", "label")]
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
