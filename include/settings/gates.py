"""Settings of gates (``include/config/gates.yml``)."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from include.settings.section import Section

Severity = Literal["blocking", "advisory"]
_Auc = Annotated[float, Field(ge=0.5, le=1)]
_Gain = Annotated[float, Field(ge=-0.5, le=0.5)]


class GainGate(Section):
    """Asks for a gain in AUC over another model on the same test households."""

    min_auc_gain: _Gain
    severity: Severity


class ParityGate(Section):
    """Asks that the ONNX form answers like the model."""

    max_difference: Annotated[float, Field(gt=0)]
    severity: Severity


class EvidenceGate(Section):
    """Asks for enough churners among the test households."""

    min_test_positives: Annotated[int, Field(ge=1)]
    severity: Severity


class IntervalGate(Section):
    """Asks that even the low end of the AUC's 95 % interval is good enough."""

    min_auc_low: _Auc
    severity: Severity


class LeakageGate(Section):
    """Asks that no feature alone knows too much."""

    max_single_feature_auc: _Auc
    severity: Severity


class GateSettings(Section):
    """Settings of gates."""

    baseline: GainGate
    production: GainGate
    parity: ParityGate
    evidence: EvidenceGate
    interval: IntervalGate
    leakage: LeakageGate
