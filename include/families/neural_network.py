"""A multi-layer perceptron on scaled inputs; a forecast is fitted on the scaled label."""

from __future__ import annotations

import warnings
from functools import cache
from typing import Annotated, Any, Final

from pydantic import Field

from include.families.family import Family, FitContext
from include.families.parameters import CalibratedParameters, Count, NotNegative, Positive, list_arguments
from include.families.preparation import prepare_scaled


class NeuralNetworkParameters(CalibratedParameters):
    """Parameters of scikit-learn's multi-layer perceptrons, under their own names."""

    hidden_layer_sizes: Annotated[tuple[Count, ...], Field(min_length=1)]
    alpha: NotNegative
    learning_rate_init: Positive
    batch_size: Count
    max_iter: Count


def _build(parameters: NeuralNetworkParameters, context: FitContext) -> Any:
    kind = define_perceptrons()[context.task == "regression"]
    return kind(random_state=context.seed, early_stopping=False, **list_arguments(parameters, context.task))


@cache
def define_perceptrons() -> tuple[Any, Any]:
    """The classes of the estimators, for classes and for numbers: scikit-learn's, whose ``max_iter`` is no fault.

    The one for numbers learns (label - mean) / deviation and undoes it in its last layer, so that learning rate and
    penalty mean the same in any unit of the label.
    """
    import numpy as np
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.neural_network import MLPClassifier, MLPRegressor

    class Classifier(MLPClassifier):  # type: ignore[misc,unused-ignore]
        def fit(self, X: Any, y: Any) -> Any:  # noqa: N803
            with warnings.catch_warnings(action="ignore", category=ConvergenceWarning):
                return super().fit(X, y)

    class Regressor(MLPRegressor):  # type: ignore[misc,unused-ignore]
        def fit(self, X: Any, y: Any) -> Any:  # noqa: N803
            mean, deviation = float(np.mean(y)), float(np.std(y)) or 1.0
            with warnings.catch_warnings(action="ignore", category=ConvergenceWarning):
                super().fit(X, (np.asarray(y) - mean) / deviation)
            self.coefs_[-1] = self.coefs_[-1] * deviation
            self.intercepts_[-1] = self.intercepts_[-1] * deviation + mean
            return self

    return Classifier, Regressor


FAMILY: Final = Family(("binary", "multiclass", "regression"), NeuralNetworkParameters, prepare_scaled, _build)
