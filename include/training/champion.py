"""A candidate against the champion in production, and against the best that ever was, on the same test rows."""

from __future__ import annotations

import math
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from include.errors import ServingError
from include.features.matrix import FeatureMatrix
from include.registry.contract import ModelContract
from include.registry.files import fetch_onnx
from include.registry.ledger import RegisteredVersion
from include.registry.onnx import OnnxModel
from include.settings.training import TrainingSettings
from include.training.compare import measure_gain, measure_score
from include.training.splits import SplitData

if TYPE_CHECKING:
    from include.tasks.task import Floats

MOST_ASKED: Final = 5


@dataclass(frozen=True)
class ChampionComparison:
    """The champion's score on the candidate's test rows, and the candidate's gain over it.

    Attributes:
        score: None when the champion cannot answer for these rows; ``note`` says why.
        gain_low: with ``gain_high``, the 95 % interval of the gain over shared bootstrap samples.
        p_value: of a paired test of the answers (``include.tasks.paired``), two-sided.
    """

    version: int
    score: float | None
    gain: float | None
    gain_low: float | None
    gain_high: float | None
    note: str
    p_value: float | None = None


def compare_with_incumbents(
    tracking_uri: str, incumbents: Sequence[RegisteredVersion], contract: ModelContract, test: SplitData,
    predictions: Floats, settings: TrainingSettings,
) -> tuple[ChampionComparison | None, ChampionComparison | None]:  # fmt: skip
    """Let the champion, and those that were champion before it, answer for the test rows too.

    Args:
        incumbents: the champion, then former ones, the newest first; the first ``MOST_ASKED`` are asked.
        contract: the candidate's, as it decides.
        predictions: what the candidate says of the test rows.

    Returns:
        the champion, None where there is none; and the best of all that were asked, None where none of them can answer.

    Raises:
        RegistryError: MLflow is away, or a file is not the one that was tested.
    """
    asked = [ask_version(tracking_uri, version, contract, test) for version in incumbents[:MOST_ASKED]]
    if not asked:
        return None, None
    champion = _compare(asked[0], test, predictions, contract, settings)
    able = [answer for answer in asked if answer.predictions is not None]
    best = max(able, key=lambda answer: answer.measure(test), default=None)
    if best is None or best is asked[0]:
        return champion, champion if best else None
    return champion, _compare(best, test, predictions, contract, settings)


@dataclass(frozen=True)
class VersionAnswer:
    """What a version says of the test rows; None with the reason where it cannot answer for them."""

    version: int
    model: OnnxModel | None
    predictions: Floats | None
    note: str = ""

    def measure(self, test: SplitData) -> float:
        if self.model is None or self.predictions is None:
            return -math.inf
        return measure_score(self.model.task, test.labels, self.predictions)


def ask_version(
    tracking_uri: str, version: RegisteredVersion, contract: ModelContract, test: SplitData
) -> VersionAnswer:
    """Let a version answer for the test rows.

    Args:
        contract: of a model that was fitted on the training set of these rows.

    Raises:
        RegistryError: MLflow is away, or the file is not the one that was tested.
    """
    with tempfile.TemporaryDirectory() as folder:
        path = fetch_onnx(tracking_uri, version, Path(folder))
        try:
            model = OnnxModel(path)
        except ServingError as error:
            return VersionAnswer(version.version, None, None, str(error))
    problem = find_difference(model.contract, contract, test.matrix)
    if problem is not None:
        return VersionAnswer(version.version, None, None, problem)
    return VersionAnswer(version.version, model, model.predict(test.matrix))


def _compare(
    answer: VersionAnswer, test: SplitData, predictions: Floats, contract: ModelContract, settings: TrainingSettings
) -> ChampionComparison:
    if answer.model is None or answer.predictions is None:
        return ChampionComparison(answer.version, None, None, None, None, answer.note)
    task, others = answer.model.task, answer.predictions
    gain = measure_gain(task, test.labels, predictions, others, settings)
    paired = task.compare(test.labels, predictions, contract.decision, others, answer.model.contract.decision)
    note = f"gain {gain.gain:+.4f}, 95 % interval {gain.low:+.4f} to {gain.high:+.4f}; {paired.describe()}"
    return ChampionComparison(answer.version, gain.score, gain.gain, gain.low, gain.high, note, paired.p_value)


def find_difference(champion: ModelContract, candidate: ModelContract, matrix: FeatureMatrix) -> str | None:
    """Why a champion cannot be compared with a candidate; None when it can."""
    if (champion.task, champion.label) != (candidate.task, candidate.label):
        return f"the champion predicts {champion.label} ({champion.task}), not {candidate.label} ({candidate.task})"
    if champion.decision.get("classes") != candidate.decision.get("classes"):
        return f"the champion knows the classes {', '.join(champion.decision['classes'])}, which are others now"
    if champion.split is not None and champion.split.kind == "entity" and champion.split != candidate.split:
        return "the champion was split by entity, and has learned from rows that the candidate is tested on"
    gone = [
        feature.name
        for feature in champion.features
        if feature.name not in (matrix.categorical_names if feature.kind == "categorical" else matrix.numeric_names)
    ]
    if gone:
        named = ", ".join(gone[:3]) + (f" and {len(gone) - 3} more" if len(gone) > 3 else "")
        return f"the champion needs {named}, which the features no longer hold"
    return None
