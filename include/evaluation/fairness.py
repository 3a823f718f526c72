"""How answers differ between groups of entities."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from math import exp, log, sqrt
from statistics import NormalDist
from typing import TYPE_CHECKING, Final

from include.evaluation.candidate import Candidate
from include.evaluation.groups import Grouping, group_rows
from include.tasks.evidence import Event

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Flags = npt.NDArray[np.bool_]

CONFIDENCE: Final = 0.95
PARITY: Final = "demographic parity"
ODDS: Final = "equalised odds"


@dataclass(frozen=True)
class Rate:
    """How many rows of a group are answered so."""

    group: str
    hits: int
    rows: int

    @property
    def share(self) -> float:
        """Of the rows."""
        return self.hits / self.rows


@dataclass(frozen=True)
class MeasuredRates:
    """The shares of one measure in all groups with enough rows; ``kind`` and ``title`` are those of a disparity."""

    kind: str
    title: str
    rates: tuple[Rate, ...]


@dataclass(frozen=True)
class Disparity:
    """The two groups that one answer treats most differently.

    Attributes:
        kind: demographic parity, or equalised odds.
        title: which rows, and which answer.
        ratio: of the lower share to the higher one; 1 when both are 0.
        low: with ``high``, the interval of the ratio, so that those of all pairs of groups hold at once.
    """

    attribute: str
    kind: str
    title: str
    lower: Rate
    higher: Rate
    ratio: float
    low: float
    high: float


@dataclass(frozen=True)
class AttributeEvidence:
    """What was seen of one attribute.

    Attributes:
        groups: rows of each group.
        worst: of each measure that can be judged, the pair with the lowest ratio.
        surest: of all pairs, the one whose interval ends lowest; None where nothing can be judged.
        small: groups with too few rows, in words.
        small_measures: those that fewer than two groups have enough rows for, in words.
        values: how many the column has.
        rates: of each measure, what the pairs were made from.
    """

    attribute: str
    groups: dict[str, int]
    unknown_rows: int
    values: int
    worst: tuple[Disparity, ...]
    surest: Disparity | None
    small: tuple[str, ...]
    small_measures: tuple[str, ...]
    rates: tuple[MeasuredRates, ...] = ()


def measure_fairness(candidate: Candidate) -> tuple[AttributeEvidence, ...] | None:
    """What the answers to the test rows say of each declared attribute; None where none was ever declared."""
    limits = candidate.model.gates.fairness
    if limits.attributes is None:
        return None
    if not limits.attributes:
        return ()
    events = candidate.task.list_events(candidate.data.test.labels, candidate.answers, candidate.onnx.contract.decision)
    groupings = [group_rows(candidate, name) for name in limits.attributes]
    return tuple(compare_groups(grouping, events, limits.min_group_count) for grouping in groupings)


def compare_groups(grouping: Grouping, events: Sequence[Event], least: int) -> AttributeEvidence:
    """Compare every pair of groups with at least ``least`` rows that an answer is asked of."""
    sizes = {value: int(rows.sum()) for value, rows in grouping.members.items()}
    rates = {
        (kind, title): _count_rates(grouping, event.is_answered, counted, least)
        for event in events
        for kind, title, counted in _list_measures(event)
    }
    pairs = [(*measure, *pair) for measure, found in rates.items() for pair in combinations(found, 2)]
    compared = [compare_rates(grouping.column, *pair, len(pairs)) for pair in pairs]
    # The lowest ratio of each measure comes last, and stays.
    worst = {(one.kind, one.title): one for one in sorted(compared, key=lambda item: -item.ratio)}
    return AttributeEvidence(
        grouping.column, sizes, grouping.unknown_rows, grouping.values, tuple(worst.values()),
        min(compared, key=lambda item: item.high, default=None),
        tuple(f"{value} ({count})" for value, count in sizes.items() if count < least),
        tuple(title for (_, title), found in rates.items() if len(found) < 2),
        tuple(MeasuredRates(kind, title, tuple(found)) for (kind, title), found in rates.items()),
    )  # fmt: skip


def _list_measures(event: Event) -> tuple[tuple[str, str, Flags], ...]:
    """The rows that each measure counts: all; those of which the answer is true; those of which it is not."""
    return (
        (PARITY, f"answered {event.title!r}", event.is_true | ~event.is_true),
        (ODDS, f"answered {event.title!r} where it is true", event.is_true),
        (ODDS, f"answered {event.title!r} where it is not true", ~event.is_true),
    )


def _count_rates(grouping: Grouping, is_answered: Flags, is_counted: Flags, least: int) -> list[Rate]:
    """The groups with enough rows that count."""
    rates = [
        Rate(value, int((rows & is_counted & is_answered).sum()), int((rows & is_counted).sum()))
        for value, rows in grouping.members.items()
    ]
    return [rate for rate in rates if rate.rows >= least]


def compare_rates(attribute: str, kind: str, title: str, first: Rate, second: Rate, comparisons: int) -> Disparity:
    """The ratio of two shares with its interval by the log method (Katz et al., 1978), one half added to each count.

    With ``comparisons`` intervals in all, each is so wide that they hold together with 95 % (Bonferroni).
    """
    lower, higher = sorted((first, second), key=lambda rate: rate.share)
    ratio = lower.share / higher.share if higher.hits else 1.0
    shares = [(rate.hits + 0.5) / (rate.rows + 0.5) for rate in (lower, higher)]
    error = sqrt(sum(1 / (rate.hits + 0.5) - 1 / (rate.rows + 0.5) for rate in (lower, higher)))
    reach = NormalDist().inv_cdf(1 - (1 - CONFIDENCE) / 2 / max(comparisons, 1)) * error
    middle = log(shares[0] / shares[1])
    return Disparity(attribute, kind, title, lower, higher, ratio, exp(middle - reach), exp(middle + reach))
