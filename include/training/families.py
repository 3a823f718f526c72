"""The model families: how each takes numbers and categories, in front of the task's estimator.

Every step has an ONNX form that answers alike. That rules out what looks simpler: skl2onnx refuses a
``OneHotEncoder`` that groups rare categories by itself, and a random forest that meets NaN for an unknown
category answers differently as ONNX.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final

from include.errors import TrainingError
from include.features.matrix import FeatureMatrix
from include.settings.training import TrainingSettings
from include.tasks.task import Task

if TYPE_CHECKING:
    from sklearn.pipeline import Pipeline

MIN_CATEGORY_ROWS: Final = 10
MAX_CATEGORIES: Final = 100
"""Linear models get a column for each category of so many training rows at least, the most frequent ones first."""

Steps = list[tuple[str, Any]]


def build_family(family: str, matrix: FeatureMatrix, task: Task, settings: TrainingSettings) -> Pipeline:
    """The unfitted pipeline of a family, for inputs as :func:`build_inputs` makes them; its last step is the estimator.

    The same seed gives the same model.

    Args:
        matrix: the training rows, which say what columns and categories there are.

    Raises:
        TrainingError: there is no such family for the task.
    """
    from sklearn.pipeline import Pipeline

    if family not in task.estimators or family not in _PREPARATIONS:
        known = ", ".join(name for name in task.estimators if name in _PREPARATIONS)
        raise TrainingError(f"There is no {task.name} model family {family!r}; known: {known}.")
    return Pipeline([*_PREPARATIONS[family](matrix), ("estimate", task.estimators[family](settings))])


def build_inputs(matrix: FeatureMatrix) -> Any:
    """Features as scikit-learn takes them: float32 [n, k], or a frame where there are categories too."""
    import pandas as pd

    if not matrix.categorical_names:
        return matrix.numeric
    numeric = pd.DataFrame(matrix.numeric, columns=list(matrix.numeric_names))
    categorical = pd.DataFrame(matrix.categorical, columns=list(matrix.categorical_names))
    return pd.concat([numeric, categorical], axis=1)


def read_parameters(family: str, settings: TrainingSettings) -> dict[str, Any]:
    """The tuned parameters of a family, for the record."""
    section = getattr(settings.parameters, family, None)
    return {} if section is None else section.model_dump()


def _prepare_linear(matrix: FeatureMatrix) -> Steps:
    """Numbers imputed and scaled; a column for each frequent category, none for rare and unknown ones."""
    import numpy as np
    from sklearn.pipeline import Pipeline
    from sklearn.preprocessing import OneHotEncoder, StandardScaler

    numeric = Pipeline([("impute", _impute()), ("scale", StandardScaler())])
    encode = OneHotEncoder(
        categories=[_find_frequent(column) for column in matrix.categorical.T],
        handle_unknown="ignore", sparse_output=False, dtype=np.float32,
    )  # fmt: skip
    return _list_steps(matrix, numeric, encode)


def _prepare_forest(matrix: FeatureMatrix) -> Steps:
    """Numbers imputed; the position of each category, -1 for an unknown one."""
    return _list_steps(matrix, _impute(), _encode_positions(-1))


def _prepare_boosting(matrix: FeatureMatrix) -> Steps:
    """Histogram boosting learns where a missing number goes, and sends an unknown category there."""
    return _list_steps(matrix, None, _encode_positions(float("nan")))


_PREPARATIONS: Final[Mapping[str, Callable[[FeatureMatrix], Steps]]] = {
    "logistic_regression": _prepare_linear,
    "ridge": _prepare_linear,
    "random_forest": _prepare_forest,
    "gradient_boosting": _prepare_boosting,
}


def _list_steps(matrix: FeatureMatrix, numeric: Any | None, categorical: Any) -> Steps:
    """The preparing steps for the columns that there are."""
    from sklearn.compose import ColumnTransformer

    k, m = len(matrix.numeric_names), len(matrix.categorical_names)
    if not m:
        return [] if numeric is None else [("prepare", numeric)]
    parts = [("numeric", "passthrough" if numeric is None else numeric, list(range(k)))] if k else []
    return [("prepare", ColumnTransformer([*parts, ("categorical", categorical, list(range(k, k + m)))]))]


def _impute() -> Any:
    from sklearn.impute import SimpleImputer

    return SimpleImputer(strategy="median", keep_empty_features=True)


def _encode_positions(unknown: float) -> Any:
    import numpy as np
    from sklearn.preprocessing import OrdinalEncoder

    return OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=unknown, dtype=np.float32)


def _find_frequent(column: Any) -> Any:
    """The categories of a column that are frequent enough for a column of their own, or else the most frequent one."""
    import numpy as np

    values, counts = np.unique(column, return_counts=True)
    order = np.argsort(-counts, kind="stable")[:MAX_CATEGORIES]
    kept = order[counts[order] >= MIN_CATEGORY_ROWS]
    return np.sort(values[kept if len(kept) else order[:1]])
