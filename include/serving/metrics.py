"""Counters and latencies for Prometheus, by model, variant and version."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final

from prometheus_client import (
    CONTENT_TYPE_PLAIN_0_0_4,
    CollectorRegistry,
    Counter,
    Histogram,
    Metric,
    disable_created_metrics,
    generate_latest,
)
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector

BUCKETS_MS: Final = (0.5, 1.0, 2.0, 5.0, 10.0, 25.0, 50.0, 100.0, 250.0, 1000.0)
CONTENT_TYPE: Final = CONTENT_TYPE_PLAIN_0_0_4
Gauges = dict[str, dict[str, float]]
"""Values of this moment: by the metric's name, by model ('' where they are the server's)."""

_LABELS: Final = ("model", "variant", "version")
_HELP: Final = {
    "is_ready": "Whether the model's champion can answer.",
    "champion_version": "The version that answers; 0 for none.",
    "challenger_version": "The version under test; 0 for none.",
    "challenger_weight": "The challenger's share of requests.",
    "shadow_share": "The share of the champion's questions that the challenger gets a copy of.",
    "shadow_rows_waiting": "Copied rows that the challenger in shadow has not answered yet.",
    "shadow_rows_dropped": "Copied rows that found no room, because the challenger in shadow is slow or hangs.",
    "is_alias_right": "Whether MLflow's alias is at the model's champion, as far as is known.",
    "is_warehouse_reachable": "Whether the last look at the rollouts went well.",
    "log_rows_waiting": "Rows of the inference log that are not written yet.",
    "log_rows_written": "Rows of the inference log that were written.",
    "log_rows_dropped": "Rows of the inference log that found no room or were refused.",
}

_COUNTED: Final = ("log_rows_written", "log_rows_dropped", "shadow_rows_dropped")

disable_created_metrics()  # type: ignore[no-untyped-call]


class Metrics:
    """What the server counts, in a registry of its own."""

    def __init__(self, read_gauges: Callable[[], Gauges] = dict) -> None:
        self._registry = CollectorRegistry()
        self._registry.register(_GaugeCollector(read_gauges))
        self.predictions = Counter("orrery_predictions", "Answers given.", _LABELS, registry=self._registry)
        self.errors = Counter(
            "orrery_prediction_errors",
            "Failures of a version; the request itself may still be answered by the champion.",
            _LABELS,
            registry=self._registry,
        )
        self.latencies = Histogram(
            "orrery_prediction_latency_ms",
            "Milliseconds inside the server: features looked up, model run.",
            _LABELS,
            registry=self._registry,
            buckets=BUCKETS_MS,
        )
        self._refusals = Counter(
            "orrery_refusals", "Requests without a prediction.", ("model", "status"), registry=self._registry
        )

        self._access_refusals = Counter(
            "orrery_access_refusals",
            "Requests refused for what their head says: host, origin, token or role. The caller is '' where unknown.",
            ("caller", "status", "cause"),
            registry=self._registry,
        )

    def of_model(self, model_name: str) -> ModelMetrics:
        """The counters of one model."""
        return ModelMetrics(self, model_name)

    def count_refusal(self, model_name: str, status: int) -> None:
        """Count one request that got no prediction; the name is '' where no declared model was asked for."""
        self._refusals.labels(model_name, str(status)).inc()

    def count_access_refusal(self, caller: str, status: int, cause: str) -> None:
        """Count one request that was refused before a route was looked for."""
        self._access_refusals.labels(caller, str(status), cause).inc()

    def render(self) -> bytes:
        """All metrics of this moment, as one scrape."""
        return generate_latest(self._registry)


class ModelMetrics:
    """The counters of one model; looking labels up costs more than counting, so each is looked up once."""

    def __init__(self, metrics: Metrics, model_name: str) -> None:
        self._metrics = metrics
        self._model_name = model_name
        self._counts: dict[tuple[str, int], tuple[Counter, Histogram]] = {}

    def count_prediction(self, variant: str, version: int, latency_ms: float) -> None:
        """Count one answer and its time."""
        found = self._counts.get((variant, version))
        if found is None:
            labels = (self._model_name, variant, str(version))
            found = (self._metrics.predictions.labels(*labels), self._metrics.latencies.labels(*labels))
            self._counts[variant, version] = found
        found[0].inc()
        found[1].observe(latency_ms)

    def count_error(self, variant: str, version: int) -> None:
        """Count one failure of a version."""
        self._metrics.errors.labels(self._model_name, variant, str(version)).inc()


class _GaugeCollector(Collector):
    """Reads the values of this moment at each scrape."""

    def __init__(self, read_gauges: Callable[[], Gauges]) -> None:
        self._read_gauges = read_gauges

    def collect(self) -> Iterable[Metric]:
        """The metrics of this moment."""
        for name, values in self._read_gauges().items():
            kind = CounterMetricFamily if name in _COUNTED else GaugeMetricFamily
            labels = () if "" in values else ("model",)
            family = kind(f"orrery_{name}", _HELP[name], labels=labels)
            for model, value in values.items():
                family.add_metric((model,) if labels else (), value)
            yield family
