"""Performance: cohorts out of a real warehouse, in the form of each task, and what is said of them."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import numpy as np
import pytest

from include.monitoring.outcomes import ensure_outcomes_table
from include.monitoring.performance import Cohorts, measure_performance, read_cohorts
from include.scoring.predictions import ensure_predictions_table
from include.tasks import TASKS
from include.warehouse.partitions import ensure_day_partitions
from include.warehouse.session import open_session
from tests.unit.scoring.registered_models import CASES, MACHINE, PART, TICKET, ModelCase

D1 = date(2024, 3, 1)
NOW = datetime(2024, 4, 1, tzinfo=UTC)
# One row of each model: prediction, scores, outcome.
ROWS: dict[str, list[tuple[float, list[float] | None, str]]] = {
    MACHINE.name: [(0.9, None, "true"), (0.2, None, "false"), (0.6, None, "false"), (0.7, None, "true")],
    PART.name: [(1.5, None, "2"), (7.0, None, "7"), (-3.0, None, "-1"), (0.25, None, "0.5")],
    TICKET.name: [
        (0.5, [0.5, 0.3, 0.2], "blue"),
        (0.6, [0.1, 0.3, 0.6], "red"),
        (0.7, [0.2, 0.7, 0.1], "green"),
        (0.4, [0.4, 0.3, 0.3], "green"),
    ],
}
KEYS: dict[str, Any] = {
    MACHINE.name: lambda n: (n,),
    PART.name: lambda n: (n % 2, f"part {n}"),
    TICKET.name: lambda n: (f"00000000-0000-0000-0000-{n:012}", date(2024, 1, n + 1)),
}


@pytest.fixture
def uri(warehouse_uri: str) -> str:
    """The tables of each model."""
    with open_session(warehouse_uri) as session:
        for case in CASES:
            ensure_predictions_table(session, case.name, case.contract.entity)
            ensure_outcomes_table(session, case.spec)
    return warehouse_uri


def add_cohort(uri: str, case: ModelCase, day: date, version: int = 1, outcomes: list[str] | None = None) -> None:
    """The rows of one as-of date; ``outcomes`` replaces theirs, as many as there are."""
    keys = ", ".join(case.keys)
    marks = ", ".join(["%s"] * len(case.keys))
    with open_session(uri) as session:
        for table in (case.spec.predictions_table, case.spec.outcomes_table):
            ensure_day_partitions(session, table, [day])
        for number, (prediction, scores, outcome) in enumerate(ROWS[case.name]):
            session.execute(
                f"insert into {case.spec.predictions_table.quoted} "
                f"(as_of_date, {keys}, model_version, prediction, scores, scored_at) "
                f"values (%s, {marks}, %s, %s, %s, %s)",
                (day, *KEYS[case.name](number), version, prediction, scores, NOW),
            )
            known = outcome if outcomes is None else dict(enumerate(outcomes)).get(number)
            if known is not None:
                session.execute(
                    f"insert into {case.spec.outcomes_table.quoted} (as_of_date, {keys}, outcome, known_at) "
                    f"values (%s, {marks}, %s, %s) on conflict do nothing",
                    (day, *KEYS[case.name](number), known, NOW),
                )


def read(uri: str, case: ModelCase, version: int = 1, window_days: int = 7) -> Cohorts:
    """The cohorts of a version; there are some."""
    found = read_cohorts(uri, case.contract, version, window_days)
    assert found is not None
    return found


def test_cohorts_are_in_the_form_of_their_task(uri: str, case: ModelCase) -> None:
    add_cohort(uri, case, D1)
    found = read(uri, case)

    order = np.argsort(found.entities)
    rows = sorted(enumerate(ROWS[case.name]), key=lambda item: KEYS[case.name](item[0]))
    assert found.predictions[order].tolist() == [scores or number for _, (number, scores, _) in rows]
    expected = TASKS[case.contract.task].parse_outcomes(
        [outcome for _, (_, _, outcome) in rows], case.contract.decision
    )
    assert found.labels[order].tolist() == expected.tolist()


def test_the_metrics_are_those_of_the_task(uri: str, case: ModelCase) -> None:
    add_cohort(uri, case, D1)
    cohorts = read(uri, case)
    found = measure_performance(cohorts, case.contract)

    task = TASKS[case.contract.task]
    measured = task.measure(cohorts.labels, cohorts.predictions, case.contract.decision)
    assert (found.metric, found.score) == (task.score_name, measured["score"])
    assert found.metrics.keys() == measured.keys() - {"score"}
    assert (found.predictions, found.entities) == (4, 4)


def test_only_the_newest_days_with_outcomes_count(uri: str, case: ModelCase) -> None:
    for days in (0, 1, 6, 7):
        add_cohort(uri, case, D1 + timedelta(days=days))
    # and a day without any outcome
    add_cohort(uri, case, D1 + timedelta(days=9), outcomes=[])

    found = read(uri, case, window_days=7)
    assert (found.first_as_of_date, found.last_as_of_date) == (D1 + timedelta(days=1), D1 + timedelta(days=7))
    assert len(found.labels) == 12
    # and an entity of several cohorts is one
    assert measure_performance(found, case.contract).entities == 4


def test_other_versions_do_not_count(uri: str, case: ModelCase) -> None:
    add_cohort(uri, case, D1, version=1)
    add_cohort(uri, case, D1 + timedelta(days=1), version=2)
    assert read(uri, case, version=1).last_as_of_date == D1
    assert read_cohorts(uri, case.contract, 3, 7) is None


def test_a_class_that_the_version_does_not_know_is_left_out(uri: str) -> None:
    add_cohort(uri, TICKET, D1, outcomes=["blue", "violet", "green", "violet"])
    found = read(uri, TICKET)
    assert sorted(found.labels) == [0, 1]
    assert len(found.predictions) == 2
    # and nothing is left where there is no other
    add_cohort(uri, TICKET, D1 + timedelta(days=1), outcomes=["violet"])
    assert read_cohorts(uri, TICKET.contract, 1, 1) is None


def test_negative_numbers_are_outcomes_like_others(uri: str) -> None:
    add_cohort(uri, PART, D1, outcomes=["-1", "-2", "-3", "4"])
    assert sorted(read(uri, PART).labels) == [-3, -2, -1, 4]


def test_outcomes_that_are_all_the_same_leave_the_score_undefined(uri: str, case: ModelCase) -> None:
    add_cohort(uri, case, D1, outcomes=[ROWS[case.name][0][2]] * 4)
    found = measure_performance(read(uri, case), case.contract)
    assert (found.score, found.score_standard_error) == (None, None)
    assert all(value is None or np.isfinite(value) for value in found.metrics.values())


def make_cohorts(rows: int, seed: int) -> Cohorts:
    """One row for each entity, with an AUC of about 0.76."""
    rng = np.random.default_rng(seed)
    labels = (rng.random(rows) < 0.2).astype(np.int64)
    scores = 1 / (1 + np.exp(-(rng.normal(size=rows) + labels)))
    return Cohorts(D1, D1, np.arange(rows), labels, scores)


def test_the_standard_error_is_how_much_the_score_varies() -> None:
    found = [measure_performance(make_cohorts(400, seed), MACHINE.contract) for seed in range(40)]
    errors = np.array([one.score_standard_error for one in found], float)
    assert errors.mean() == pytest.approx(np.std([one.score for one in found], ddof=1), rel=0.3)


def test_an_entity_in_seven_cohorts_is_no_seven_entities() -> None:
    # given the rows of one cohort, seven times over
    once = make_cohorts(400, 3)
    sevenfold = replace(
        once, **{name: np.tile(getattr(once, name), 7) for name in ("entities", "labels", "predictions")}
    )
    # then score and error stay what they were
    before, after = (measure_performance(one, MACHINE.contract) for one in (once, sevenfold))
    assert after.score == pytest.approx(before.score)
    assert after.score_standard_error == pytest.approx(before.score_standard_error)
    assert (after.predictions, after.entities) == (2800, 400)
