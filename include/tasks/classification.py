"""What binary and multiclass labels have in common."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from include.errors import TrainingError
from include.tasks.task import FittedBaseline

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from include.features.matrix import FeatureMatrix
    from include.tasks.task import Floats, Labels

ROUNDING: Final = 1e-5
"""float32 sums of a tree ensemble may leave [0, 1] by this much."""


def fit_single_feature(
    matrix: FeatureMatrix, labels: Labels, scores: npt.NDArray[np.float64], seed: int
) -> FittedBaseline:
    """A logistic curve on the numeric feature with the best score of its own; of equals, the first.

    Raises:
        TrainingError: there is no numeric feature.
    """
    import numpy as np
    from sklearn.impute import SimpleImputer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import Pipeline
    from sklearn.preprocessing import StandardScaler

    if not matrix.numeric_names:
        raise TrainingError("The baseline needs a numeric feature, and the model has none. Add one to its groups.")
    best = int(np.argmax(scores))
    model = Pipeline(
        [
            ("impute", SimpleImputer(strategy="median", keep_empty_features=True)),
            ("scale", StandardScaler()),
            ("estimate", LogisticRegression(random_state=seed)),
        ]
    )
    return FittedBaseline(matrix.numeric_names[best], model.fit(matrix.numeric[:, [best]], labels))


def find_non_probabilities(predictions: Floats) -> npt.NDArray[np.bool_]:
    """Which rows hold a value outside of [0, 1] by more than rounding, or none at all, [n]."""
    is_wrong = ~((predictions >= -ROUNDING) & (predictions <= 1 + ROUNDING))
    return is_wrong if is_wrong.ndim == 1 else is_wrong.any(axis=1)


def describe_wrong_probability(value: Any) -> str | None:
    """That an answer's value is no probability, in words; None when it is one."""
    is_number = isinstance(value, float | int) and not isinstance(value, bool)
    return None if is_number and 0 <= value <= 1 else f"{value!r} is no probability"
