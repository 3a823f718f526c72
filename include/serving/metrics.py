"""Counters and latencies, in the text format of Prometheus.

Format: https://prometheus.io/docs/instrumenting/exposition_formats/ (version 0.0.4).
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from typing import Final

BUCKETS_MS: Final = (0.5, 1.0, 2.0, 5.0, 10.0, 25.0, 50.0, 100.0, 250.0, 1000.0)
CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"


class Metrics:
    """What the server counts; one event loop writes, so nothing is locked."""

    def __init__(self) -> None:
        self.predictions: Counter[tuple[str, int]] = Counter()
        self.errors: Counter[tuple[str, int]] = Counter()
        self.refusals: Counter[int] = Counter()
        self._latencies: defaultdict[str, list[int]] = defaultdict(lambda: [0] * (len(BUCKETS_MS) + 1))
        self._latency_sums_ms: defaultdict[str, float] = defaultdict(float)

    def count_prediction(self, variant: str, version: int, latency_ms: float) -> None:
        """Count one answer and its time."""
        self.predictions[variant, version] += 1
        self._latencies[variant][bisect_left(BUCKETS_MS, latency_ms)] += 1
        self._latency_sums_ms[variant] += latency_ms

    def count_error(self, variant: str, version: int) -> None:
        """Count one failure of a version; the request itself may still be answered by the champion."""
        self.errors[variant, version] += 1

    def count_refusal(self, status: int) -> None:
        """Count one request that got no prediction."""
        self.refusals[status] += 1

    def render(self, gauges: Mapping[str, float]) -> str:
        """All counters, and the ``gauges`` of this moment by name, as one scrape."""
        lines = [
            *_render("orrery_predictions_total", "counter", _label_variants(self.predictions)),
            *_render("orrery_prediction_errors_total", "counter", _label_variants(self.errors)),
            *_render(
                "orrery_refusals_total",
                "counter",
                ((f'{{status="{status}"}}', count) for status, count in self.refusals.items()),
            ),
            *self._render_latencies("orrery_prediction_latency_ms"),
        ]
        for name, value in gauges.items():
            kind = "counter" if name.endswith("_total") else "gauge"
            lines += _render(f"orrery_{name}", kind, (("", value),))
        return "\n".join(lines) + "\n"

    def _render_latencies(self, name: str) -> Iterable[str]:
        yield f"# TYPE {name} histogram"
        for variant, counts in self._latencies.items():
            total = 0
            for edge, count in zip((*map(str, BUCKETS_MS), "+Inf"), counts, strict=True):
                total += count
                yield f'{name}_bucket{{variant="{variant}",le="{edge}"}} {total}'
            yield f'{name}_sum{{variant="{variant}"}} {self._latency_sums_ms[variant]:.3f}'
            yield f'{name}_count{{variant="{variant}"}} {total}'


def _label_variants(counts: Mapping[tuple[str, int], int]) -> Iterable[tuple[str, float]]:
    for (variant, version), count in counts.items():
        yield f'{{variant="{variant}",version="{version}"}}', count


def _render(name: str, kind: str, samples: Iterable[tuple[str, float]]) -> Iterable[str]:
    yield f"# TYPE {name} {kind}"
    for labels, value in samples:
        yield f"{name}{labels} {value:g}" if isinstance(value, float) else f"{name}{labels} {value}"
