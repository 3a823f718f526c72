"""The size of the served form."""

from __future__ import annotations

from include.evaluation.size import measure_size
from tests.model.candidates import train_good


def test_it_is_that_of_the_file() -> None:
    candidate = train_good("binary")
    assert measure_size(candidate) == len(candidate.source.read_onnx(candidate.result))
