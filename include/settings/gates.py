"""Settings of gates (``include/config/gates.yml``); scores are those of the model's task."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from include.settings.section import Section

Severity = Literal["blocking", "advisory"]
_Score = Annotated[float, Field(ge=-1, le=1)]
_Gain = Annotated[float, Field(ge=-1, le=1)]


class BaselineGate(Section):
    """Asks for a gain in score over the one-feature rule, and for the low end of its interval."""

    min_gain: _Gain
    min_gain_low: _Gain | None = None
    severity: Severity


class ProductionGate(Section):
    """Asks for a gain in score over the champion, and for the low end of its interval.

    A candidate that cannot be compared goes on to the person who approves ('ask'), or stays in staging ('staging').
    """

    min_gain: _Gain
    min_gain_low: _Gain | None = None
    when_incomparable: Literal["ask", "staging"]
    severity: Severity


class BestEverGate(Section):
    """Asks for a gain in score over the best version that is or was champion: small losses may not add up."""

    min_gain: _Gain
    severity: Severity


class ParityGate(Section):
    """Asks that the ONNX form answers like the model."""

    max_difference: Annotated[float, Field(gt=0)]
    severity: Severity


class EvidenceGate(Section):
    """Asks for enough test rows: of the smallest class, or of all for regression."""

    min_test_count: Annotated[int, Field(ge=1)]
    severity: Severity


class IntervalGate(Section):
    """Asks that even the low end of the score's 95 % interval is good enough."""

    min_score_low: _Score
    severity: Severity


class LeakageGate(Section):
    """Asks that neither the model nor one feature alone exceeds its limit."""

    max_score: _Score
    max_single_feature: _Score
    severity: Severity


class GateSettings(Section):
    """Settings of the gates of one model."""

    baseline: BaselineGate
    production: ProductionGate
    best_ever: BestEverGate = BestEverGate(min_gain=-0.01, severity="blocking")
    parity: ParityGate
    evidence: EvidenceGate
    interval: IntervalGate
    leakage: LeakageGate
