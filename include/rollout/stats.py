"""What each variant did, from the inference log."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from include.warehouse.session import Session

Variant = Literal["champion", "challenger", "staging"]


@dataclass(frozen=True)
class ClassProbability:
    """The probability that a variant gives to one class: mean and standard deviation (None with one answer)."""

    name: str
    mean: float
    deviation: float | None


@dataclass(frozen=True)
class VariantStats:
    """Counts and figures of one variant over a time.

    All but the counts are of the answers that succeeded, None if none did.

    Attributes:
        latency_p95_ms: milliseconds inside the server.
        prediction_mean: of the one number that each answer has: a probability, or a value in the label's unit.
        prediction_deviation: standard deviation of the same; None also with one answer.
        classes: the probability of each class, by name; empty unless the model has several classes.
        entities: how many different ones were answered; the same one again says nothing new. A request that brings its
            features counts as one; None where it is not known.
    """

    samples: int
    errors: int
    latency_p95_ms: float | None
    prediction_mean: float | None
    prediction_deviation: float | None
    classes: tuple[ClassProbability, ...] = ()
    entities: int | None = None

    @property
    def independent(self) -> int:
        """How many answers the uncertainty of a mean goes by: those of different entities, at least 1."""
        return max(self.samples - self.errors if self.entities is None else self.entities, 1)

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
    answers = "from serving.inference_log where model_name = %s and at >= %s and variant = %s and model_version = %s"
    parameters = (model_name, since, variant, version)
    row = session.fetch_one(
        "select count(*) as samples, count(*) filter (where is_error) as errors, "
        "percentile_cont(0.95) within group (order by latency_ms) filter (where not is_error) as latency_p95_ms, "
        "avg(prediction) filter (where not is_error) as prediction_mean, "
        "stddev_samp(prediction) filter (where not is_error) as prediction_deviation, "
        "count(distinct hashtextextended(coalesce(keys::text, request_id), 0)) filter (where not is_error) "
        "as entities, "
        f"coalesce(bool_or(answer ? 'probabilities'), false) as has_classes {answers}",
        parameters,
    )
    figures = dict(row or {})
    classes = _read_classes(session, answers, parameters) if figures.pop("has_classes") else ()
    return VariantStats(**figures, classes=classes)


def _read_classes(session: Session, answers: str, parameters: Sequence[Any]) -> tuple[ClassProbability, ...]:
    rows = session.fetch_all(
        "select name, avg(value::double precision) as mean, stddev_samp(value::double precision) as deviation "
        f"from (select answer {answers} and not is_error) as answered "
        "cross join jsonb_each_text(answer -> 'probabilities') as probabilities (name, value) "
        "group by name order by name",
        parameters,
    )
    return tuple(ClassProbability(**row) for row in rows)
