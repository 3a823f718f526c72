"""Whether the champion holds on the newest labelled cutoff: a light validation, in the place of a training."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

from include.errors import ServingError
from include.features.spec import ModelSpec
from include.registry.files import fetch_onnx
from include.registry.ledger import RegisteredVersion
from include.registry.onnx import OnnxModel
from include.settings.training import BASELINE, TrainingSettings
from include.tasks.bootstrap import estimate_interval
from include.training.champion import find_difference
from include.training.compare import Gain, measure_gain, measure_score
from include.training.fit import build_contract, train_model
from include.training.splits import read_training_data

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Score:
    """A score with its 95 % interval."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class ChampionValidation:
    """What was found of a champion on the newest labelled cutoff.

    Attributes:
        score: None where the champion cannot answer for the rows.
        baseline_score: of the best single feature, learned from the new training rows, on the same test rows.
    """

    version: int
    test_as_of_date: date
    score: Score | None
    baseline_score: float | None
    is_held: bool
    reason: str


def decide_champion(tested: float, score: float, gain: Gain, title: str, max_drop: float) -> tuple[bool, str]:
    """Whether a champion holds, and why in words.

    It does where it still beats the baseline, and its score is less than ``max_drop`` below that of its test. A larger
    drop that may be chance does not hold: training is the safe side.

    Args:
        tested: its score when it was tested.
        gain: over the baseline, on the new rows.
    """
    drop = tested - score
    observed = f"{title} {score:.3f}, {tested:.3f} when it was tested"
    if gain.gain <= 0:
        return False, f"{observed}: the baseline reaches {gain.score:.3f}"
    if drop < max_drop:
        return True, f"{observed}: a drop of less than {max_drop:g}"
    return False, f"{observed}: a drop of {drop:.3f}, {max_drop:g} or more"


def validate_champion(
    frame: pd.DataFrame, champion: RegisteredVersion, spec: ModelSpec, settings: TrainingSettings, tracking_uri: str
) -> ChampionValidation:
    """Measure the champion on the test rows of a training set, if they are of a later cutoff than those of its test.

    Args:
        frame: as ``include.training.dataset.build_training_set`` makes it.

    Raises:
        TrainingError: the training set is unfit to judge by.
        RegistryError: MLflow is away, or the champion's file is not the one that was tested.
    """
    data = read_training_data(frame, spec, settings)
    test = data.test
    if test.as_of_date <= date.fromisoformat(champion.result["test_as_of_date"]):
        reason = f"no labelled cutoff is newer than that of its test ({champion.result['test_as_of_date']})"
        return ChampionValidation(champion.version, test.as_of_date, None, None, False, reason)
    try:
        with tempfile.TemporaryDirectory() as folder:
            model = OnnxModel(fetch_onnx(tracking_uri, champion, Path(folder)))
    except ServingError as error:
        return ChampionValidation(champion.version, test.as_of_date, None, None, False, str(error))
    wanted = build_contract(spec, data.features, model.contract.decision, test.as_of_date, settings)
    if problem := find_difference(model.contract, wanted, test.matrix):
        return ChampionValidation(champion.version, test.as_of_date, None, None, False, problem)
    answers = model.predict(test.matrix)
    interval = estimate_interval(model.task, test.labels, answers, settings.bootstrap_repetitions, settings.random_seed)
    score = Score(measure_score(model.task, test.labels, answers), interval.low, interval.high)
    rule = OnnxModel(train_model(data, BASELINE, spec, settings).onnx)
    gain = measure_gain(model.task, test.labels, answers, rule.predict(test.matrix), settings)
    limit = settings.light_validation.max_score_drop
    is_held, reason = decide_champion(champion.result["score"], score.value, gain, model.task.score_title, limit)
    return ChampionValidation(champion.version, test.as_of_date, score, gain.score, is_held, reason)
