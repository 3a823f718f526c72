"""Whether two models differ on the same rows: a paired test of their answers, of each kind of label."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt


@dataclass(frozen=True)
class PairedTest:
    """A two-sided test of the hypothesis that two models err alike; ``detail`` is what it looked at, in words."""

    name: str
    p_value: float
    detail: str

    def describe(self) -> str:
        """In one line."""
        return f"{self.name}: {self.detail}, p = {self.p_value:.2g}"


def compare_answers(answers: Sequence[str | None], others: Sequence[str | None], outcomes: Sequence[str]) -> PairedTest:
    """McNemar's test (1947), exact: of the rows that one model alone answers rightly, half are each one's by chance.

    Args:
        answers: of the candidate, [n].
        others: of the other model, on the same rows.
        outcomes: what came true.
    """
    from scipy.stats import binomtest

    triples = list(zip(answers, others, outcomes, strict=True))
    alone = sum(mine == true != other for mine, other, true in triples)
    other_alone = sum(other == true != mine for mine, other, true in triples)
    differing = alone + other_alone
    p_value = float(binomtest(alone, differing).pvalue) if differing else 1.0
    return PairedTest("McNemar", p_value, f"right alone on {alone:,} rows, the other on {other_alone:,}")


def compare_errors(errors: npt.NDArray[np.float64], other_errors: npt.NDArray[np.float64]) -> PairedTest:
    """Diebold and Mariano's test (1995) of absolute errors, as Harvey, Leybourne and Newbold (1997) correct it.

    The rows are of one moment, so that the horizon is one step, for which that is Student's paired test.

    Args:
        errors: absolute, of the candidate, [n].
        other_errors: of the other model, on the same rows.
    """
    from scipy.stats import ttest_rel

    gains = other_errors - errors
    detail = f"an error smaller by {gains.mean():.4g} on average"
    if len(gains) < 2 or gains.min() == gains.max():  # no spread to judge by
        return PairedTest("Diebold-Mariano", 0.0 if gains.any() else 1.0, detail)
    return PairedTest("Diebold-Mariano", float(ttest_rel(other_errors, errors).pvalue), detail)
