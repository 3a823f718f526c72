"""Builds a model of a family from the settings, and its inputs from a feature matrix."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from include.errors import TrainingError
from include.families.combination import Combination
from include.families.discovery import FAMILIES
from include.families.family import FitContext
from include.features.matrix import FeatureMatrix
from include.settings.training import TrainingSettings
from include.tasks.task import Task

if TYPE_CHECKING:
    from sklearn.pipeline import Pipeline

    from include.families.family import Rows

HeldOut = Sequence[tuple["Rows", "Rows"]]


def build_family(
    family: str, matrix: FeatureMatrix, task: Task, settings: TrainingSettings, held_out: HeldOut = ()
) -> Pipeline:
    """The unfitted pipeline of a family, for inputs as :func:`build_inputs` makes them; its last step is the estimator.

    The same seed gives the same model.

    Args:
        matrix: the training rows, which say what columns and categories there are.
        held_out: see :class:`include.families.family.FitContext`.

    Raises:
        TrainingError: there is no such family for the task, or the settings hold no parameters of it.
    """
    from sklearn.pipeline import Pipeline

    pipeline = build_pipeline(family, matrix, task, settings, held_out)
    if getattr(read_section(family, settings), "calibration", None) is None:
        return pipeline
    context = _build_context(task, settings, held_out)
    return Pipeline([("estimate", Combination([pipeline], context, is_stacked=True))])


def build_pipeline(
    family: str, matrix: FeatureMatrix, task: Task, settings: TrainingSettings, held_out: HeldOut = ()
) -> Pipeline:
    """As :func:`build_family`, without a calibration: the steps that prepare the inputs, and the estimator."""
    from sklearn.pipeline import Pipeline

    found, parameters = FAMILIES.get(family), read_section(family, settings)
    if found is None or task.name not in found.tasks:
        known = ", ".join(name for name, other in FAMILIES.items() if task.name in other.tasks)
        raise TrainingError(f"There is no {task.name} model family {family!r}; known: {known}.")
    if parameters is None:
        raise TrainingError(f"The settings hold no parameters of {family}. Give them (training.parameters.{family}).")
    context = _build_context(task, settings, held_out)
    if members := getattr(parameters, "members", ()):
        fitting = [name for name in members if task.name in FAMILIES[name].tasks]
        pipelines = {name: build_pipeline(name, matrix, task, settings) for name in fitting}
        context = _build_context(task, settings, held_out, pipelines)
    return Pipeline([*found.prepare(matrix), ("estimate", found.build(parameters, context))])


def build_estimator(family: str, task: Task, settings: TrainingSettings) -> Any:
    """The unfitted estimator of a family alone, for inputs that its pipeline has prepared."""
    return FAMILIES[family].build(read_section(family, settings), _build_context(task, settings, ()))


def _build_context(task: Task, settings: TrainingSettings, held_out: HeldOut, members: Any = None) -> FitContext:
    return FitContext(task.name, settings.random_seed, settings.threads_per_fit, held_out, members)


def build_inputs(matrix: FeatureMatrix) -> Any:
    """Features as scikit-learn takes them: float32 [n, k], or a frame where there are categories too."""
    import pandas as pd

    if not matrix.categorical_names:
        return matrix.numeric
    numeric = pd.DataFrame(matrix.numeric, columns=list(matrix.numeric_names))
    categorical = pd.DataFrame(matrix.categorical, columns=list(matrix.categorical_names))
    return pd.concat([numeric, categorical], axis=1)


def read_section(family: str, settings: TrainingSettings) -> Any:
    """The parameters of a family; None if it has none."""
    return getattr(settings.parameters, family, None)


def read_parameters(family: str, settings: TrainingSettings) -> dict[str, Any]:
    """The tuned parameters of a family, for the record."""
    section = read_section(family, settings)
    return {} if section is None else section.model_dump()
