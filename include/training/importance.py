"""Which features a model leans on, whatever its family."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from include.registry.onnx import OnnxModel
    from include.training.dataset import SplitData

REPETITIONS: Final = 3


def measure_importance(model: OnnxModel, names: list[str], split: SplitData, seed: int) -> dict[str, float]:
    """The loss of AUC when a feature's values are shuffled among the rows (Breiman, 2001), best first.

    Features that say the same thing share their importance: each looks smaller than all together.

    Args:
        names: of the columns of ``split.features``.
    """
    import numpy as np
    from sklearn.metrics import roc_auc_score

    generator = np.random.default_rng(seed)
    whole = roc_auc_score(split.labels, model.predict(split.features))
    losses: dict[str, float] = {}
    for index, name in enumerate(names):
        shuffled = split.features.copy()
        found = []
        for _ in range(REPETITIONS):
            generator.shuffle(shuffled[:, index])
            found.append(whole - roc_auc_score(split.labels, model.predict(shuffled)))
        losses[name] = float(np.mean(found))
    return dict(sorted(losses.items(), key=lambda item: -item[1]))
