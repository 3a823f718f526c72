"""Which features a model relies on, whatever its family."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from include.features.matrix import FeatureMatrix
from include.training.compare import measure_score
from include.training.families import build_inputs
from include.training.splits import SplitData

if TYPE_CHECKING:
    from include.registry.onnx import OnnxModel
    from include.tasks.task import Floats, Labels

REPETITIONS: Final = 3
MAX_ROWS: Final = 20_000


class _Estimator:
    """An ONNX model in the form that scikit-learn inspects."""

    def __init__(self, model: OnnxModel, matrix: FeatureMatrix) -> None:
        self.model = model
        self.matrix = matrix

    def fit(self, rows: Any, labels: Any) -> _Estimator:  # noqa: ARG002
        """It is fitted already; scikit-learn asks that the method exists."""
        return self

    def predict(self, rows: Any) -> Floats:
        """What the model says of rows as ``build_inputs`` makes them."""
        import numpy as np
        import pandas as pd

        numeric_names, categorical_names = self.matrix.numeric_names, self.matrix.categorical_names
        frame = pd.DataFrame(rows)
        numeric = frame.iloc[:, : len(numeric_names)].to_numpy(np.float32)
        categorical = frame.iloc[:, len(numeric_names) :].to_numpy(object)
        return self.model.predict(FeatureMatrix(numeric, categorical, numeric_names, categorical_names))


def measure_importance(model: OnnxModel, split: SplitData, seed: int) -> dict[str, float]:
    """The loss of score when a feature's values are shuffled among the rows (Breiman, 2001), best first.

    Features that say the same thing share their importance: each looks smaller than all together. At most
    20,000 rows, drawn anew for each shuffle, are looked at.
    """
    from sklearn.inspection import permutation_importance

    matrix = split.matrix.select(model.contract.feature_names)

    def score(estimator: _Estimator, rows: Any, labels: Labels) -> float:
        return measure_score(model.task, labels, estimator.predict(rows))

    found = permutation_importance(
        _Estimator(model, matrix), build_inputs(matrix), split.labels,
        scoring=score, n_repeats=REPETITIONS, random_state=seed, max_samples=min(MAX_ROWS, len(matrix)),
    )  # fmt: skip
    losses = dict(zip(matrix.names, map(float, found.importances_mean), strict=True))
    return dict(sorted(losses.items(), key=lambda item: -item[1]))
