"""What the gates measure of a task's answers: the second part of the contract of every kind of label."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Floats = npt.NDArray[np.floating[Any]]
    Labels = npt.NDArray[Any]
    Flags = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Event:
    """Something that a row's answer says, and whether it is so.

    Attributes:
        title: in words, such as ``'yes'``.
        is_answered: [n].
        is_true: [n].
    """

    title: str
    is_answered: Flags
    is_true: Flags


class EvidenceOfTask(Protocol):
    """See :class:`include.tasks.task.Task` for the shapes of labels, predictions and decisions."""

    calibration_title: str
    """What :meth:`weighted_calibration` measures, in words."""

    change_title: str
    """What :meth:`measure_change` measures, in words."""

    def weighted_calibration(self, labels: Labels, predictions: Floats, weights: Labels) -> npt.NDArray[np.float64]:
        """How far predictions lie from outcomes, of each weighting of the rows (int64 [repetitions, n]); 0 is best."""
        ...

    def bin_calibration(self, labels: Labels, predictions: Floats) -> list[dict[str, float]]:
        """Prediction and outcome in each of the ranges that the error sums over (see ``surplus.describe_bins``)."""
        ...

    def measure_change(self, before: Floats, after: Floats, decision: Mapping[str, Any], labels: Labels) -> float:
        """How much the answers differ: the share of other answers, or the mean in standard deviations of the label."""
        ...

    def list_events(self, labels: Labels, predictions: Floats, decision: Mapping[str, Any]) -> tuple[Event, ...]:
        """What the answers say: yes; each class; or more than the median label."""
        ...

    def list_constants(self, labels: Labels, count: int, decision: Mapping[str, Any]) -> dict[str, Floats]:
        """What needs no model, by its name: predictions of ``count`` rows that are all the same.

        Args:
            labels: of the training rows.
        """
        ...

    def measure_profits(
        self, labels: Labels, predictions: Floats, decision: Mapping[str, Any], gains: Mapping[str, float]
    ) -> npt.NDArray[np.float64]:
        """What acting on each row's answer earns, [n] (gains: see ``include.settings.gates.GAIN_NAMES``)."""
        ...

    def trace_profits(
        self, labels: Labels, predictions: Floats, gains: Mapping[str, float]
    ) -> list[tuple[float, float]]:
        """The profit of a row by the share of the rows that is acted on, those with the highest probability first.

        From no row to every row, at most 100 points; none where the answers rank no rows.
        """
        ...


def name_classes(decision: Mapping[str, Any]) -> Sequence[str]:
    """The classes of a multiclass decision."""
    classes: Sequence[str] = decision["classes"]
    return classes
