"""What the gates measure of answers that are one of several classes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from include.tasks.evidence import Event, name_classes
from include.tasks.surplus import describe_bins, split_probabilities, weigh_calibration

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from include.tasks.evidence import Floats, Labels


class MulticlassEvidence:
    """See :class:`include.tasks.evidence.EvidenceOfTask`."""

    calibration_title = "expected calibration error of the most probable class"
    change_title = "share of other answers"

    def weighted_calibration(self, labels: Labels, predictions: Floats, weights: Labels) -> npt.NDArray[np.float64]:
        """The expected calibration error of the most probable class (Guo et al., 2017)."""
        return weigh_calibration(predictions.argmax(axis=1) == labels, predictions.max(axis=1), weights)

    def bin_calibration(self, labels: Labels, predictions: Floats) -> list[dict[str, float]]:
        """Probability of the most probable class, and how often it is right."""
        known, bins = split_probabilities(predictions.max(axis=1))
        return describe_bins(known, predictions.argmax(axis=1) == labels, bins)

    def measure_change(self, before: Floats, after: Floats, decision: Mapping[str, Any], labels: Labels) -> float:  # noqa: ARG002
        """The share of rows whose answer is another class."""
        return float((before.argmax(axis=1) != after.argmax(axis=1)).mean())

    def list_events(self, labels: Labels, predictions: Floats, decision: Mapping[str, Any]) -> tuple[Event, ...]:
        """Each class."""
        answers = predictions.argmax(axis=1)
        return tuple(Event(name, answers == at, labels == at) for at, name in enumerate(name_classes(decision)))

    def list_constants(self, labels: Labels, count: int, decision: Mapping[str, Any]) -> dict[str, Floats]:
        """The most frequent class for all."""
        import numpy as np

        classes = name_classes(decision)
        most = int(np.bincount(labels, minlength=len(classes)).argmax())
        return {f"answering {classes[most]} for all": np.tile(np.eye(len(classes))[most], (count, 1))}

    def measure_profits(
        self,
        labels: Labels,
        predictions: Floats,
        decision: Mapping[str, Any],  # noqa: ARG002
        gains: Mapping[str, float],
    ) -> npt.NDArray[np.float64]:
        """The gain of a right answer, or of a wrong one."""
        import numpy as np

        return np.where(predictions.argmax(axis=1) == labels, gains["correct"], gains["wrong"])

    def trace_profits(
        self,
        labels: Labels,  # noqa: ARG002
        predictions: Floats,  # noqa: ARG002
        gains: Mapping[str, float],  # noqa: ARG002
    ) -> list[tuple[float, float]]:
        """None: every row is answered by some class."""
        return []
