"""What MLflow's formats become, and what answers become in it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from include.serving.mlflow_protocol import choose_only_model, format_predictions, parse_invocation
from include.serving.refusal import RequestRefusedError
from tests.unit.serving.onnx_files import GRADE, UNITS, make_contract

ROWS = [{"zone": "south", "stock": 2, "is_open": False}, {"zone": None, "stock": None, "is_open": True}]
COLUMNS = {name: [row[name] for row in ROWS] for name in ROWS[0]}


def parse(**body: Any) -> list[dict[str, Any]]:
    """What the rows of a body become, keys or features."""
    requests = parse_invocation(json.dumps(body).encode(), UNITS, 1000)
    return [request.model_dump(exclude_none=True) for request in requests]


@pytest.mark.parametrize(
    "body",
    [
        {"dataframe_split": {"columns": [*COLUMNS], "data": [[*row.values()] for row in ROWS]}},
        {"dataframe_split": {"columns": [*COLUMNS], "data": [[*row.values()] for row in ROWS], "index": [8, 9]}},
        {"dataframe_records": ROWS},
        {"inputs": ROWS},
        {"inputs": COLUMNS},
        {"instances": ROWS},
        {"instances": COLUMNS},
        {"inputs": {"numeric": [[2, 0], [None, 1]], "categorical": [["south"], [""]]}},
        {"instances": [{"numeric": [2, 0.0], "categorical": ["south"]}, {"numeric": [None, 1.0], "categorical": [""]}]},
        {"inputs": ROWS, "params": None},
        {"inputs": ROWS, "params": {}},
    ],
)
def test_every_format_gives_the_same_rows(body: dict[str, Any]) -> None:
    requests = parse_invocation(json.dumps(body).encode(), UNITS, 2)
    assert [request.features for request in requests] == ROWS
    assert all(request.keys is None for request in requests)
    assert [type((request.features or {})["is_open"]) for request in requests] == [bool, bool]


def test_rows_of_key_columns_alone_are_asked_by_key() -> None:
    keys = {"part": "bolt", "site_id": 3}
    assert parse(inputs=[keys, ROWS[0]]) == [{"keys": keys}, {"features": ROWS[0]}]
    # What lacks a key, or has a feature besides, is checked as what it resembles most.
    assert parse(inputs=[{"part": "bolt"}]) == [{"keys": {"part": "bolt"}}]
    assert parse(inputs=[keys | {"stock": 1}]) == [{"features": keys | {"stock": 1}}]
    assert parse(inputs=[{}]) == [{"features": {}}]


def test_a_boolean_of_a_tensor_is_zero_or_one_and_nothing_else() -> None:
    (row,) = parse(inputs=[{"numeric": [2, 2], "categorical": ["south"]}])
    assert row["features"]["is_open"] == 2
    assert row["features"]["is_open"] is not True


def test_a_batch_is_counted_before_its_rows_are_read() -> None:
    with pytest.raises(RequestRefusedError, match="has 3 requests, at most 2"):
        parse_invocation(json.dumps({"inputs": [7, 7, 7]}).encode(), UNITS, 2)


def test_answers_are_records_with_the_output_of_the_version() -> None:
    yes = {"prediction": True, "probability": 0.75, "model_version": 1}
    assert format_predictions(make_contract(), [yes]) == {
        "predictions": [{"prediction": True, "probabilities": [0.25, 0.75]}]
    }
    assert format_predictions(UNITS, [{"prediction": 1020.5}]) == {"predictions": [{"prediction": 1020.5}]}


def test_a_class_that_only_a_challenger_knows_comes_last() -> None:
    known = {"prediction": "low", "probabilities": {"high": 0.1, "low": 0.7, "medium": 0.2}}
    wider = {"prediction": "broken", "probabilities": {"broken": 0.6, "high": 0.1, "low": 0.3}}
    assert [row["probabilities"] for row in format_predictions(GRADE, [wider, known])["predictions"]] == [
        [0.1, 0.3, 0.0, 0.6],
        [0.1, 0.7, 0.2, 0.0],
    ]


def test_the_root_is_of_the_only_model() -> None:
    assert choose_only_model(["units"]) == "units"
    with pytest.raises(RequestRefusedError, match=r"has 0 models.*: none") as refusal:
        choose_only_model([])
    assert refusal.value.status == 404
