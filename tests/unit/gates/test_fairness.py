"""The gate on fairness."""

from __future__ import annotations

import numpy as np
import pytest

from include.evaluation.fairness import AttributeEvidence, compare_groups
from include.evaluation.groups import Grouping
from include.gates.fairness import check_fairness
from include.settings.gates import FairnessGate
from include.tasks.evidence import Event

LIMITS = FairnessGate(attributes=("age",), min_ratio=0.8, min_group_count=30, when_unclear="ask", severity="blocking")


def observe(*groups: tuple[int, float]) -> AttributeEvidence:
    """Groups of so many rows, half of them true, of which so large a share is answered yes whatever is true."""
    names = np.concatenate([np.full(rows, str(index)) for index, (rows, _) in enumerate(groups)])
    answered = np.concatenate([np.arange(rows) % 20 < round(20 * share) for rows, share in groups])
    is_true = (np.arange(len(names)) // 20) % 2 == 0
    members = {name: names == name for name in np.unique(names)}
    return compare_groups(Grouping("age", members, 7, len(members)), [Event("yes", answered, is_true)], 30)


@pytest.mark.parametrize(
    ("groups", "is_passed", "is_clear"),
    [
        ([(4000, 0.5), (4000, 0.5)], True, True),
        ([(4000, 0.5), (4000, 0.45)], True, True),
        ([(4000, 0.5), (4000, 0.25)], False, True),
        ([(4000, 0.0), (4000, 0.5)], False, True),
        ([(80, 0.5), (80, 0.35)], False, False),
        ([(4000, 0.5), (29, 0.0)], False, False),
        ([(4000, 0.5), (4000, 0.5), (20, 0.0)], True, True),
        ([(4000, 0.5), (40, 0.5)], False, False),
        ([(4000, 0.5), (4000, 0.3), (40, 0.2)], False, True),
        ([(4000, 0.5)], False, False),
        ([(4000, 0.0), (4000, 0.0)], True, True),
    ],
    ids=[
        "alike", "nearly", "half as often", "never", "chance", "one group too small", "a third too small",
        "few of whom it is true", "a small one lower still", "one group", "nobody",
    ],
)  # fmt: skip
def test_groups_are_answered_alike(groups: list[tuple[int, float]], is_passed: bool, is_clear: bool) -> None:
    result = check_fairness([observe(*groups)], LIMITS)
    assert (result.is_passed, result.is_clear) == (is_passed, is_clear), result.reason
    assert result.severity == ("blocking" if is_clear else "ask")


def test_sizes_ratio_interval_and_what_is_left_out_are_said() -> None:
    result = check_fairness([observe((4000, 0.5), (4000, 0.25), (20, 0.0))], LIMITS)
    assert "1000 of 4000 of 1 against 2000 of 4000 of 0" in result.reason
    assert "ratio 0.50 (95 % interval 0." in result.reason
    assert "too few rows in 2 (20)" in result.reason
    assert "7 rows of unknown age" in result.reason
    assert result.observed == pytest.approx(0.5)


def test_one_unfair_attribute_is_enough() -> None:
    assert not check_fairness([observe((4000, 0.5), (4000, 0.5)), observe((4000, 0.5), (4000, 0.25))], LIMITS).is_passed


def test_without_a_declaration_nobody_knows() -> None:
    result = check_fairness(None, LIMITS)
    assert (result.is_passed, result.is_clear, result.severity) == (False, False, "ask")


def test_what_is_no_person_needs_no_attributes() -> None:
    result = check_fairness([], LIMITS)
    assert (result.is_passed, result.is_clear) == (True, True)
    assert "no person" in result.reason


def test_a_column_of_too_many_values_is_no_column_of_groups() -> None:
    many = compare_groups(Grouping("name", {}, 0, 900), [Event("yes", np.array([True]), np.array([True]))], 30)
    result = check_fairness([many], LIMITS)
    assert (result.is_passed, result.is_clear) == (False, False)
    assert "name has 900 values" in result.reason
