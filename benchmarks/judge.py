"""The judge of a canary, looked at after every observation: wrong rollbacks, detection, promotions.

Measured: the last step of a canary beside the champion under production's limits, with as many entities of each
variant, on simulated answers. Of two variants that are alike, with half of the error rate that is allowed: the
percentage of 10,000 canaries that are rolled back at any of 6,000 looks, and that are promoted by then. Of a challenger
with 5 % more errors: how many of its answers failed until it was rolled back. The peers: a judge that compares the bare
error rate with the same limit at every look from 2,000 answers on, as this project did once; one Mann-Whitney test of
the latencies at the 5 % level after a fixed window of 2,000 answers; and that window.

Fair because: all see the same answers. Every rule is the judge's own, by the same functions of ``include.rollout``;
only the order of work differs, because a canary at a time would take days: the intervals of failures are computed once
for each count, and the test of slow answers is the inequality that its interval inverts. Some canaries are judged by
the judge itself too, and a different answer stops the benchmark.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from benchmarks.catalog import BenchmarkError, Options
from benchmarks.figure import Figure, compare, state
from benchmarks.timing import Tell
from include.rollout.confidence import bound_share
from include.rollout.judge import judge_canary, plan_step, share_alpha
from include.rollout.stats import VariantStats
from include.settings import CONFIG_DIR
from include.settings.models import read_shared
from include.settings.rollout import CanarySettings, RolloutSettings
from include.settings.section import check_section

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Counts = npt.NDArray[np.int64]

CANARIES: Final = 10_000
CHUNK: Final = 250
LOOKS: Final = 6_000
WINDOW: Final = 2_000
MOST: Final = 40
"""Failures that are told apart."""
SLOW: Final = 0.03
MORE_ERRORS: Final = 0.05
FIVE_PERCENT: Final = 0.05


def measure(options: Options, tell: Tell) -> list[Figure]:  # noqa: ARG001
    """Percentages of canaries, and failed answers until a rollback."""
    import numpy as np

    canary = read_settings()
    bounds = Bounds(canary)
    check_against_judge(canary, bounds, np.random.default_rng(1))
    alike, others = Tally(), Tally()
    random = np.random.default_rng(2)
    for start in range(0, CANARIES, CHUNK):
        alike.add(simulate(canary, bounds, random, more_errors=0.0))
        if start < CANARIES // 10:
            others.add(simulate(canary, bounds, random, more_errors=MORE_ERRORS))
        if start % (CANARIES // 4) == 0:
            tell(f"  {start + CHUNK:,} of {CANARIES:,} canaries")
    return [
        compare("alike, rolled back; peer: bare rates", [alike.share("wrong")], [alike.share("bare")], "%"),
        compare("alike, rolled back; peer: Mann-Whitney", [alike.share("wrong")], [alike.share("fixed")], "%"),
        state("alike, promoted", [alike.share("promoted")], "%"),
        compare(
            "5 % more errors, failed answers until the rollback; peer: fixed window",
            others.values("failed"), others.values("window"), "answers",
        ),
    ]  # fmt: skip


def read_settings() -> CanarySettings:
    """Production's canary."""
    values = read_shared(CONFIG_DIR / "rollout.yml", frozenset({"server"})).find_values("binary", "production")
    return check_section(values, RolloutSettings, "production", "rollout.yml").canary


class Bounds:
    """The judge's limits as tables and inequalities over counts."""

    def __init__(self, canary: CanarySettings) -> None:
        """Compute the intervals of up to as many failures as are ever asked about."""
        import numpy as np

        self.criteria = canary.criteria
        self.plan = plan_step(canary.steps[-2], canary.steps, canary.criteria.wrong_rollback_max)
        self.alpha = share_alpha(self.plan)

        def tabulate(alpha: float, side: str) -> Any:
            return np.array(
                [
                    [getattr(bound_share(min(hits, count), count, alpha), side) for count in range(1, LOOKS + 1)]
                    for hits in range(MOST + 1)
                ]
            )

        self.success_low = tabulate(self.alpha, "low")
        self.low, self.high = (tabulate(self.alpha / 2, side) for side in ("low", "high"))

    def look_up(self, table: Any, hits: Counts) -> Any:
        """The value of a table for the hits of each look, [canaries, looks]; hits beyond it count as the last."""
        import numpy as np

        return table[np.minimum(hits, MOST), np.arange(hits.shape[1])]


def find_share_violations(hits: Counts, limit: float, alpha: float) -> Any:
    """Whether the interval of a share lies above a limit at each look: what :func:`bound_share` inverts."""
    import numpy as np
    from scipy.special import betaln

    counts = np.arange(1, hits.shape[1] + 1)
    misses = counts - hits
    weight = betaln(0.5 + hits, 0.5 + misses) - betaln(0.5, 0.5)
    weight -= hits * np.log(limit) + misses * np.log(1 - limit)
    return (weight > -np.log(alpha)) & (hits > limit * counts)


