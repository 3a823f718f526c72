"""A training set becomes arrays only if it can be learned from."""

from __future__ import annotations

import logging

import numpy as np
import pandas as pd
import pytest

from include.errors import SourceError, TrainingError
from include.features.spec import ModelSpec
from include.settings.training import TrainingSettings
from include.training.splits import read_training_data
from tests.model.machines import KINDS, TEST_DATE, make_frame, make_spec


def test_each_split_has_its_rows(frame: pd.DataFrame, spec: ModelSpec, settings: TrainingSettings) -> None:
    data = read_training_data(frame, spec, settings)
    assert [len(split.labels) for split in (data.train, data.validation, data.test)] == [1200, 400, 400]
    assert data.test.as_of_date == TEST_DATE
    assert (data.test.matrix.numeric.dtype, data.test.labels.dtype) == (np.float32, np.int64)
    assert [feature.name for feature in data.features] == list(KINDS)
    expected = frame.loc[frame["split"] == "test", "wear"].to_numpy(np.float32)
    np.testing.assert_array_equal(data.test.matrix.column("wear"), expected)


def test_the_classes_are_those_of_the_training_rows(settings: TrainingSettings) -> None:
    data = read_training_data(make_frame("multiclass"), make_spec("multiclass"), settings)
    assert data.classes == ("a", "b", "c")
    assert set(data.test.labels) == {0, 1, 2}


def test_too_few_rows_stop_it(frame: pd.DataFrame, spec: ModelSpec, settings: TrainingSettings) -> None:
    few = settings.model_copy(update={"min_training_rows": 1201})
    with pytest.raises(TrainingError, match="1200 training rows, 1201 are needed"):
        read_training_data(frame, spec, few)


@pytest.mark.parametrize("value", [np.inf, -1e300], ids=["infinite", "infinite in float32"])
def test_infinite_values_stop_it_with_the_feature_named(
    frame: pd.DataFrame, spec: ModelSpec, settings: TrainingSettings, value: float
) -> None:
    changed = frame.assign(wear=frame["wear"].where(frame["machine_id"] != 1, value))
    with pytest.raises(TrainingError, match=r"Infinite values .* in wear\."):
        read_training_data(changed, spec, settings)


def test_a_feature_that_is_gone_stops_it(frame: pd.DataFrame, spec: ModelSpec, settings: TrainingSettings) -> None:
    with pytest.raises(SourceError, match="temperature are gone"):
        read_training_data(frame.drop(columns="temperature"), spec, settings)


def test_features_without_a_value_in_the_training_rows_are_left_out_and_named(
    frame: pd.DataFrame, spec: ModelSpec, settings: TrainingSettings, caplog: pytest.LogCaptureFixture
) -> None:
    later = frame["split"] != "train"
    changed = frame.assign(
        temperature=frame["temperature"].where(later), paint=frame["paint"].where(later), is_covered=None
    )
    with caplog.at_level(logging.WARNING):
        data = read_training_data(changed, spec, settings)
    assert [feature.name for feature in data.features] == ["wear", "site", "units_last"]
    assert "is_covered, temperature, paint" in caplog.text


def test_nothing_but_empty_features_stops_it(frame: pd.DataFrame, spec: ModelSpec, settings: TrainingSettings) -> None:
    with pytest.raises(TrainingError, match="Every feature is null"):
        read_training_data(frame.assign(**dict.fromkeys(KINDS, None)), spec, settings)
