"""What any model of machines has to do, whatever its task, its family and its figures."""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import pytest

from include.features.matrix import from_rows
from include.settings.models import TaskName
from include.tasks import TASKS
from include.training.compare import measure_score
from include.training.fit import train_model
from include.training.splits import SplitData, read_training_data
from tests.model.conftest import Trained, World, last_column

# More wear means more failures and higher grades, but fewer units.
DIRECTION: dict[TaskName, int] = {"binary": 1, "multiclass": 1, "regression": -1}


def change(split: SplitData, **columns: object) -> SplitData:
    """The same rows with some features set to one value, or to values, of all machines."""
    numeric, categorical = split.matrix.numeric.copy(), split.matrix.categorical.copy()
    for name, values in columns.items():
        if name in split.matrix.numeric_names:
            numeric[:, split.matrix.numeric_names.index(name)] = values
        else:
            categorical[:, split.matrix.categorical_names.index(name)] = values
    return replace(split, matrix=replace(split.matrix, numeric=numeric, categorical=categorical))


def test_it_is_better_than_no_model(trained: Trained) -> None:
    assert trained.score(trained.world.data.test) > (0.1 if trained.world.task == "regression" else 0.65)


def test_more_wear_moves_the_answers_one_way(trained: Trained) -> None:
    """Units of the last time fall with wear too: they are what the forecast's baseline looks at."""
    test, steps = trained.world.data.test, 5
    sign = DIRECTION[trained.world.task]
    wear, units = test.matrix.column("wear"), test.matrix.column("units_last")
    means = [
        sign * trained.expect(change(test, wear=wear + step, units_last=units - 1.2 * step)) for step in range(steps)
    ]
    spread = float(np.std(last_column(trained.onnx.predict(test.matrix))))
    assert all(later >= earlier - 0.05 * spread for earlier, later in itertools.pairwise(means)), means
    assert means[-1] > means[0] + 0.3 * spread


def test_a_category_that_decides_moves_the_answers(trained: Trained) -> None:
    test = trained.world.data.test
    moved = DIRECTION[trained.world.task] * (
        trained.expect(change(test, site="south")) - trained.expect(change(test, site="north"))
    )
    if trained.fitted.family == "baseline":
        assert moved == 0
    else:
        assert moved > 0


def test_answers_are_valid_and_agree_with_the_outcomes_on_average(trained: Trained) -> None:
    test = trained.world.data.test
    answers = trained.onnx.predict(test.matrix)
    assert not trained.onnx.task.find_invalid(answers).any()
    truth = test.labels == 2 if trained.world.task == "multiclass" else test.labels
    assert abs(trained.expect(test) - float(truth.mean())) < 0.3 * float(truth.std())


def test_a_machine_gets_the_same_answer_whichever_is_beside_it(trained: Trained) -> None:
    matrix = trained.world.data.test.matrix
    order = np.random.default_rng(3).permutation(len(matrix))
    together = trained.onnx.predict(matrix)
    np.testing.assert_array_equal(trained.onnx.predict(matrix.take(order)), together[order])
    alone = np.concatenate([trained.onnx.predict(matrix.take([index])) for index in range(20)])
    np.testing.assert_allclose(alone, together[:20], rtol=1e-5, atol=1e-6)


def test_values_of_a_request_give_the_answer_of_the_table(trained: Trained) -> None:
    rows = trained.world.frame[trained.world.frame["split"] == "test"].head(30)
    names = [feature.name for feature in trained.world.spec.features]
    values = rows[names].astype(object).where(rows[names].notna(), None).to_dict("records")
    asked = trained.onnx.predict(from_rows(values, trained.onnx.contract.features))
    test = trained.world.data.test.matrix.take(slice(0, 30))
    np.testing.assert_array_equal(asked, trained.onnx.predict(test))


def test_what_is_missing_or_unknown_when_serving_still_gets_an_answer(trained: Trained) -> None:
    test = trained.world.data.test
    for columns in (
        {"site": ""},
        {"site": "never seen"},
        {"is_covered": np.nan, "temperature": np.nan},
        {"wear": np.nan, "units_last": np.nan, "is_covered": np.nan, "temperature": np.nan, "site": "", "paint": ""},
    ):
        answers = trained.onnx.predict(change(test, **columns).matrix)
        assert not trained.onnx.task.find_invalid(answers).any()


def test_noise_that_is_missing_costs_little(trained: Trained) -> None:
    test = trained.world.data.test
    assert trained.score(change(test, temperature=np.nan, paint="")) > trained.score(test) - 0.05


def test_the_same_seed_gives_the_same_file(trained: Trained) -> None:
    world = trained.world
    assert train_model(world.data, trained.fitted.family, world.spec, world.settings).onnx == trained.fitted.onnx


@pytest.mark.parametrize("task", ["binary", "multiclass", "regression"])
def test_nothing_but_noise_is_no_better_than_chance(worlds: dict[TaskName, World], task: TaskName) -> None:
    world = worlds[task]
    shuffled = world.frame.assign(label=np.random.default_rng(11).permutation(world.frame["label"].to_numpy()))
    data = read_training_data(shuffled, world.spec, world.settings)
    chance = 0.0 if task == "regression" else 0.5
    for family in world.settings.families[1:]:
        fitted = train_model(data, family, world.spec, world.settings)
        assert measure_score(TASKS[task], data.test.labels, fitted.predict(data.test)) < chance + 0.12
