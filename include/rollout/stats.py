"""What each variant did, from the inference log.

Requests are routed by entity, and what an entity is answered twice is no second observation: each counts by its first
answer. A request that brings its features counts as an entity. How long an answer takes is not the entity's: of
latencies each answer counts.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from math import ceil
from typing import Any, Final, Literal

from include.warehouse.session import Session

Variant = Literal["champion", "challenger", "staging", "shadow"]
"""Who was asked. Only champion and challenger answer clients; what is in shadow got a copy of a question."""

BIN_WIDTH: Final = 1.01
"""The ratio of the ends of a bin of latencies."""
RECENT: Final = 100


@dataclass(frozen=True)
class ClassProbability:
    """The probability that a variant gives to one class: mean and standard deviation (None with one answer)."""

    name: str
    mean: float
    deviation: float | None


@dataclass(frozen=True)
class VariantStats:
    """Counts and figures of one variant over a time, by the first answer of each entity.

    All but the counts are of the answers that succeeded, None if none did.

    Attributes:
        samples: entities that were answered.
        errors: those of them whose first answer failed.
        tries: requests that these first answers came with. Answers of one batch fail together, so that a batch is one
            try, which may fail in part; a row that came alone is one, too.
        failures: the sum of the failed parts of the tries.
        latencies: how many requests took so long inside the server, by the upper end of a bin in milliseconds; bins are
            a hundredth wide. Of a batch, it is the mean of its rows.
        prediction_mean: of the one number that each answer has: a probability, or a value in the label's unit.
        prediction_deviation: standard deviation of the same; None also with one answer.
        classes: the probability of each class, by name; empty unless the model has several classes.
        looked_up: entities whose features came from the online store, so that the share of traffic alone has chosen who
            answers; since the challenger's first answer.
        crossed: entities that the champion answered last, and the challenger before.
        recent: the last requests, whoever asked; ``recent_failures`` is the sum of their failed parts, about
            ``recent_entities`` entities.
    """

    samples: int
    errors: int
    latencies: Mapping[float, int] = field(default_factory=dict)
    prediction_mean: float | None = None
    prediction_deviation: float | None = None
    classes: tuple[ClassProbability, ...] = ()
    looked_up: int = 0
    crossed: int = 0
    recent: int = 0
    recent_failures: float = 0.0
    recent_entities: int = 0
    tries: int | None = None
    failures: float | None = None

    @property
    def counted_tries(self) -> int:
        """Independent observations of failing: requests, where they are known; else entities."""
        return self.samples if self.tries is None else self.tries

    @property
    def counted_failures(self) -> float:
        """How many of :attr:`counted_tries` failed; of a batch, its failed part."""
        return float(self.errors) if self.failures is None else self.failures

    @property
    def succeeded(self) -> int:
        """Entities whose first answer succeeded."""
        return self.samples - self.errors

    @property
    def error_rate(self) -> float:
        """Share of failed requests in [0, 1]; 0 without any."""
        return self.counted_failures / self.counted_tries if self.counted_tries else 0.0

    @property
    def latency_p95_ms(self) -> float | None:
        """Milliseconds inside the server, to a hundredth."""
        return self.find_latency(ceil(0.95 * self.timed)) if self.timed else None

    @property
    def timed(self) -> int:
        """Requests that have a latency: all of which an answer succeeded."""
        return sum(self.latencies.values())

    def find_latency(self, rank: int) -> float:
        """The upper end of the bin that holds the latency of a rank, from 1."""
        passed = 0
        for edge, count in sorted(self.latencies.items()):
            passed += count
            if passed >= rank:
                return edge
        raise ValueError(f"rank {rank} of {passed} latencies")

    def count_slower(self, limit_ms: float) -> int:
        """How many took longer than a limit; those in its own bin did not."""
        return sum(count for edge, count in self.latencies.items() if edge > limit_ms * BIN_WIDTH)


def read_stats(
    session: Session, model_name: str, variant: Variant, version: int, since: datetime, until: datetime | None = None
) -> VariantStats:
    """The figures of one version in one variant, from requests at or after ``since`` (and before ``until``).

    What the champion answered in the place of a challenger that had failed does not count, nor do entities that went to
    the challenger.
    """
    log = (
        "with log as materialized (select at, request_id, coalesce(keys::text, request_id) as entity, variant, "
        "coalesce(batch_id, id::text) as unit, model_version, is_error, latency_ms, prediction, answer, "
        "as_of_date is not null as is_looked_up "
        "from serving.inference_log where model_name = %(model)s and variant <> 'shadow' and at >= %(since)s "
        "and (%(until)s::timestamptz is null or at < %(until)s)), "
        "challenged as (select entity, min(at) as began_at, max(at) as at from log where variant = 'challenger' "
        "group by entity), "
        "answers as (select log.*, challenged.entity is not null as is_challenged, log.at > challenged.at as is_after "
        "from log left join challenged on %(variant)s = 'champion' and challenged.entity = log.entity "
        "where variant = %(variant)s and model_version = %(version)s and not (variant = 'champion' "
        "and (request_id, log.entity) in "
        "(select request_id, entity from log as other where other.variant = 'challenger'))), "
        "firsts as (select distinct on (entity) * from answers where not is_challenged "
        "order by entity, at, request_id), "
        "units as (select unit, max(at) as at, avg(is_error::int)::double precision as failed, "
        "avg(latency_ms) filter (where not is_error) as latency_ms from answers group by unit), "
        "tried as (select unit, avg(is_error::int)::double precision as failed from firsts group by unit), "
        f"lasts as (select * from units order by at desc limit {RECENT}) "
    )
    parameters = {
        "model": model_name, "since": since, "until": until, "variant": variant, "version": version,
    }  # fmt: skip
    row = session.fetch_one(
        f"{log} select count(*) as samples, count(*) filter (where is_error) as errors, "
        "avg(prediction) filter (where not is_error) as prediction_mean, "
        "stddev_samp(prediction) filter (where not is_error) as prediction_deviation, "
        "(select count(distinct entity) from answers where is_looked_up and not is_challenged "
        "and at >= coalesce((select min(began_at) from challenged), at)) as looked_up, "
        "(select count(distinct entity) from answers where is_after) as crossed, "
        "(select count(*) from lasts) as recent, "
        "(select coalesce(sum(failed), 0) from lasts) as recent_failures, "
        "(select count(distinct entity) from answers where unit in (select unit from lasts)) as recent_entities, "
        "(select count(*) from tried) as tries, (select coalesce(sum(failed), 0) from tried) as failures, "
        "coalesce(bool_or(answer ? 'probabilities'), false) as has_classes from firsts",
        parameters,
    )
    figures = dict(row or {})
    classes = _read_classes(session, log, parameters) if figures.pop("has_classes") else ()
    bins = session.fetch_all(
        f"{log} select power({BIN_WIDTH}::double precision, ceil(ln(greatest(latency_ms, 1e-3)) / ln({BIN_WIDTH}))) "
        "as edge, count(*) as count from units where latency_ms is not null group by edge order by edge",
        parameters,
    )
    return VariantStats(**figures, latencies={row["edge"]: row["count"] for row in bins}, classes=classes)


def _read_classes(session: Session, log: str, parameters: Mapping[str, Any]) -> tuple[ClassProbability, ...]:
    rows: Sequence[Mapping[str, Any]] = session.fetch_all(
        f"{log} select name, avg(value::double precision) as mean, stddev_samp(value::double precision) as deviation "
        "from (select answer from firsts where not is_error) as answered "
        "cross join jsonb_each_text(answer -> 'probabilities') as probabilities (name, value) "
        "group by name order by name",
        parameters,
    )
    return tuple(ClassProbability(**row) for row in rows)
