"""Whether predictions are as high as outcomes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from include.evaluation.candidate import Candidate
from include.tasks.bootstrap import draw_weights

if TYPE_CHECKING:
    from include.tasks.task import Floats, Labels, Task

REPETITIONS: Final = 200


@dataclass(frozen=True)
class CalibrationEvidence:
    """The calibration error of the test rows.

    Attributes:
        title: what the error is, in words.
        low: with ``high``, its 95 % interval.
        bins: ``predicted``, ``observed`` and ``rows`` of each range (see ``include.tasks.surplus.describe_bins``).
    """

    title: str
    error: float
    low: float
    high: float
    rows: int
    bins: tuple[Mapping[str, float], ...] = ()


def measure_calibration(candidate: Candidate) -> CalibrationEvidence:
    """The task's calibration error of what serves."""
    task, labels = candidate.task, candidate.data.test.labels
    error, low, high = estimate_error(task, labels, candidate.answers, candidate.seed)
    bins = tuple(task.bin_calibration(labels, candidate.answers))
    return CalibrationEvidence(task.calibration_title, error, low, high, len(labels), bins)


def estimate_error(task: Task, labels: Labels, predictions: Floats, seed: int) -> tuple[float, float, float]:
    """The error, and the low and high end of its basic bootstrap interval (Davison & Hinkley, 1997).

    A sum of absolute values is too large where rows are few, and in samples of these rows by as much again: the basic
    interval, which turns the samples' distances around, takes that out.
    """
    import numpy as np

    error = float(task.weighted_calibration(labels, predictions, np.ones((1, len(labels)), dtype=np.int64))[0])
    samples = np.concatenate(
        [
            task.weighted_calibration(labels, predictions, weights)
            for weights in draw_weights(len(labels), REPETITIONS, seed)
        ]
    )
    below, above = np.nanpercentile(samples, (2.5, 97.5))
    return error, max(2 * error - float(above), 0.0), 2 * error - float(below)
