"""From files that the project has never seen to a model in production, by three commands.

Measured: for three folders made for this, each in a clone of the project's last commit: one CSV file of about 100,000
orders (a tenth of ``--rows``); one flat table of 7,000 labelled people with strings and no time; and a folder of five
related sources: those orders, daily files of visits, and three lists. The seconds of ``make adopt``, of ``make lint``
on what it has written, of ``make up``, and of ``make run`` from the first file to the first scores, with a canary under
requests; the lines that a person has typed; and the score of the champion against its peer, a model that is made by
hand: scikit-learn's gradient boosting and logistic regression on the features that one writes first, computed with
pandas, the better one of the two.

Fair because: the hand-made model has the same training rows, and is scored on the same test rows; its features are days
since the last order, and orders and amounts of four windows; of a flat table, its columns. Of the five sources a second
model by hand uses visits and the list of members, too, as the adopted model does. The structure in the data is known;
``reachable`` is the score of the true probabilities.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from benchmarks.adoption_data import (
    Orders,
    People,
    add_related,
    build_features,
    encode_people,
    find_probabilities,
    make_orders,
    make_people,
    make_related,
    score_by_hand,
    split_visits,
)
from benchmarks.catalog import BenchmarkError, Options
from benchmarks.figure import Figure, compare, state
from benchmarks.surroundings import temporary_folder
from benchmarks.timing import Tell
from include.local.home import StackHome
from include.local.stack import Stack, find_stack, stop_stack
from include.registry.ledger import require_version
from include.rollout.state import read_rollout
from include.settings import PROJECT_ROOT
from include.warehouse.arrow import read_arrow
from include.warehouse.session import open_session

if TYPE_CHECKING:
    import pandas as pd

PEOPLE: Final = 7_000


@dataclass(frozen=True)
class Case:
    """A folder, and what is said of it.

    Attributes:
        size: it in words, for the figures.
        model: the model's name.
        words: of ``make adopt``, besides the folder and the model's name.
        write: writes the files.
        score: the peers' scores on the test rows, by what they are, from the training set.
    """

    size: str
    model: str
    words: tuple[str, ...]
    write: Callable[[Path], None]
    score: Callable[[pd.DataFrame], dict[str, float]]


def measure(options: Options, tell: Tell) -> list[Figure]:
    """Seconds of each command, and the score of what came of them.

    Raises:
        BenchmarkError: a command failed; the end of its output is in the message.
    """
    return [figure for case in list_cases(options.rows // 10) for figure in measure_case(case, tell)]


def list_cases(rows: int) -> list[Case]:
    """The three folders."""
    orders, people = make_orders(rows), make_people(PEOPLE)
    related = make_related(orders)
    label = ("ENTITY=member_id", "LABEL=no orders in 28 days")

    def write_related(inbox: Path) -> None:
        orders.frame.to_csv(inbox / "orders.csv", index=False)
        for name, table in related.items():
            if name != "visits":
                table.to_csv(inbox / f"{name}.csv", index=False)
        (inbox / "visits").mkdir()
        for day, visits in split_visits(related["visits"]).items():
            visits.to_csv(inbox / "visits" / f"{day}.csv", index=False)

    return [
        Case(
            f"{len(orders.frame):,} orders",
            "lapse",
            label,
            lambda inbox: orders.frame.to_csv(inbox / "orders.csv", index=False),
            lambda rows: score_orders(rows, orders),
        ),
        Case(
            f"flat table of {PEOPLE:,}",
            "leaving",
            ("ENTITY=person_id", "LABEL=left_us"),
            lambda inbox: people.frame.to_csv(inbox / "people.csv", index=False),
            lambda rows: score_people(rows, people),
        ),
        Case(
            "five sources",
            "lapse",
            (*label, "EVENTS=orders"),
            write_related,
            lambda rows: score_orders(rows, orders, related),
        ),
    ]


def measure_case(case: Case, tell: Tell) -> list[Figure]:
    """Adopt a folder, take its model to production, and compare it.

    Raises:
        BenchmarkError: a command failed; the end of its output is in the message.
    """
    tell(f"  {case.size}")
    with temporary_folder() as folder:
        checkout, inbox = folder / "checkout", folder / "inbox"
        inbox.mkdir()
        case.write(inbox)
        run_command(["git", "clone", "-q", str(PROJECT_ROOT), str(checkout)], folder)
        (checkout / ".venv").symlink_to(PROJECT_ROOT / ".venv")
        typed = [["adopt", f"FROM={inbox}", f"NAME={case.model}", *case.words], ["up"], ["run", "ARGS=--approve"]]
        seconds = {}
        try:
            for words in [typed[0], ["lint"], *typed[1:]]:
                seconds[words[0]] = run_command(["make", *words], checkout)
                tell(f"  make {words[0]}: {seconds[words[0]]:.1f} s")
            stack = find_stack(StackHome(checkout / ".local"))
            if stack is None:
                raise BenchmarkError("The stack of the adopted checkout has ended early.")
            score, peers = compare_models(stack, case)
        finally:
            stop_stack(checkout / ".local")
    return [
        *(state(f"{case.size}: make {name}", [value], "s") for name, value in seconds.items()),
        state(f"{case.size}: from files to production", [sum(seconds.values()) - seconds["lint"]], "s"),
        state(f"{case.size}: lines typed", [len(typed)], "lines"),
        *(
            compare(f"{case.size}: champion; peer: {name}", [score], [peer], "AUC", "ours / peer")
            for name, peer in peers.items()
        ),
    ]


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


def compare_models(stack: Stack, case: Case) -> tuple[float, dict[str, float]]:
    """AUC on the test rows of the champion, and of its peers."""
    with open_session(stack.uris.warehouse) as session:
        rollout = read_rollout(session, case.model)
        if rollout is None:
            raise BenchmarkError(f"{case.model} has no champion; look at the runs of its DAGs.")
        score = require_version(session, case.model, rollout.champion_version).result["score"]
    key = next(word.removeprefix("ENTITY=") for word in case.words if word.startswith("ENTITY="))
    table = f"select as_of_date, {key}, split, label from ml.{case.model}_training_set"
    return score, case.score(read_arrow(stack.uris.warehouse, table).to_pandas())


def score_orders(
    rows: pd.DataFrame, orders: Orders, related: dict[str, pd.DataFrame] | None = None
) -> dict[str, float]:
    """Made by hand of the orders, of all sources where there are more, and reachable by the true probabilities."""
    import pandas as pd

    days = sorted(rows["as_of_date"].unique())
    features = {day: build_features(orders.frame, day) for day in days}
    of_orders = join(rows, pd.concat(features.values()))
    test = of_orders[of_orders["split"] == "test"]
    peers = {"made by hand with pandas and scikit-learn": score_by_hand(of_orders)}
    if related is not None:
        everything = pd.concat(add_related(features[day], related, day) for day in days)
        peers["made by hand of all five sources"] = score_by_hand(join(rows, everything))
    return {**peers, "reachable, by the true probabilities": find_auc(test["label"], find_probabilities(orders, test))}


def score_people(rows: pd.DataFrame, people: People) -> dict[str, float]:
    """Made by hand of the columns, and reachable by the true probabilities."""
    test = rows[rows["split"] == "test"]
    truth = people.frame.assign(truth=people.probabilities).set_index("person_id")["truth"]
    return {
        "made by hand with pandas and scikit-learn": score_by_hand(join(rows, encode_people(people.frame))),
        "reachable, by the true probabilities": find_auc(test["label"], truth.loc[test["person_id"]]),
    }


def join(rows: pd.DataFrame, features: pd.DataFrame) -> pd.DataFrame:
    """The rows of the training set with features made by hand.

    Raises:
        BenchmarkError: an entity of the training set has none.
    """
    joined = rows.merge(features, on=[name for name in features if name in rows], how="left")
    if joined.isna().any(axis=None):
        raise BenchmarkError("The hand-made features lack entities that the training set has.")
    return joined


def find_auc(label: pd.Series, score: object) -> float:
    """Area under the ROC curve."""
    from sklearn.metrics import roc_auc_score

    return float(roc_auc_score(label, score))


if __name__ == "__main__":
    make_orders(50_000).frame.to_csv(sys.argv[1], index=False)
