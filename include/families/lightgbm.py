"""Gradient boosting of LightGBM; a forecast has the smallest absolute error."""

from __future__ import annotations

from typing import Annotated, Any, Final

from pydantic import Field

from include.families.family import Family, FitContext, Rounds
from include.families.parameters import (
    Count,
    NotNegative,
    Positive,
    PositiveShare,
    WeightedParameters,
    list_arguments,
    weigh_held_out,
)
from include.families.preparation import prepare_missing


class LightgbmParameters(WeightedParameters):
    """Parameters of LightGBM's scikit-learn interface, under their own names."""

    n_estimators: Count
    learning_rate: Positive
    num_leaves: Annotated[int, Field(ge=2)]
    min_child_samples: Count
    reg_lambda: NotNegative
    colsample_bytree: PositiveShare


def _build(parameters: LightgbmParameters, context: FitContext) -> Any:
    from lightgbm import LGBMClassifier, LGBMRegressor

    arguments = list_arguments(parameters, context.task)
    arguments |= {"random_state": context.seed, "n_jobs": context.threads, "verbose": -1}
    # Otherwise it times two layouts of the rows and takes the faster one, and the sums differ in their last bits.
    arguments |= {"deterministic": True, "force_row_wise": True}
    if context.task == "regression":
        return LGBMRegressor(objective="regression_l1", **arguments)
    return LGBMClassifier(**arguments)


def _fit_until(estimator: Any, rows: tuple[Any, Any], held_out: tuple[Any, Any], patience: int) -> tuple[Any, int]:
    from lightgbm import early_stopping

    weights = weigh_held_out(estimator, rows[1], held_out[1])
    estimator.fit(
        *rows, eval_X=held_out[0], eval_y=held_out[1], eval_sample_weight=None if weights is None else [weights],
        callbacks=[early_stopping(patience, verbose=False)],
    )  # fmt: skip
    return estimator, estimator.best_iteration_


FAMILY: Final = Family(
    ("binary", "multiclass", "regression"), LightgbmParameters, prepare_missing, _build,
    Rounds("n_estimators", _fit_until),
)  # fmt: skip
