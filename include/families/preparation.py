"""How families take numbers and categories: the steps in front of an estimator.

Every step has an ONNX form that answers alike. That rules out what looks simpler: skl2onnx refuses a
``OneHotEncoder`` that groups rare categories by itself, and a random forest that meets NaN for an unknown
category answers differently as ONNX.
"""

from __future__ import annotations

from typing import Any, Final

from include.families.family import FeatureRows, Steps

MIN_CATEGORY_ROWS: Final = 10
MAX_CATEGORIES: Final = 100
"""Linear models get a column for each category of so many training rows at least, the most frequent ones first."""


def prepare_scaled(matrix: FeatureRows) -> Steps:
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


def prepare_imputed(matrix: FeatureRows) -> Steps:
    """Numbers imputed; the position of each category, -1 for an unknown one."""
    return _list_steps(matrix, _impute(), _encode_positions(-1))


def prepare_missing(matrix: FeatureRows) -> Steps:
    """For trees that learn where a missing number goes: an unknown category is one. A column without any is zero."""
    import numpy as np
    from sklearn.impute import SimpleImputer

    has_empty = bool(np.isnan(matrix.numeric).all(axis=0).any())
    numeric = SimpleImputer(strategy="constant", fill_value=0.0, keep_empty_features=True) if has_empty else None
    return _list_steps(matrix, numeric, _encode_positions(float("nan")))


def _list_steps(matrix: FeatureRows, numeric: Any | None, categorical: Any) -> Steps:
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
