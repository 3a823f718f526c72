"""Whether the champion holds on the newest labelled cutoff: a light validation, in the place of a training."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING

from include.features.spec import ModelSpec
from include.registry.ledger import RegisteredVersion
from include.registry.onnx import OnnxModel
from include.settings.training import BASELINE, TrainingSettings
from include.tasks.bootstrap import Interval, estimate_interval
from include.training.champion import ask_version
from include.training.compare import Gain, measure_gain, measure_score
from include.training.fit import train_model
from include.training.splits import read_training_data

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class ChampionValidation:
    """What was found of a champion on the newest labelled cutoff.

    Attributes:
        score: None, with ``interval`` (95 %), where the champion cannot answer for the rows.
        baseline_score: of the best single feature, learned from the new training rows, on the same test rows.
    """

    version: int
    test_as_of_date: date
    score: float | None
    interval: Interval | None
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
    test, tested = data.test, champion.result

    def leave(reason: str) -> ChampionValidation:
        return ChampionValidation(champion.version, test.as_of_date, None, None, None, False, reason)

    if test.as_of_date <= date.fromisoformat(tested["test_as_of_date"]):
        return leave(f"no labelled cutoff is newer than that of its test ({tested['test_as_of_date']})")
    rule = train_model(data, BASELINE, spec, settings)
    answer = ask_version(tracking_uri, champion, rule.contract, test)
    if answer.model is None or answer.predictions is None:
        return leave(answer.note)
    task, answers = answer.model.task, answer.predictions
    interval = estimate_interval(task, test.labels, answers, settings.bootstrap_repetitions, settings.random_seed)
    score = measure_score(task, test.labels, answers)
    gain = measure_gain(task, test.labels, answers, OnnxModel(rule.onnx).predict(test.matrix), settings)
    limit = settings.light_validation.max_score_drop
    is_held, reason = decide_champion(tested["score"], score, gain, task.score_title, limit)
    return ChampionValidation(champion.version, test.as_of_date, score, interval, gain.score, is_held, reason)
