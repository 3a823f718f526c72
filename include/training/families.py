"""The model families, as scikit-learn pipelines over float32 features with NaN for what is missing."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from include.errors import TrainingError
from include.settings.training import BASELINE, TrainingSettings
from include.training.baseline import measure_feature_aucs

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    from sklearn.pipeline import Pipeline

SELECT_STEP = "select"


def build_family(family: str, settings: TrainingSettings) -> Pipeline:
    """The unfitted pipeline of a family; its last step is the classifier.

    Every step has an ONNX form, and the same seed gives the same model.

    Raises:
        TrainingError: there is no such family.
    """
    from sklearn.pipeline import Pipeline

    builders: dict[str, Callable[[TrainingSettings], list[tuple[str, Any]]]] = {
        BASELINE: _baseline,
        "logistic_regression": _logistic_regression,
        "random_forest": _random_forest,
        "gradient_boosting": _gradient_boosting,
    }
    if family not in builders:
        raise TrainingError(f"There is no model family {family!r}; known: {', '.join(builders)}.")
    return Pipeline(builders[family](settings))


def read_parameters(family: str, settings: TrainingSettings) -> dict[str, Any]:
    """The tuned parameters of a family, for the record."""
    section = getattr(settings.parameters, family, None)
    return {} if section is None else section.model_dump()


def find_baseline_feature(model: Pipeline, names: list[str]) -> str | None:
    """The one feature that a fitted baseline uses; None for every other family."""
    selector = model.named_steps.get(SELECT_STEP)
    return None if selector is None else names[int(selector.get_support().argmax())]


def _baseline(settings: TrainingSettings) -> list[tuple[str, Any]]:
    """A logistic curve on the feature that ranks the training households best."""
    from sklearn.feature_selection import SelectKBest
    from sklearn.linear_model import LogisticRegression

    return [
        ("impute", _impute()),
        (SELECT_STEP, SelectKBest(_score_features, k=1)),
        ("scale", _scale()),
        ("classify", LogisticRegression(random_state=settings.random_seed)),
    ]


def _logistic_regression(settings: TrainingSettings) -> list[tuple[str, Any]]:
    from sklearn.linear_model import LogisticRegression

    parameters = settings.parameters.logistic_regression.model_dump()
    return [
        ("impute", _impute()),
        ("scale", _scale()),
        ("classify", LogisticRegression(random_state=settings.random_seed, **parameters)),
    ]


def _random_forest(settings: TrainingSettings) -> list[tuple[str, Any]]:
    from sklearn.ensemble import RandomForestClassifier

    parameters = settings.parameters.random_forest.model_dump()
    forest = RandomForestClassifier(random_state=settings.random_seed, n_jobs=settings.threads_per_fit, **parameters)
    return [("impute", _impute()), ("classify", forest)]


def _gradient_boosting(settings: TrainingSettings) -> list[tuple[str, Any]]:
    """Histogram boosting learns where a missing value goes: it needs no imputation."""
    from sklearn.ensemble import HistGradientBoostingClassifier

    parameters = settings.parameters.gradient_boosting.model_dump()
    boosting = HistGradientBoostingClassifier(random_state=settings.random_seed, early_stopping=False, **parameters)
    return [("classify", boosting)]


def _impute() -> Any:
    from sklearn.impute import SimpleImputer

    return SimpleImputer(strategy="median", keep_empty_features=True)


def _scale() -> Any:
    from sklearn.preprocessing import StandardScaler

    return StandardScaler()


def _score_features(features: npt.NDArray[np.float32], labels: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
    return measure_feature_aucs(features, labels)
