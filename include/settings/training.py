"""Settings of training, evaluation and selection (``include/config/training.yml``)."""

from __future__ import annotations

import math
from typing import Annotated, Final, Literal, Self

from pydantic import Field, model_validator

from include.settings.section import Section

FamilyName = Literal["baseline", "logistic_regression", "ridge", "random_forest", "gradient_boosting"]
BASELINE: Final = "baseline"

_Positive = Annotated[float, Field(gt=0)]
_Count = Annotated[int, Field(ge=1)]
_Share = Annotated[float, Field(ge=0, le=1)]


class LogisticRegressionSettings(Section):
    """Parameters of ``sklearn.linear_model.LogisticRegression``, under its own names."""

    C: _Positive
    max_iter: _Count


class RidgeSettings(Section):
    """Parameters of ``sklearn.linear_model.Ridge``, under its own names."""

    alpha: _Positive


class RandomForestSettings(Section):
    """Parameters of scikit-learn's random forests, under their own names."""

    n_estimators: _Count
    min_samples_leaf: _Count
    max_features: Literal["sqrt", "log2"] | Annotated[float, Field(gt=0, le=1)]


class GradientBoostingSettings(Section):
    """Parameters of scikit-learn's histogram gradient boosting, under their own names."""

    learning_rate: _Positive
    max_iter: _Count
    max_leaf_nodes: Annotated[int, Field(ge=2)]
    min_samples_leaf: _Count
    l2_regularization: Annotated[float, Field(ge=0)]


class FamilyParameters(Section):
    """Parameters of each model family; the baseline has none to tune."""

    logistic_regression: LogisticRegressionSettings
    ridge: RidgeSettings
    random_forest: RandomForestSettings
    gradient_boosting: GradientBoostingSettings


class SelectionWeights(Section):
    """What a good candidate is made of; the weights sum to 1. ``score`` is the task's own score."""

    score: _Share = 0.0
    f1: _Share = 0.0
    precision: _Share = 0.0
    recall: _Share = 0.0
    training_seconds: _Share = 0.0
    size: _Share = 0.0

    @model_validator(mode="after")
    def _check_sum(self) -> Self:
        total = sum(self.model_dump().values())
        if not math.isclose(total, 1.0, abs_tol=1e-9):
            raise ValueError(f"weights that sum to 1, they sum to {total:g}")
        return self


class CostCeilings(Section):
    """The cost at which a candidate earns nothing for being cheap; no cost at all earns the whole weight."""

    training_seconds: _Positive
    size_bytes: _Count


SplitKind = Literal["time", "entity"]


class FeatureSelectionSettings(Section):
    """How a candidate chooses among its features, on training rows alone.

    Attributes:
        max_features: kept at most; None for as many as the method finds useful.
        max_rows: training rows that the method looks at, drawn by ``random_seed``.
    """

    method: Literal["none", "recursive_elimination", "importance", "mutual_information"]
    max_features: _Count | None
    max_rows: Annotated[int, Field(ge=100)]
    folds: Annotated[int, Field(ge=2)]


class TrainingSettings(Section):
    """Settings of training, evaluation and selection of one model.

    Attributes:
        split: ``time``, by as-of dates, or ``entity``, by a hash of the key at the newest one.
        validation_folds: how often each candidate is validated, the validation split among them.
    """

    split: SplitKind = "time"
    training_cutoffs: _Count
    training_cutoff_spacing_days: _Count
    min_training_cutoffs: _Count
    min_training_rows: _Count
    min_split_count: _Count
    validation_folds: _Count = 3
    families: tuple[FamilyName, ...]
    parameters: FamilyParameters
    selection_weights: SelectionWeights
    cost_ceilings: CostCeilings
    feature_selection: FeatureSelectionSettings
    random_seed: Annotated[int, Field(ge=0)]
    threads_per_fit: _Count
    max_model_age_days: _Count
    bootstrap_repetitions: Annotated[int, Field(ge=100)]

    @model_validator(mode="after")
    def _check_families(self) -> Self:
        if BASELINE not in self.families or len(set(self.families)) < 2:
            raise ValueError("families to hold 'baseline' and at least one other family")
        if len(set(self.families)) < len(self.families):
            raise ValueError("each of the families once")
        if self.min_training_cutoffs > self.training_cutoffs:
            raise ValueError("min_training_cutoffs to be at most training_cutoffs")
        return self
