"""Evidence as it is kept."""

from __future__ import annotations

import json
from dataclasses import dataclass

import numpy as np
import pytest

from include.evaluation.describe import MOST_ITEMS, MOST_LETTERS, describe_evidence
from include.gates.all_gates import GATES
from include.gates.gate import run_gate
from include.settings.models import TaskName
from tests.model.candidates import train_good


@dataclass(frozen=True)
class Part:
    name: str
    figure: float


@dataclass(frozen=True)
class Whole:
    parts: tuple[Part, ...]
    shares: dict[str, float]


def test_dataclasses_become_json_with_figures_rounded() -> None:
    found = describe_evidence(
        (Whole((Part("a", 1 / 3),), {"wear": float("nan"), "heat": np.float32(0.5)}), np.int64(7))
    )
    assert found == [{"parts": [{"name": "a", "figure": 0.333333}], "shares": {"wear": None, "heat": 0.5}}, 7]
    assert json.loads(json.dumps(found, allow_nan=False)) == found


def test_long_lists_mappings_and_texts_are_cut_at_the_end() -> None:
    found = describe_evidence({"list": list(range(200)), "map": {str(at): at for at in range(200)}, "text": "x" * 999})
    assert found["list"] == list(range(MOST_ITEMS))
    assert list(found["map"]) == [str(at) for at in range(MOST_ITEMS)]
    assert len(found["text"]) == MOST_LETTERS


@pytest.mark.parametrize("task", ["binary", "multiclass", "regression"])
def test_the_evidence_of_every_gate_is_small_json(task: TaskName) -> None:
    for name in GATES:
        answer = run_gate(name, train_good(task))
        assert answer.evidence is not None
        assert len(json.dumps([answer.evidence, answer.limits], allow_nan=False)) < 12_000, name
        assert answer.limits.keys() >= {"severity"}
