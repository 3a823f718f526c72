"""Histogram gradient boosting; a forecast has the smallest absolute error."""

from __future__ import annotations

from typing import Annotated, Any, Final

from pydantic import Field

from include.families.family import Family, FitContext
from include.families.parameters import Count, NotNegative, Positive, WeightedParameters, list_arguments
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


FAMILY: Final = Family(("binary", "multiclass", "regression"), GradientBoostingParameters, prepare_missing, _build)
