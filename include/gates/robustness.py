"""Data in production is damaged at times: that may cost little and change little."""

from __future__ import annotations

from dataclasses import dataclass
from math import inf, isnan

from include.evaluation.robustness import Damage, RobustnessEvidence
from include.gates.result import GateResult, keep_finite
from include.settings.gates import RobustnessGate


@dataclass(frozen=True)
class _Comparison:
    """One figure against its limit."""

    damage: Damage
    title: str
    observed: float
    limit: float

    @property
    def is_met(self) -> bool:
        return self.observed <= self.limit

    @property
    def excess(self) -> float:
        """How many times the limit; what is no number is beyond any."""
        return inf if isnan(self.observed) else self.observed / self.limit

    def describe(self) -> str:
        """In words."""
        where = f" of {self.damage.column}" if self.damage.column else ""
        return f"{self.damage.kind}{where}: {self.title} {self.observed:.3f}, {self.limit:g} is allowed"


def check_robustness(evidence: RobustnessEvidence, limits: RobustnessGate) -> GateResult:
    """Limit the loss of score and the change of answers of each kind of damage, of all columns and of one alone."""
    compared = [one for damage in evidence.damages for one in _compare(damage, evidence.change_title, limits)]
    worst = sorted(compared, key=lambda one: -one.excess)
    failed = [one for one in worst if not one.is_met]
    told = "; ".join(one.describe() for one in (failed or worst)[:3])
    return GateResult(
        name="robustness",
        is_passed=bool(compared) and not failed,
        observed=keep_finite(worst[0].observed) if worst else None,
        threshold=worst[0].limit if worst else None,
        reason=f"{told} ({evidence.rows} rows)" if worst else "nothing was damaged",
        severity=limits.severity,
    )


def _compare(damage: Damage, change_title: str, limits: RobustnessGate) -> tuple[_Comparison, _Comparison]:
    is_alone = damage.column is not None
    most_loss = limits.max_column_loss if is_alone else limits.max_loss
    most_change = limits.max_column_change if is_alone else limits.max_change
    return (
        _Comparison(damage, "loss of score", damage.loss, most_loss),
        _Comparison(damage, change_title, damage.change, most_change),
    )
