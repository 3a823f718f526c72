"""What the gates measure of yes and no."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from include.tasks.curves import choose_places
from include.tasks.evidence import Event
from include.tasks.surplus import describe_bins, split_probabilities, weigh_calibration

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from include.tasks.evidence import Floats, Labels


class BinaryEvidence:
    """See :class:`include.tasks.evidence.EvidenceOfTask`."""

    calibration_title = "expected calibration error"
    change_title = "share of other answers"

    def weighted_calibration(self, labels: Labels, predictions: Floats, weights: Labels) -> npt.NDArray[np.float64]:
        """The expected calibration error."""
        return weigh_calibration(labels, predictions, weights)

    def bin_calibration(self, labels: Labels, predictions: Floats) -> list[dict[str, float]]:
        """Probability and share of positives."""
        known, bins = split_probabilities(predictions)
        return describe_bins(known, labels, bins)

    def measure_change(self, before: Floats, after: Floats, decision: Mapping[str, Any], labels: Labels) -> float:  # noqa: ARG002
        """The share of rows whose answer is another."""
        threshold = decision["threshold"]
        return float(((before >= threshold) != (after >= threshold)).mean())

    def list_events(self, labels: Labels, predictions: Floats, decision: Mapping[str, Any]) -> tuple[Event, ...]:
        """Yes."""
        return (Event("yes", predictions >= decision["threshold"], labels == 1),)

    def list_constants(self, labels: Labels, count: int, decision: Mapping[str, Any]) -> dict[str, Floats]:  # noqa: ARG002
        """No for all, and yes for all."""
        import numpy as np

        return {"acting on no row": np.full(count, -np.inf), "acting on every row": np.full(count, np.inf)}

    def measure_profits(
        self, labels: Labels, predictions: Floats, decision: Mapping[str, Any], gains: Mapping[str, float]
    ) -> npt.NDArray[np.float64]:
        """The gain of the cell of the cost matrix (Elkan, 2001) that each row is in."""
        import numpy as np

        matrix = np.array(
            [[gains["true_negative"], gains["false_positive"]], [gains["false_negative"], gains["true_positive"]]]
        )
        profits: npt.NDArray[np.float64] = matrix[labels, (predictions >= decision["threshold"]).astype(np.int64)]
        return profits

    def trace_profits(
        self, labels: Labels, predictions: Floats, gains: Mapping[str, float]
    ) -> list[tuple[float, float]]:
        """Rows of one probability are acted on together."""
        import numpy as np

        acted = np.where(labels == 1, gains["true_positive"], gains["false_positive"])
        left = np.where(labels == 1, gains["false_negative"], gains["true_negative"])
        order = np.argsort(-predictions, kind="stable")
        profits = np.append(0.0, np.cumsum((acted - left)[order])) + left.sum()
        ranked = predictions[order]
        is_cut = np.concatenate([[True], ranked[1:] < ranked[:-1], [True]])
        places = choose_places(np.flatnonzero(is_cut), with_dense_start=True)
        return [(float(at / len(labels)), float(profits[at] / len(labels))) for at in places]
