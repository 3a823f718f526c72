"""A candidate against the champion in production, and against the best that ever was, on the same test rows."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from include.errors import ServingError
from include.features.matrix import FeatureMatrix
from include.registry.contract import ModelContract
from include.registry.onnx import OnnxModel
from include.registry.registry import CHAMPION, fetch_onnx, read_version
from include.settings.training import TrainingSettings
from include.training.compare import measure_gain
from include.training.splits import SplitData

if TYPE_CHECKING:
    from include.tasks.task import Floats

MOST_FORMER: Final = 5


@dataclass(frozen=True)
class ChampionComparison:
    """The champion's score on the candidate's test rows, and the candidate's gain over it.

    Attributes:
        score: None when the champion cannot answer for these rows; ``note`` says why.
        gain_low: with ``gain_high``, the 95 % interval of the gain over shared bootstrap samples.
    """

    version: int
    score: float | None
    gain: float | None
    gain_low: float | None
    gain_high: float | None
    note: str


def compare_with_champion(
    tracking_uri: str, contract: ModelContract, test: SplitData, predictions: Floats, settings: TrainingSettings
) -> ChampionComparison | None:
    """Let the champion answer for the test rows too; None when there is no champion yet.

    Args:
        contract: the candidate's.
        predictions: what the candidate says of the test rows.

    Raises:
        RegistryError: MLflow is away, or the champion's file is not the registered one.
    """
    version = read_version(tracking_uri, contract.model, CHAMPION)
    if version is None:
        return None
    return _compare(tracking_uri, version.version, contract, test, predictions, settings)


def compare_with_best(
    tracking_uri: str, former: Sequence[int], contract: ModelContract, test: SplitData, predictions: Floats,
    settings: TrainingSettings,
) -> ChampionComparison | None:  # fmt: skip
    """Let former champions answer for the test rows; the best of them, None where none of them can.

    Args:
        former: their versions, the newest champion first; the newest ``MOST_FORMER`` are asked.

    Raises:
        RegistryError: MLflow is away, or a file is not the registered one.
    """
    known = [version for version in former if read_version(tracking_uri, contract.model, version) is not None]
    compared = [
        _compare(tracking_uri, version, contract, test, predictions, settings) for version in known[:MOST_FORMER]
    ]
    able = [one for one in compared if one.score is not None]
    return max(able, key=lambda one: one.score or 0.0, default=None)


def _compare(
    tracking_uri: str, version: int, contract: ModelContract, test: SplitData, predictions: Floats,
    settings: TrainingSettings,
) -> ChampionComparison:  # fmt: skip
    with tempfile.TemporaryDirectory() as folder:
        files = fetch_onnx(tracking_uri, contract.model, version, Path(folder))
        try:
            champion = OnnxModel(files.onnx_path)
        except ServingError as error:
            return _leave_open(version, str(error))
    problem = find_difference(champion.contract, contract, test.matrix)
    if problem is not None:
        return _leave_open(version, problem)
    gain = measure_gain(champion.task, test.labels, predictions, champion.predict(test.matrix), settings)
    note = f"gain {gain.gain:+.4f}, 95 % interval {gain.low:+.4f} to {gain.high:+.4f}"
    return ChampionComparison(version, gain.score, gain.gain, gain.low, gain.high, note)


def _leave_open(version: int, note: str) -> ChampionComparison:
    return ChampionComparison(version, None, None, None, None, note)


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
