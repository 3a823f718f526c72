"""Logistic regression."""

from __future__ import annotations

from typing import Any, Final

from include.families.family import Family, FitContext
from include.families.parameters import Count, Positive, WeightedParameters, list_arguments
from include.families.preparation import prepare_scaled


class LogisticRegressionParameters(WeightedParameters):
    """Parameters of ``sklearn.linear_model.LogisticRegression``, under its own names."""

    C: Positive
    max_iter: Count


def _build(parameters: LogisticRegressionParameters, context: FitContext) -> Any:
    from sklearn.linear_model import LogisticRegression

    return LogisticRegression(random_state=context.seed, **list_arguments(parameters, context.task))


FAMILY: Final = Family(("binary", "multiclass"), LogisticRegressionParameters, prepare_scaled, _build)
