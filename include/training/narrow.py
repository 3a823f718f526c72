"""Which features of a training set a candidate may learn from."""

from __future__ import annotations

from dataclasses import replace

from include.errors import TrainingError
from include.features.spec import ModelSpec
from include.settings.training import BASELINE, TrainingSettings
from include.tasks import TASKS
from include.training.feature_selection import FeatureSelection, select_features
from include.training.splits import TrainingData


def narrow_features(data: TrainingData, spec: ModelSpec, feature_set: str | None) -> TrainingData:
    """The training set with the features of one compared set to learn from.

    Raises:
        TrainingError: there is no such set, or none of its features has a value in the training rows.
    """
    if feature_set is None:
        return data
    if feature_set not in spec.feature_sets:
        known = ", ".join(spec.feature_sets) or "none"
        raise TrainingError(
            f"{spec.name} compares no feature set {feature_set!r} (features.compare); there are: {known}."
        )
    kept = tuple(item for item in data.features if item in spec.feature_sets[feature_set])
    if not kept:
        raise TrainingError(
            f"Every feature of the compared set {feature_set!r} is null in all training rows. Build the features again "
            "(build_features), or take the set out of features.compare."
        )
    return replace(data, features=kept)


def choose_features(
    data: TrainingData, family: str, spec: ModelSpec, settings: TrainingSettings, feature_set: str | None
) -> tuple[TrainingData, FeatureSelection | None]:
    """What the candidate learns from: its feature set, then what its selection keeps; the baseline selects nothing.

    Raises:
        TrainingError: there is no such set, or none of its features tells two training rows apart.
    """
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

    data = narrow_features(data, spec, feature_set)
    if family == BASELINE:
        return data, None
    offered = spec.features if feature_set is None else spec.feature_sets[feature_set]
    with threadpool_limits(settings.threads_per_fit):
        return select_features(data, offered, family, TASKS[spec.task], settings)
