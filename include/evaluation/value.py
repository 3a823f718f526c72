"""What acting on the answers earns, beside what needs no model."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from math import sqrt
from typing import TYPE_CHECKING, Final

from include.evaluation.candidate import Candidate

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Numbers = npt.NDArray[np.float64]

_REACH: Final = 1.96


@dataclass(frozen=True)
class ValueEvidence:
    """Profits of a row, in the unit of the gains.

    Attributes:
        profit: of acting on the answers.
        others: of what needs no model, by its name.
        best: the name of the other that earns most.
        gain: over that one.
        gain_low: with ``gain_high``, its 95 % interval (normal, over paired rows).
        curve: profit of a row by the share of the rows that is acted on (see ``EvidenceOfTask.trace_profits``).
        acted_share: what the decision acts on; None without a curve.
    """

    profit: float
    others: Mapping[str, float]
    best: str
    gain: float
    gain_low: float
    gain_high: float
    rows: int
    curve: tuple[tuple[float, float], ...] = ()
    acted_share: float | None = None


def measure_value(candidate: Candidate) -> ValueEvidence:
    """Compare the answers to the test rows with constants chosen on training rows, and with the one-feature rule."""
    task, data = candidate.task, candidate.data
    labels, gains, decision = data.test.labels, candidate.model.gates.value.gains, candidate.onnx.contract.decision
    own = task.measure_profits(labels, candidate.answers, decision, gains)
    constants = task.list_constants(data.train.labels, len(labels), decision)
    others = {name: task.measure_profits(labels, said, decision, gains) for name, said in constants.items()}
    rule = candidate.rule
    said = rule.predict(data.test.matrix)
    others[f"acting by {candidate.baseline['baseline_feature']} alone"] = task.measure_profits(
        labels, said, rule.contract.decision, gains
    )
    curve = task.trace_profits(labels, candidate.answers, gains)
    events = task.list_events(labels, candidate.answers, decision)
    acted_share = float(events[0].is_answered.mean()) if curve else None
    return replace(compare_profits(own, others), curve=tuple(curve), acted_share=acted_share)


def compare_profits(own: Numbers, others: Mapping[str, Numbers]) -> ValueEvidence:
    """Compare profits of the same rows, [n] each."""
    means = {name: float(profits.mean()) for name, profits in others.items()}
    best = max(means, key=lambda name: means[name])
    gains = own - others[best]
    gain, error = float(gains.mean()), float(gains.std()) / sqrt(len(gains))
    return ValueEvidence(float(own.mean()), means, best, gain, gain - _REACH * error, gain + _REACH * error, len(own))
