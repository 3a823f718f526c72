"""A champion is measured on a newer cutoff, and holds or does not."""

from __future__ import annotations

from datetime import timedelta

import pytest

from include.registry.ledger import require_version
from include.settings.training import TrainingSettings
from include.training.compare import Gain
from include.training.fit import TrainingLineage, fit_family
from include.training.validation import decide_champion, validate_champion
from include.warehouse.session import open_session
from tests.model.machines import drop_features, load_training, make_frame, make_spec
from tests.unit.registry.planting import plant_version


@pytest.mark.parametrize(
    ("score", "gain", "is_held", "reason"),
    [
        (0.83, 0.1, True, "a drop of less than 0.05"),
        (0.751, 0.1, True, "a drop of less than 0.05"),
        (0.74, 0.1, False, "a drop of 0.060, 0.05 or more"),
        (0.80, -0.001, False, "the baseline reaches 0.700"),
    ],
)
def test_a_champion_holds_unless_it_is_worse_or_beaten_by_the_baseline(
    score: float, gain: float, is_held: bool, reason: str
) -> None:
    held, said = decide_champion(0.80, score, Gain(0.7, gain, gain - 0.01, gain + 0.01), "AUC", 0.05)
    assert (held, reason in said) == (is_held, True), said


def test_a_champion_answers_for_the_newest_rows_and_one_that_cannot_does_not_hold(
    warehouse_uri: str, settings: TrainingSettings, lineage: TrainingLineage, tracking_uri: str
) -> None:
    spec = make_spec("binary", "machines_validated")
    result = fit_family(make_frame("binary"), "logistic_regression", spec, settings, lineage, tracking_uri)
    number = plant_version(warehouse_uri, spec.name, result)
    with open_session(warehouse_uri) as session:
        champion = require_version(session, spec.name, number)

    seen = validate_champion(make_frame("binary"), champion, spec, settings, tracking_uri)
    assert (seen.is_held, seen.score) == (False, None)
    assert "no labelled cutoff is newer" in seen.reason

    newer = make_frame("binary", seed=8)
    newer["as_of_date"] += timedelta(days=28)
    found = validate_champion(newer, champion, spec, settings, tracking_uri)
    assert found.is_held, found.reason
    assert found.version == number
    assert found.score is not None and found.interval is not None
    assert found.interval.low < found.score < found.interval.high
    assert found.score != result["score"], "measured on the old rows"
    assert found.baseline_score is not None
    assert found.baseline_score < found.score

    gone = result["single_feature"]
    without = validate_champion(newer.drop(columns=gone), champion, drop_features(spec, gone), settings, tracking_uri)
    assert (without.is_held, without.score) == (False, None)
    assert gone in without.reason


def test_a_champion_of_other_classes_is_not_judged_by_their_numbers(
    warehouse_uri: str, lineage: TrainingLineage, tracking_uri: str
) -> None:
    spec, settings, frame = (
        make_spec("multiclass", "machines_classes"),
        load_training("multiclass"),
        make_frame("multiclass"),
    )
    result = fit_family(frame, "logistic_regression", spec, settings, lineage, tracking_uri)
    number = plant_version(warehouse_uri, spec.name, result)
    with open_session(warehouse_uri) as session:
        champion = require_version(session, spec.name, number)

    renamed = frame.assign(label=frame["label"].replace({"c": "z"}))
    renamed["as_of_date"] += timedelta(days=28)
    found = validate_champion(renamed, champion, spec, settings, tracking_uri)
    assert not found.is_held
    assert "knows the classes a, b, c, which are others now" in found.reason
