"""The benchmark scores every entity, and refuses to compare models that answer otherwise."""

from __future__ import annotations

import pytest

from benchmarks.batch_scoring import BenchmarkError, fill_warehouse, make_model, measure_memory_rows, score
from include.warehouse.session import open_session


@pytest.mark.parametrize("reasons", [0, 3])
def test_every_entity_is_scored(warehouse_uri: str, reasons: int) -> None:
    fill_warehouse(warehouse_uri, 300)
    assert score(warehouse_uri, make_model("logistic_regression")[1], reasons) > 0
    with open_session(warehouse_uri) as session:
        row = session.fetch_one(
            "select count(*) as rows, count(distinct prediction) as answers, count(reasons) as reasons "
            "from ml.benchmark_predictions"
        )
    assert row is not None
    assert row["rows"] == 300
    assert row["answers"] > 250
    assert row["reasons"] == (300 if reasons else 0)


def test_another_model_stops_the_comparison() -> None:
    model, _ = make_model("logistic_regression")
    _, other = make_model("gradient_boosting")
    with pytest.raises(BenchmarkError, match="answers otherwise"):
        measure_memory_rows("both", model, other, 1, lambda _: None)


def test_both_sides_answer_rows_in_memory() -> None:
    model, onnx = make_model("logistic_regression")
    figure = measure_memory_rows("logistic_regression", model, onnx, 2, lambda _: None)
    assert (figure.unit, figure.ratio_is, figure.repetitions) == ("rows/s", "ours / peer", 2)
    assert figure.ours > 0
