"""What is said of the counts of a label."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest

from include.adopt.label_counts import LabelCount
from include.adopt.label_evidence import LabelEvidence
from include.adopt.label_sentence import read_label
from include.settings import CONFIG_DIR
from include.settings.gates import GateSettings
from include.settings.models import load_shared
from include.settings.section import check_section
from include.settings.training import TrainingSettings

DATES = (date(2026, 1, 5), date(2026, 2, 2), date(2026, 3, 2))


def make_evidence(label: str, *counts: tuple[int, int, float, float]) -> LabelEvidence:
    """Entities, known ones, least and greatest of each date."""
    found = [LabelCount(day, *count) for day, count in zip(DATES, counts, strict=True)]
    return LabelEvidence(label, "readings", ("machine_id", "hall"), read_label(label, "readings"), found)


def yes(entities: int, known: int) -> tuple[int, int, float, float]:
    return entities, known, float(known == entities), float(known > 0)


@pytest.fixture
def limits() -> tuple[TrainingSettings, GateSettings]:
    """30 rows of each class in a split, 100 in the test."""
    shared = {name: file.find_values("binary", "development") for name, file in load_shared(CONFIG_DIR).items()}
    training = check_section(shared["training"] | {"min_split_count": 30}, TrainingSettings, "development", "training")
    gates = shared["gates"] | {"evidence": {"min_test_count": 100, "severity": "advisory"}}
    return training, check_section(gates, GateSettings, "development", "gates")


@pytest.mark.parametrize(
    ("label", "counts", "message"),
    [
        (
            "no readings in 28 days", [yes(1100, 0), yes(1180, 0), yes(1204, 0)],
            "The label 'no readings in 28 days' is the same for all: of 1,204 entities (machine_id, hall) with "
            "readings in the 56 days before 2026-03-02, none had readings in the 28 days from then on. So it was as of "
            "2026-01-05 (1,100) and 2026-02-02 (1,180). Nothing can be learned from that. Look at more days, or name "
            "another LABEL.",
        ),
        ("readings in 7 days", [yes(5, 5)] * 3, "all had readings in the 7 days from then on. So it was"),
        ("readings in 7 days", [yes(5, 5)] * 3, "Look at fewer days, or name another LABEL."),
        ("count in 7 days", [(5, 0, 0.0, 0.0)] * 3, "none had readings in the 7 days from then on"),
        ("count in 7 days", [(5, 5, 7.0, 7.0)] * 3, "each had 7 readings in the 7 days from then on"),
        ("sum of heat in 7 days", [(5, 0, 0.0, 0.0)] * 3, "no heat is known of any in the 7 days from then on"),
        ("sum of heat in 7 days", [(5, 2, 0.0, 0.0)] * 3, "heat adds up to 0 for each in the 7 days from then on"),
        ("sum of heat in 7 days", [(5, 5, 2.5, 2.5)] * 3, "heat adds up to 2.5 for each"),
        ("readings in 7 days", [yes(0, 0)] * 3, "no entities (machine_id, hall) had readings in the 14 days before"),
    ],
)  # fmt: skip
def test_a_label_with_one_value_is_explained_in_figures(label: str, counts: list, message: str) -> None:
    assert message in str(make_evidence(label, *counts).explain_one_value())


@pytest.mark.parametrize(
    ("label", "counts"),
    [
        ("no readings in 28 days", [yes(50, 49), yes(50, 50), yes(50, 50)]),
        ("no readings in 28 days", [yes(50, 0), yes(50, 0), yes(50, 50)]),
        ("readings in 28 days", [yes(0, 0), yes(50, 0), yes(50, 1)]),
        ("count in 7 days", [(5, 5, 7.0, 7.0), (5, 5, 7.0, 7.0), (5, 5, 6.0, 6.0)]),
        ("count in 7 days", [(5, 5, 1.0, 7.0)] * 3),
        ("sum of heat in 7 days", [(5, 0, 0.0, 0.0), (5, 0, 0.0, 0.0), (5, 1, 0.0, 0.5)]),
    ],
)
def test_two_values_over_all_dates_are_enough(label: str, counts: list) -> None:
    assert make_evidence(label, *counts).explain_one_value() is None


@pytest.mark.parametrize(
    ("label", "counts", "message"),
    [
        (
            "no readings in 28 days", [yes(500, 250), yes(500, 488), yes(500, 300)],
            "as of 2026-02-02 only 12 of 500 entities (machine_id, hall) have the rarer value of "
            "'no readings in 28 days', and a training needs 30 in each split (min_split_count of training.yml)",
        ),
        ("readings in 28 days", [yes(500, 250), yes(500, 250), yes(500, 0)], "as of 2026-03-02 only 0 of 500"),
        ("readings in 28 days", [yes(500, 250), yes(500, 250), yes(500, 99)], "'evidence' asks for 100 in the test"),
        ("count in 7 days", [(500, 9, 0.0, 9.0), (29, 9, 0.0, 9.0), (500, 9, 0.0, 9.0)], "only 29 entities"),
        ("count in 7 days", [(500, 9, 0.0, 9.0), (500, 9, 0.0, 9.0), (99, 9, 0.0, 9.0)], "asks for 100 in the test"),
    ],
)  # fmt: skip
def test_what_could_not_be_judged_is_asked_about(label: str, counts: list, message: str, limits) -> None:
    assert message in str(make_evidence(label, *counts).explain_rare(*limits))


@pytest.mark.parametrize(
    ("label", "counts"),
    [
        # Of the training rows there are more than those of its newest date; a validation is asked for less than a test.
        ("readings in 28 days", [yes(500, 3), yes(500, 30), yes(500, 100)]),
        ("count in 7 days", [(3, 3, 0.0, 9.0), (30, 9, 0.0, 9.0), (100, 9, 0.0, 9.0)]),
    ],
)
def test_what_is_not_rare_is_not_asked_about(label: str, counts: list, limits) -> None:
    assert make_evidence(label, *counts).explain_rare(*limits) is None


@pytest.mark.parametrize(
    ("label", "count", "message"),
    [
        ("no readings in 7 days", yes(500, 400), "so for 100 of 500 entities (machine_id, hall) as of 2026-03-02"),
        ("readings in 7 days", yes(500, 400), "so for 400 of 500 entities"),
        ("sum of heat in 7 days", (500, 400, -1.5, 20.0), "-1.5 to 20, of 500 entities"),
    ],
)
def test_how_a_label_is_spread_is_said_of_the_newest_date(label: str, count: tuple, message: str) -> None:
    assert message in make_evidence(label, yes(1, 1), yes(1, 1), count).describe()


@pytest.mark.parametrize(("entities", "is_said"), [(499, True), (500, False)])
def test_too_few_rows_to_train_on_are_told_in_figures(
    limits: tuple[TrainingSettings, GateSettings], entities: int, is_said: bool
) -> None:
    training = limits[0].model_copy(update={"training_cutoffs": 4, "min_training_rows": 2000})
    evidence = make_evidence("readings in 7 days", yes(entities, 5), yes(9000, 5), yes(9000, 5))
    # Two cutoffs, of the four that would be wanted.
    first = LabelCount(date(2025, 12, 8), *yes(1500, 5))
    said = replace(evidence, counts=[first, *evidence.counts]).explain_few_rows(training)
    expected = (
        "a training has about 1,999 rows, the entities (machine_id, hall) of 2 cutoff(s), and needs 2,000: set "
        "training.min_training_rows in the model's file to less, or deliver older days or more entities."
    )
    assert said == (expected if is_said else None)


@pytest.mark.parametrize(
    ("label", "known", "is_said"),
    [("count in 7 days", 249, True), ("sum of heat in 7 days", 249, True), ("count in 7 days", 250, False),
     ("readings in 7 days", 9, False)],
)  # fmt: skip
def test_a_number_that_is_mostly_zero_is_told_before_a_gate_refuses_what_predicts_it(
    label: str, known: int, is_said: bool
) -> None:
    counts = [(500, 500, 1.0, 9.0), (500, 500, 1.0, 9.0), (500, known, 0.0, 9.0)]
    said = make_evidence(label, *counts).explain_mostly_zero()
    expected = (
        f"as of 2026-03-02 {label!r} is 0 for 251 of 500 entities (machine_id, hall): 0 for all then has the least "
        "absolute error, and the gates 'baseline' and 'interval' refuse what is not better than that. More days have "
        'fewer zeros, and LABEL="readings in 7 days" asks whether.'
    )
    assert said == (expected if is_said else None)
