"""What a model family has to say of itself."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from include.settings.section import Section
    from include.settings.task_name import TaskName

    Rows = npt.NDArray[np.int64]

Steps = list[tuple[str, Any]]
"""Named transformers of a scikit-learn pipeline."""


class FeatureRows(Protocol):
    """Rows of features, as ``include.features.matrix.FeatureMatrix`` holds them.

    Attributes:
        numeric: float32 [n, k], NaN where missing.
        categorical: texts [n, m], empty where missing.
    """

    @property
    def numeric(self) -> Any: ...
    @property
    def categorical(self) -> Any: ...
    @property
    def numeric_names(self) -> Sequence[str]: ...
    @property
    def categorical_names(self) -> Sequence[str]: ...


@dataclass(frozen=True)
class FitContext:
    """What an estimator is built for.

    Attributes:
        seed: the same one gives the same model.
        threads: on which it may be fitted.
        held_out: pairs of positions among the training rows, to fit on and to predict, as time allows it: for what
            learns from predictions of rows that a model has not seen. Empty: any rows may be held out.
        members: the unfitted pipelines of other families that the settings name, by family; of an ensemble alone.
    """

    task: TaskName
    seed: int
    threads: int
    held_out: Sequence[tuple[Rows, Rows]] = ()
    members: Mapping[str, Any] | None = None


@dataclass(frozen=True)
class Rounds:
    """How a family that adds tree after tree ends a fit that gets no better.

    Attributes:
        parameter: its number of trees.
        fit: an unfitted estimator, inputs and labels to fit on, inputs and labels to look at after each tree, and a
            patience. The fit ends when so many trees have made the loss on the latter no smaller. Returns the model as
            it was when that loss was smallest, and its number of trees, at least 1.
    """

    parameter: str
    fit: Callable[[Any, tuple[Any, Any], tuple[Any, Any], int], tuple[Any, int]]


@dataclass(frozen=True)
class Family:
    """A way to learn.

    Attributes:
        tasks: the kinds of label that it learns.
        parameters: the settings type of its parameters; those of an estimator go by the estimator's own names.
        prepare: from the training rows, the steps that turn them into what the estimator takes.
        build: from the parameters, the unfitted estimator; it has an ONNX form that answers alike.
        rounds: of boosted trees; None of what cannot end a fit early.
    """

    tasks: tuple[TaskName, ...]
    parameters: type[Section]
    prepare: Callable[[FeatureRows], Steps]
    build: Callable[[Any, FitContext], Any]
    rounds: Rounds | None = None