def judge_paths(bounds: Bounds, errors: Any, slow: Any) -> tuple[Any, Any]:
    """Whether each canary has failed, and has passed, at each look; both [canaries, looks].

    Args:
        errors: failed answers so far of champion and challenger.
        slow: the challenger's answers so far that were slower than the limit.
    """
    criteria, alpha = bounds.criteria, bounds.alpha
    champion, challenger = errors
    counts = _count(challenger)
    increase_low = bounds.look_up(bounds.low, challenger) - bounds.look_up(bounds.high, champion)
    increase_high = bounds.look_up(bounds.high, challenger) - bounds.look_up(bounds.low, champion)
    most = criteria.error_rate_increase_max
    has_failed = bounds.look_up(bounds.success_low, challenger) > 1 - criteria.success_rate_min
    has_failed |= increase_low > most
    has_failed |= find_share_violations(slow, FIVE_PERCENT, alpha)
    # The ratio to the champion's latency has the same limit here, and halves its chance.
    is_fast = find_share_violations(counts - slow, 1 - FIVE_PERCENT, alpha / 2)
    has_passed = (counts >= criteria.min_samples) & (increase_high <= most) & is_fast & ~has_failed
    return has_failed, has_passed


def simulate(canary: CanarySettings, bounds: Bounds, random: Any, more_errors: float) -> dict[str, Any]:
    """What becomes of some canaries."""
    import numpy as np
    from scipy.stats import mannwhitneyu

    rate = (1 - canary.criteria.success_rate_min) / 2
    shape = (CHUNK, LOOKS)
    fails = [random.random(shape) < rate, random.random(shape) < rate + more_errors]
    latencies = [random.lognormal(np.log(40), 0.54, shape) for _ in fails]
    limit_ms = float(np.quantile(latencies[0], 1 - SLOW))
    errors = [one.cumsum(axis=1) for one in fails]
    has_failed, has_passed = judge_paths(bounds, errors, (latencies[1] > limit_ms).cumsum(axis=1))
    first_failed, first_passed = (
        np.where(one.any(axis=1), one.argmax(axis=1), LOOKS) for one in (has_failed, has_passed)
    )
    bare = errors[1] > (1 - canary.criteria.success_rate_min) * _count(errors[1])
    p_values = mannwhitneyu(latencies[1][:, :WINDOW], latencies[0][:, :WINDOW], axis=1).pvalue
    stopped = np.minimum(first_failed, LOOKS - 1)
    return {
        # At any look, also after the canary would have been promoted: the peer's are counted so.
        "wrong": first_failed < LOOKS,
        "promoted": first_passed < first_failed,
        "bare": bare[:, WINDOW - 1 :].any(axis=1),
        "fixed": p_values < FIVE_PERCENT,
        "failed": errors[1][np.arange(CHUNK), stopped],
        "window": errors[1][:, WINDOW - 1],
    }


def _count(hits: Counts) -> Any:
    import numpy as np

    return np.broadcast_to(np.arange(1, hits.shape[1] + 1), hits.shape)


class Tally:
    """What became of all canaries."""

    def __init__(self) -> None:
        self._parts: list[dict[str, Any]] = []

    def add(self, part: dict[str, Any]) -> None:
        """Take some more."""
        self._parts.append(part)

    def values(self, name: str) -> list[float]:
        """One value for each canary."""
        return [float(value) for part in self._parts for value in part[name]]

    def share(self, name: str) -> float:
        """The percentage of canaries of which something is so."""
        values = self.values(name)
        return 100 * sum(values) / len(values)


def check_against_judge(canary: CanarySettings, bounds: Bounds, random: Any) -> None:
    """Insist that the tables say what the judge says.

    Raises:
        BenchmarkError: they do not.
    """
    limit = canary.criteria.latency_p95_max_ms
    criteria = canary.criteria.model_copy(update={"latency_floor_ms": limit})
    for error_rate, slow_rate in ((0.0, 0.02), (0.0, 0.045), (0.0, 0.1), (0.0005, 0.0), (0.003, 0.0), (0.05, 0.0)) * 3:
        errors = [(random.random((1, LOOKS)) < one).cumsum(axis=1) for one in (error_rate / 2, error_rate)]
        slow = (random.random((1, LOOKS)) < slow_rate).cumsum(axis=1)
        has_failed, has_passed = judge_paths(bounds, errors, slow)
        for look in range(19, LOOKS, 97):
            champion = _make(look + 1, int(errors[0][0, look]), 0, limit)
            challenger = _make(look + 1, int(errors[1][0, look]), int(slow[0, look]), limit)
            said = judge_canary(champion, challenger, criteria, bounds.plan).action
            is_same = (said == "roll_back") == has_failed[0, look]
            # Its latencies are those of the answers that succeeded, and its tables those of all.
            is_same &= error_rate > 0 or (said == "proceed") == has_passed[0, look]
            if not is_same:
                raise BenchmarkError(f"At look {look + 1} the judge says {said}, and its tables something else.")


def _make(count: int, errors: int, slow: int, limit_ms: float) -> VariantStats:
    latencies = {limit_ms / 2: count - errors - slow, limit_ms * 2: slow}
    return VariantStats(
        count, errors, {edge: number for edge, number in latencies.items() if number > 0},
        prediction_mean=0.1, prediction_deviation=0.2, looked_up=count,
    )  # fmt: skip
