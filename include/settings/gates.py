"""Settings of gates (``include/config/gates.yml``); scores are those of the model's task."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Final, Literal

from pydantic import Field

from include.settings.section import Section

Severity = Literal["blocking", "advisory"]
WhenUnclear = Literal["pass", "ask", "staging", "refuse"]
_Score = Annotated[float, Field(ge=-1, le=1)]
_Gain = Annotated[float, Field(ge=-1, le=1)]
_Share = Annotated[float, Field(ge=0, le=1)]
_Positive = Annotated[float, Field(gt=0)]
_Count = Annotated[int, Field(ge=1)]


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


class MeasuredGate(Section):
    """A gate whose figure may be too uncertain to judge; ``when_unclear`` says what happens then."""

    when_unclear: WhenUnclear
    severity: Severity


class OverlapGate(Section):
    """Asks that the splits share no rows, no entities where these are split, and no day of a label's window."""

    max_share: _Share
    severity: Severity


class CalibrationGate(MeasuredGate):
    """Asks that predictions are as high as outcomes, in each range of them."""

    max_error: _Positive


class FairnessGate(MeasuredGate):
    """Asks that answers do not differ between groups by more than a ratio.

    Attributes:
        attributes: columns of the model's feature groups; none says that the entity is no person, None that nobody
            has declared them yet.
        min_group_count: rows that a group has at least to be judged.
    """

    attributes: tuple[str, ...] | None = None
    min_ratio: Annotated[float, Field(gt=0, le=1)]
    min_group_count: _Count


class RobustnessGate(Section):
    """Asks that damaged inputs cost little score and change few answers.

    Attributes:
        noise: standard deviation of what is added to each number, in standard deviations of its column.
        missing_share: of all values, those that are taken away.
        outlier_share: of all numbers, those that become outliers.
        unit_factor: by which one column at a time is multiplied.
        shift: that is added to one column at a time, in its standard deviations.
        max_rows: test rows that are looked at, drawn by ``training.random_seed``.
    """

    noise: _Positive
    missing_share: _Share
    outlier_share: _Share
    unit_factor: _Positive
    shift: float
    max_rows: _Count
    max_loss: _Positive
    max_change: _Positive
    max_column_loss: _Positive
    max_column_change: _Positive
    severity: Severity


class StabilityGate(MeasuredGate):
    """Asks that the score is alike over time and in each segment of the test rows.

    Attributes:
        segments: columns whose values are segments; None for all categories and booleans that the model takes.
        min_segment_count: rows of the smallest class (of all for regression) that a segment has to have to be judged.
    """

    max_time_loss: _Positive
    segments: tuple[str, ...] | None = None
    max_segment_loss: _Positive
    min_segment_count: _Count


class InterpretabilityGate(Section):
    """Asks for features that matter alike in parts of the rows, for no single one, and for none that is the label.

    Attributes:
        max_missing_score: what the absence of one feature's value may know of the label, on the task's scale.
    """

    folds: Annotated[int, Field(ge=2)]
    max_rows: _Count
    min_agreement: _Share
    max_dominance: _Share
    max_missing_score: _Score
    severity: Severity


class ValueGate(MeasuredGate):
    """Asks that acting on the answers earns more than what needs no model.

    Attributes:
        gains: of a row, by names that depend on the task (see ``GAIN_NAMES``).
        min_gain: of a row, over the best of what needs no model, in the unit of ``gains``.
    """

    gains: dict[str, float]
    min_gain: float


GAIN_NAMES: Final[Mapping[str, tuple[str, ...]]] = {
    "binary": ("true_positive", "false_positive", "false_negative", "true_negative"),
    "multiclass": ("correct", "wrong"),
    "regression": ("over", "under"),
}
"""What ``gates.value.gains`` holds for each task: of a row, or of each unit forecast too many or too few."""


class LatencyGate(Section):
    """Asks that one row is answered quickly."""

    max_ms: _Positive
    severity: Severity


class SizeGate(Section):
    """Asks that the served file is small."""

    max_bytes: _Count
    severity: Severity


class SecurityGate(Section):
    """Asks that the artifact holds nothing that runs, and that few installed packages have advisories.

    Attributes:
        advisories_url: of a database with OSV's interface; None asks nobody.
        max_advisories: packages with advisories; more keep a candidate in staging.
    """

    advisories_url: str | None
    max_advisories: Annotated[int, Field(ge=0)]
    severity: Severity


class ComplianceGate(MeasuredGate):
    """Asks for a whole lineage, for descriptions, and for no feature that identifies a person."""

    severity: Severity


class GateSettings(Section):
    """Settings of the gates of one model, in the order in which they are run."""

    baseline: BaselineGate
    production: ProductionGate
    best_ever: BestEverGate = BestEverGate(min_gain=-0.01, severity="blocking")
    parity: ParityGate
    evidence: EvidenceGate
    interval: IntervalGate
    leakage: LeakageGate
    overlap: OverlapGate
    calibration: CalibrationGate
    fairness: FairnessGate
    robustness: RobustnessGate
    stability: StabilityGate
    interpretability: InterpretabilityGate
    value: ValueGate
    latency: LatencyGate
    size: SizeGate
    security: SecurityGate
    compliance: ComplianceGate


GATE_NAMES: Final = tuple(GateSettings.model_fields)
"""Every gate, in the order in which they are listed."""
