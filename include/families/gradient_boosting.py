"""Histogram gradient boosting; a forecast has the smallest absolute error."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice
from typing import Annotated, Any, Final

from pydantic import Field

from include.families.family import Family, FitContext, Rounds
from include.families.parameters import Count, NotNegative, Positive, WeightedParameters, list_arguments, weigh_held_out
from include.families.preparation import prepare_missing


class GradientBoostingParameters(WeightedParameters):
    """Parameters of scikit-learn's histogram gradient boosting, under their own names."""

    learning_rate: Positive
    max_iter: Count
    max_leaf_nodes: Annotated[int, Field(ge=2)]
    min_samples_leaf: Count
    l2_regularization: NotNegative


def _build(parameters: GradientBoostingParameters, context: FitContext) -> Any:
    from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

    arguments = list_arguments(parameters, context.task)
    arguments |= {"random_state": context.seed, "early_stopping": False}
    if context.task == "regression":
        return HistGradientBoostingRegressor(loss="absolute_error", **arguments)
    return HistGradientBoostingClassifier(**arguments)


@dataclass(frozen=True)
class StoppedTrees:
    """The first trees of a fitted estimator; scikit-learn itself answers with all, those after the best one too."""

    estimator: Any
    trees: int

    def predict_proba(self, inputs: Any) -> Any:
        """The probability of each class, [n, classes]."""
        return next(islice(self.estimator.staged_predict_proba(inputs), self.trees - 1, None))

    def predict(self, inputs: Any) -> Any:
        """The value or the class, [n]."""
        return next(islice(self.estimator.staged_predict(inputs), self.trees - 1, None))


def _fit_until(
    estimator: Any, rows: tuple[Any, Any], held_out: tuple[Any, Any], patience: int
) -> tuple[StoppedTrees, int]:
    estimator.set_params(early_stopping=True, n_iter_no_change=patience, tol=0.0)
    weights = weigh_held_out(estimator, rows[1], held_out[1])
    estimator.fit(*rows, X_val=held_out[0], y_val=held_out[1], sample_weight_val=weights)
    # The first score is of no tree at all.
    trees = 1 + int(estimator.validation_score_[1:].argmax())
    return StoppedTrees(estimator, trees), trees


FAMILY: Final = Family(
    ("binary", "multiclass", "regression"), GradientBoostingParameters, prepare_missing, _build,
    Rounds("max_iter", _fit_until),
)  # fmt: skip
