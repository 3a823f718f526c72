"""Prometheus text: cumulative buckets, counters by variant and version."""

from __future__ import annotations

from include.serving.metrics import Metrics


def test_buckets_are_cumulative_and_end_with_everything() -> None:
    metrics = Metrics()
    for latency_ms in (0.4, 0.5, 3.0, 5000.0):
        metrics.count_prediction("champion", 1, latency_ms)
    lines = metrics.render({}).splitlines()
    name = "orrery_prediction_latency_ms"
    assert f'{name}_bucket{{variant="champion",le="0.5"}} 2' in lines
    assert f'{name}_bucket{{variant="champion",le="2.0"}} 2' in lines
    assert f'{name}_bucket{{variant="champion",le="5.0"}} 3' in lines
    assert f'{name}_bucket{{variant="champion",le="1000.0"}} 3' in lines
    assert f'{name}_bucket{{variant="champion",le="+Inf"}} 4' in lines
    assert f'{name}_count{{variant="champion"}} 4' in lines
    assert f'{name}_sum{{variant="champion"}} 5003.900' in lines


def test_counters_name_variant_version_and_status() -> None:
    metrics = Metrics()
    metrics.count_prediction("champion", 1, 1.0)
    metrics.count_error("challenger", 2)
    metrics.count_error("challenger", 2)
    metrics.count_refusal(503)
    lines = metrics.render({"challenger_weight": 0.25, "rows_total": 1_234_567}).splitlines()
    assert 'orrery_predictions_total{variant="champion",version="1"} 1' in lines
    assert 'orrery_prediction_errors_total{variant="challenger",version="2"} 2' in lines
    assert 'orrery_refusals_total{status="503"} 1' in lines
    assert "orrery_challenger_weight 0.25" in lines
    assert "# TYPE orrery_challenger_weight gauge" in lines
    assert "orrery_rows_total 1234567" in lines
    assert "# TYPE orrery_rows_total counter" in lines
