"""What any model of churn has to do, whatever its family and its figures."""

from __future__ import annotations

import itertools

import numpy as np
import pandas as pd

from include.settings.training import TrainingSettings
from include.training.dataset import list_features, take_split
from include.training.evaluate import measure_model
from include.training.fit import train_model
from tests.model.conftest import Trained

STEPS = 6


def fade_away(frame: pd.DataFrame, step: int) -> np.ndarray:
    """The test households as if each had stayed away ``step`` weeks longer and ordered less before."""
    later = frame.loc[frame["split"] == "test", list_features(frame)].copy()
    kept = 1 - step / STEPS
    later["recency_days"] += 7 * step
    for column in ("orders_7d", "orders_28d", "orders_56d", "spend_28d"):
        later[column] *= kept
    later["gap_mean_days"] *= 1 + step
    return later.to_numpy(np.float32)


def test_it_ranks_better_than_chance(trained: Trained, frame: pd.DataFrame) -> None:
    test = take_split(frame, "test")
    assert measure_model(test.labels, trained.onnx.predict(test.features), 0.5).auc > 0.7


def test_households_that_fade_away_do_not_get_less_probable_to_churn(trained: Trained, frame: pd.DataFrame) -> None:
    means = [float(trained.onnx.predict(fade_away(frame, step)).mean()) for step in range(STEPS)]
    assert all(later >= earlier - 1e-3 for earlier, later in itertools.pairwise(means)), means
    assert means[-1] > means[0] + 0.1


def test_answers_are_probabilities_that_match_how_often_customers_leave(trained: Trained, frame: pd.DataFrame) -> None:
    test = take_split(frame, "test")
    answers = trained.onnx.predict(test.features)
    assert ((answers >= 0) & (answers <= 1)).all()
    assert abs(float(answers.mean()) - float(test.labels.mean())) < 0.05


def test_a_household_gets_the_same_answer_whoever_stands_beside_it(trained: Trained, frame: pd.DataFrame) -> None:
    rows = take_split(frame, "test").features
    order = np.random.default_rng(3).permutation(len(rows))
    together = trained.onnx.predict(rows)
    np.testing.assert_array_equal(trained.onnx.predict(rows[order]), together[order])
    alone = np.concatenate([trained.onnx.predict(rows[index : index + 1]) for index in range(50)])
    np.testing.assert_allclose(alone, together[:50], atol=1e-6)


def test_what_is_unknown_of_everybody_says_nothing(trained: Trained, frame: pd.DataFrame) -> None:
    """Demographics are noise in this shop: losing them may move an answer, but not the ranking."""
    test = take_split(frame, "test")
    names = list_features(frame)
    without = test.features.copy()
    without[:, [names.index("age_band"), names.index("kids_count")]] = np.nan
    whole = measure_model(test.labels, trained.onnx.predict(test.features), 0.5).auc
    assert measure_model(test.labels, trained.onnx.predict(without), 0.5).auc > whole - 0.03


def test_the_same_seed_gives_the_same_file(trained: Trained, frame: pd.DataFrame, settings: TrainingSettings) -> None:
    assert train_model(frame, trained.fitted.family, settings).onnx == trained.fitted.onnx


def test_the_order_of_the_training_rows_changes_little(
    trained: Trained, frame: pd.DataFrame, settings: TrainingSettings
) -> None:
    test = take_split(frame, "test")
    shuffled = train_model(frame.sample(frac=1, random_state=5), trained.fitted.family, settings)
    again = shuffled.model.predict_proba(test.features)[:, 1]
    assert np.corrcoef(again, trained.onnx.predict(test.features))[0, 1] > 0.95


def test_nothing_but_noise_is_no_better_than_chance(frame: pd.DataFrame, settings: TrainingSettings) -> None:
    noise = frame.copy()
    noise["churned"] = np.random.default_rng(11).permutation(noise["churned"].to_numpy())
    test = take_split(noise, "test")
    for family in settings.families:
        model = train_model(noise, family, settings).model
        assert abs(measure_model(test.labels, model.predict_proba(test.features)[:, 1], 0.5).auc - 0.5) < 0.12
