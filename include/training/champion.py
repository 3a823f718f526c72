"""A candidate against the champion in production, on the same test households."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from include.registry.onnx import OnnxModel
from include.registry.registry import CHAMPION, ModelVersion, fetch_onnx, read_version
from include.settings.training import TrainingSettings
from include.training.dataset import SplitData
from include.training.evaluate import estimate_gain_interval

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt


@dataclass(frozen=True)
class ChampionComparison:
    """The champion's AUC on the candidate's test rows, and the candidate's gain over it.

    Attributes:
        auc: None when the champion cannot score these rows; ``note`` says why.
        gain_low: with ``gain_high``, the 95 % interval of the gain over shared bootstrap samples.
    """

    version: int
    auc: float | None
    gain: float | None
    gain_low: float | None
    gain_high: float | None
    note: str


def compare_with_champion(
    tracking_uri: str,
    settings: TrainingSettings,
    feature_names: list[str],
    test: SplitData,
    probabilities: npt.NDArray[np.float32],
) -> ChampionComparison | None:
    """Let the champion score the test rows too; None when there is no champion yet.

    Args:
        feature_names: of the columns of ``test.features``.
        probabilities: what the candidate says of the test rows, [n].

    Raises:
        RegistryError: MLflow is away, or the champion's file is not the registered one.
    """
    champion = read_version(tracking_uri, settings.model_name, CHAMPION)
    if champion is None:
        return None
    gone = [name for name in champion.feature_names if name not in feature_names]
    if gone:
        named = ", ".join(gone[:3]) + (f" and {len(gone) - 3} more" if len(gone) > 3 else "")
        note = f"the champion needs {named}, which the features no longer hold"
        return ChampionComparison(champion.version, None, None, None, None, note)
    columns = [feature_names.index(name) for name in champion.feature_names]
    answers = _score(tracking_uri, champion, test.features[:, columns])
    return _compare(champion.version, settings, test, probabilities, answers)


def _score(tracking_uri: str, champion: ModelVersion, rows: Any) -> npt.NDArray[np.float32]:
    with tempfile.TemporaryDirectory() as folder:
        files = fetch_onnx(tracking_uri, champion.name, champion.version, Path(folder))
        return OnnxModel(files.onnx_path).predict(rows)


def _compare(
    version: int,
    settings: TrainingSettings,
    test: SplitData,
    probabilities: npt.NDArray[np.float32],
    answers: npt.NDArray[np.float32],
) -> ChampionComparison:
    from sklearn.metrics import roc_auc_score

    champion_auc = float(roc_auc_score(test.labels, answers))
    gain = float(roc_auc_score(test.labels, probabilities)) - champion_auc
    interval = estimate_gain_interval(
        test.labels, probabilities, answers, settings.auc_bootstrap_repetitions, settings.random_seed
    )
    note = f"gain {gain:+.4f}, 95 % interval {interval.low:+.4f} to {interval.high:+.4f}"
    return ChampionComparison(version, champion_auc, gain, interval.low, interval.high, note)
