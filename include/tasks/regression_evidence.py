"""What the gates measure of forecasts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from include.tasks.evidence import Event
from include.tasks.surplus import describe_bins, split_evenly, weigh_surplus

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from include.tasks.evidence import Floats, Labels


class RegressionEvidence:
    """See :class:`include.tasks.evidence.EvidenceOfTask`."""

    calibration_title = "bias over tenths of the forecasts, relative to the label"
    change_title = "mean change in standard deviations of the label"

    def weighted_calibration(self, labels: Labels, predictions: Floats, weights: Labels) -> npt.NDArray[np.float64]:
        """The absolute bias in tenths of the rows by forecast, in shares of the sum of the (absolute) labels."""
        import numpy as np

        surplus = predictions.astype(np.float64) - labels
        return weigh_surplus(surplus, np.abs(labels), split_evenly(predictions), weights)

    def bin_calibration(self, labels: Labels, predictions: Floats) -> list[dict[str, float]]:
        """Forecast and label in tenths of the rows by forecast."""
        import numpy as np

        return describe_bins(predictions.astype(np.float64), labels, split_evenly(predictions))

    def measure_change(self, before: Floats, after: Floats, decision: Mapping[str, Any], labels: Labels) -> float:  # noqa: ARG002
        """The mean absolute change, in standard deviations of the label."""
        import numpy as np

        return float(np.abs(after.astype(np.float64) - before).mean() / (labels.std() or 1.0))

    def list_events(self, labels: Labels, predictions: Floats, decision: Mapping[str, Any]) -> tuple[Event, ...]:  # noqa: ARG002
        """More than the median label of the rows."""
        import numpy as np

        median = float(np.median(labels))
        return (Event(f"more than {median:.4g}", predictions > median, labels > median),)

    def list_constants(self, labels: Labels, count: int, decision: Mapping[str, Any]) -> dict[str, Floats]:  # noqa: ARG002
        """The median and the mean of the labels."""
        import numpy as np

        return {
            "forecasting the median for all": np.full(count, float(np.median(labels))),
            "forecasting the mean for all": np.full(count, float(labels.mean())),
        }

    def measure_profits(
        self,
        labels: Labels,
        predictions: Floats,
        decision: Mapping[str, Any],  # noqa: ARG002
        gains: Mapping[str, float],
    ) -> npt.NDArray[np.float64]:
        """The gain (a loss, mostly) of each unit that is forecast too many or too few."""
        import numpy as np

        surplus = predictions.astype(np.float64) - labels
        return gains["over"] * np.maximum(surplus, 0.0) + gains["under"] * np.maximum(-surplus, 0.0)

    def trace_profits(
        self,
        labels: Labels,  # noqa: ARG002
        predictions: Floats,  # noqa: ARG002
        gains: Mapping[str, float],  # noqa: ARG002
    ) -> list[tuple[float, float]]:
        """None: every row has a forecast."""
        return []
