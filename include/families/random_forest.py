"""Random forests."""

from __future__ import annotations

from typing import Any, Final, Literal

from include.families.family import Family, FitContext
from include.families.parameters import Count, PositiveShare, WeightedParameters, list_arguments
from include.families.preparation import prepare_imputed


class RandomForestParameters(WeightedParameters):
    """Parameters of scikit-learn's random forests, under their own names."""

    n_estimators: Count
    min_samples_leaf: Count
    max_features: Literal["sqrt", "log2"] | PositiveShare


def _build(parameters: RandomForestParameters, context: FitContext) -> Any:
    from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor

    kind = RandomForestRegressor if context.task == "regression" else RandomForestClassifier
    arguments = list_arguments(parameters, context.task)
    return kind(random_state=context.seed, n_jobs=context.threads, **arguments)


FAMILY: Final = Family(("binary", "multiclass", "regression"), RandomForestParameters, prepare_imputed, _build)
