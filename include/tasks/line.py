"""A line through one feature: what a regression's baseline answers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Numbers = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Line:
    """``slope * feature + intercept``; ``error`` is its mean absolute error on the rows that it was fitted to."""

    slope: float
    intercept: float
    error: float

    @property
    def is_identity(self) -> bool:
        """Whether the feature is the answer as it is."""
        return self.slope == 1.0 and self.intercept == 0.0


def fit_line(values: Numbers, labels: Numbers) -> Line:
    """The line with the smallest mean absolute error of three; of equals, the first.

    They are the feature as it is, which suits an earlier value of the label; the least-squares slope; and no slope,
    the median of the labels, so that no line is worse than the best constant. Both of the latter get the intercept
    that is best for their slope: the median of what remains.

    Args:
        values: of one feature [n], none missing.
        labels: [n].
    """
    import numpy as np

    centred = values - values.mean()
    squares = float(centred @ centred)
    slope = float(centred @ (labels - labels.mean())) / squares if squares else 0.0
    fitted = [(of, float(np.median(labels - of * values))) for of in (slope, 0.0)]
    lines = [Line(of, at, float(np.abs(of * values + at - labels).mean())) for of, at in [(1.0, 0.0), *fitted]]
    return min(lines, key=lambda line: line.error)


def build_line(values: npt.NDArray[Any], line: Line) -> Any:
    """A fitted scikit-learn pipeline that answers with a line; a missing value counts as the median.

    The feature is centred before it meets the slope: far from zero, float32 would lose the difference.

    Args:
        values: of the feature [n, 1], NaN where missing.
    """
    import numpy as np
    from sklearn.impute import SimpleImputer
    from sklearn.linear_model import LinearRegression
    from sklearn.pipeline import Pipeline
    from sklearn.preprocessing import StandardScaler

    imputer = SimpleImputer(strategy="median", keep_empty_features=True).fit(values)
    estimate = LinearRegression()
    estimate.n_features_in_ = 1
    if line.is_identity:
        estimate.coef_, estimate.intercept_ = np.ones(1), 0.0
        return Pipeline([("impute", imputer), ("estimate", estimate)])
    scaler = StandardScaler().fit(imputer.transform(values).astype(np.float64))
    estimate.coef_ = line.slope * scaler.scale_
    estimate.intercept_ = line.intercept + line.slope * float(scaler.mean_[0])
    return Pipeline([("impute", imputer), ("scale", scaler), ("estimate", estimate)])
