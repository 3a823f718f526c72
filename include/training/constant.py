"""The baseline of a model that has no numeric feature: a constant, the class shares or the median."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from include.features.matrix import FeatureMatrix
from include.tasks.task import FittedBaseline
from include.training.families import build_inputs

if TYPE_CHECKING:
    from include.tasks.task import Labels

CONSTANT: Final = "a constant"
"""What the baseline looks at, in words."""


def fit_constant(matrix: FeatureMatrix, labels: Labels, seed: int) -> FittedBaseline:
    """The shares of the classes, or the median, of the training rows.

    An ONNX model has at least one input: this one takes the first categorical feature, with a weight of zero.

    Args:
        matrix: the training rows, with a categorical feature at least.
    """
    from sklearn.compose import ColumnTransformer
    from sklearn.pipeline import Pipeline
    from sklearn.preprocessing import OneHotEncoder

    name = matrix.categorical_names[0]
    encode = OneHotEncoder(categories=[matrix.categorical[:1, 0]], handle_unknown="ignore", sparse_output=False)
    prepare = ColumnTransformer([("categorical", encode, [0])]).fit(build_inputs(matrix.select([name])))
    return FittedBaseline(name, Pipeline([("prepare", prepare), ("estimate", _fit_estimator(labels, seed))]))


def _fit_estimator(labels: Labels, seed: int) -> Any:
    """On a column of zeros a logistic regression learns the shares of the classes; the median is set."""
    import numpy as np
    from sklearn.linear_model import LinearRegression, LogisticRegression

    if np.issubdtype(labels.dtype, np.integer):
        return LogisticRegression(random_state=seed).fit(np.zeros((len(labels), 1)), labels)
    forecast = LinearRegression()
    forecast.coef_, forecast.intercept_, forecast.n_features_in_ = np.zeros(1), float(np.median(labels)), 1
    return forecast
