"""What each variant did, from the inference log."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from include.warehouse.session import Session

Variant = Literal["champion", "challenger", "staging"]


@dataclass(frozen=True)
class VariantStats:
    """Counts and figures of one variant over a time.

    All but the counts are of the answers that succeeded, None if none did.

    Attributes:
        latency_p95_ms: milliseconds inside the server.
        prediction_mean: of the one number that each answer has: a probability, or a value in the label's unit.
        prediction_deviation: standard deviation of the same; None also with one answer.
    """

    samples: int
    errors: int
    latency_p95_ms: float | None
    prediction_mean: float | None
    prediction_deviation: float | None

    @property
    def error_rate(self) -> float:
        """Share of failed answers in [0, 1]; 0 without samples."""
        return self.errors / self.samples if self.samples else 0.0

    @property
    def success_rate(self) -> float:
        """Share of answers that succeeded in [0, 1]; 1 without samples."""
        return (self.samples - self.errors) / self.samples if self.samples else 1.0


def read_stats(session: Session, model_name: str, variant: Variant, version: int, since: datetime) -> VariantStats:
    """The figures of one version in one variant, from requests at or after ``since``."""
    row = session.fetch_one(
        "select count(*) as samples, count(*) filter (where is_error) as errors, "
        "percentile_cont(0.95) within group (order by latency_ms) filter (where not is_error) as latency_p95_ms, "
        "avg(prediction) filter (where not is_error) as prediction_mean, "
        "stddev_samp(prediction) filter (where not is_error) as prediction_deviation "
        "from serving.inference_log "
        "where model_name = %s and at >= %s and variant = %s and model_version = %s",
        (model_name, since, variant, version),
    )
    return VariantStats(**(row or {}))
