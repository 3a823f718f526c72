"""Gradient boosting of XGBoost; a forecast has the smallest absolute error."""

from __future__ import annotations

from typing import Any, Final

from include.families.family import Family, FitContext, Rounds
from include.families.parameters import (
    CalibratedParameters,
    Count,
    NotNegative,
    Positive,
    PositiveShare,
    list_arguments,
)
from include.families.preparation import prepare_missing


class XgboostParameters(CalibratedParameters):
    """Parameters of XGBoost's scikit-learn interface, under their own names; it has no weights of classes."""

    n_estimators: Count
    learning_rate: Positive
    max_depth: Count
    min_child_weight: NotNegative
    reg_lambda: NotNegative
    subsample: PositiveShare
    colsample_bytree: PositiveShare


def _build(parameters: XgboostParameters, context: FitContext) -> Any:
    from xgboost import XGBClassifier, XGBRegressor

    arguments = list_arguments(parameters, context.task)
    arguments |= {"random_state": context.seed, "n_jobs": context.threads, "tree_method": "hist"}
    if context.task == "regression":
        return XGBRegressor(objective="reg:absoluteerror", **arguments)
    return XGBClassifier(**arguments)


def _fit_until(estimator: Any, rows: tuple[Any, Any], held_out: tuple[Any, Any], patience: int) -> tuple[Any, int]:
    estimator.set_params(early_stopping_rounds=patience)
    estimator.fit(*rows, eval_set=[held_out], verbose=False)
    return estimator, estimator.best_iteration + 1


FAMILY: Final = Family(
    ("binary", "multiclass", "regression"), XgboostParameters, prepare_missing, _build,
    Rounds("n_estimators", _fit_until),
)  # fmt: skip
