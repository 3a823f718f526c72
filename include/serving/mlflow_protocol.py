"""MLflow's scoring protocol: what its clients send and read (``mlflow.pyfunc.scoring_server``, release 3)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from include.features.catalog import Feature
from include.registry.contract import ModelContract
from include.registry.onnx import CATEGORICAL, NUMERIC
from include.serving.refusal import RequestRefusedError, list_names
from include.serving.rows import (
    Row,
    as_requests,
    check_count,
    check_lengths,
    list_classes,
    parse_json,
    require_list,
    require_object,
    transpose,
)
from include.serving.schemas import PredictRequest

_SPLIT_FIELDS: Final = frozenset({"columns", "data", "index"})


@dataclass(frozen=True)
class Invocation:
    """What rows are read by: the version that they are for, the largest batch, and the field that they stand in."""

    contract: ModelContract
    rows_max: int
    field: str

    def list_rows(self, value: Any, place: str = "") -> Sequence[Any]:
        """A list of rows, counted before anything is done with them.

        Raises:
            RequestRefusedError: 422, it is no list, is empty, or has too many rows.
        """
        rows = require_list(value, f"{self.field}{place}")
        check_count(len(rows), self.rows_max)
        return rows

    def list_tensors(self) -> dict[str, tuple[Feature, ...]]:
        """The features of each input tensor of the version, in their order; see ``include.registry.onnx``."""
        features = self.contract.features
        tensors = {
            NUMERIC: tuple(item for item in features if item.kind != "categorical"),
            CATEGORICAL: tuple(item for item in features if item.kind == "categorical"),
        }
        return {name: taken for name, taken in tensors.items() if taken}


def parse_invocation(body: bytes, contract: ModelContract, rows_max: int) -> list[PredictRequest]:
    """The requests of one body: each row by key where it has key columns alone, else by features.

    Raises:
        RequestRefusedError: 422, it is not JSON, has none or several of the formats, has too many rows, or they do not
            fit together.
    """
    content = require_object(parse_json(body), "The body")
    formats = [name for name in content if name in _READERS]
    unknown = [name[:40] for name in content if name not in _READERS and name != "params"]
    if len(formats) != 1 or unknown:
        raise RequestRefusedError(
            422,
            f"The body should have one of the fields {', '.join(_READERS)}; found "
            f"{list_names([*formats, *unknown]) or 'none of them'}.",
        )
    if content.get("params"):
        raise RequestRefusedError(422, "The model takes no params: leave them out.")
    invocation = Invocation(contract, rows_max, formats[0])
    return as_requests(_READERS[invocation.field](invocation, content[invocation.field]), contract)


def format_predictions(contract: ModelContract, answers: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The answers as MLflow's clients read them: one record for each row.

    ``probabilities`` are what the version's own output is: of false and true, or of each class in the contract's order.
    """
    classes = list_classes(contract, answers)
    return {"predictions": [_format_answer(answer, classes) for answer in answers]}


def _format_answer(answer: Mapping[str, Any], classes: Sequence[str]) -> dict[str, Any]:
    prediction = {"prediction": answer["prediction"]}
    if "probability" in answer:
        return {**prediction, "probabilities": [1.0 - answer["probability"], answer["probability"]]}
    if "probabilities" in answer:
        return {**prediction, "probabilities": [answer["probabilities"].get(name, 0.0) for name in classes]}
    return prediction


def describe_endpoint(name: str) -> dict[str, Any]:
    """One model as MLflow's deployments client lists it."""
    return {
        "name": name,
        "endpoint_type": "custom",
        "model": {"name": name, "provider": "orrery"},
        "endpoint_url": f"/endpoints/{name}/invocations",
        "limit": None,
    }


def choose_only_model(names: Sequence[str]) -> str:
    """The model that a path without a name means.

    Raises:
        RequestRefusedError: 404 that lists the models and their paths, when there is not exactly one.
    """
    if len(names) == 1:
        return names[0]
    paths = list_names([f"/models/{name}/invocations" for name in names], 10) or "none"
    raise RequestRefusedError(
        404, f"This server has {len(names)} models, and /invocations names none. Post to one of: {paths}."
    )


def _read_split(invocation: Invocation, value: Any) -> list[Row]:
    """``DataFrame.to_dict(orient="split")``; the index is the client's own."""
    what = invocation.field
    content = require_object(value, what)
    if content.keys() - _SPLIT_FIELDS or not {"columns", "data"} <= content.keys():
        found = list_names([name[:40] for name in content]) or "none of them"
        raise RequestRefusedError(422, f"{what} should have columns, data, and perhaps index; found {found}.")
    columns = require_list(content["columns"], f"{what}.columns")
    if not all(isinstance(name, str) for name in columns) or len(set(columns)) < len(columns):
        raise RequestRefusedError(422, f"{what}.columns should be different names of keys or features.")
    rows: list[Row] = []
    for index, values in enumerate(invocation.list_rows(content["data"], ".data")):
        place = f"{what}.data[{index}]"
        if len(require_list(values, place)) != len(columns):
            raise RequestRefusedError(422, f"{place} has {len(values)} values for {len(columns)} columns.")
        rows.append(dict(zip(columns, values, strict=True)))
    return rows


def _read_records(invocation: Invocation, value: Any) -> list[Row]:
    """``DataFrame.to_dict(orient="records")``."""
    rows = invocation.list_rows(value)
    return [require_object(row, f"{invocation.field}[{index}]") for index, row in enumerate(rows)]


def _read_inputs(invocation: Invocation, value: Any) -> list[Row]:
    """Columns, records, the version's own input tensors, or rows of its only input tensor."""
    tensors = invocation.list_tensors()
    if isinstance(value, dict):
        columns = {name: require_list(values, f"{invocation.field}.{name[:40]}") for name, values in value.items()}
        check_count(check_lengths(columns, f"{invocation.field}: column"), invocation.rows_max)
        records = transpose(columns)
    elif len(tensors) == 1 and all(isinstance(row, list) for row in invocation.list_rows(value)):
        records = [{next(iter(tensors)): row} for row in value]
    else:
        records = _read_records(invocation, value)
    return [_flatten(row, tensors, f"{invocation.field}[{index}]") for index, row in enumerate(records)]


def _flatten(row: Row, tensors: Mapping[str, Sequence[Feature]], place: str) -> Row:
    """A row of input tensors as one of features; any other row as it is."""
    if not row or not all(name in tensors and isinstance(values, list) for name, values in row.items()):
        return row
    flat: dict[str, Any] = {}
    for tensor, values in row.items():
        features = tensors[tensor]
        if len(values) != len(features):
            names = list_names([feature.name for feature in features])
            raise RequestRefusedError(
                422, f"{place}: {tensor} has {len(values)} values, and takes {len(features)}: {names}."
            )
        flat |= {item.name: _read_element(item, value) for item, value in zip(features, values, strict=True)}
    return flat


def _read_element(feature: Feature, value: Any) -> Any:
    """A value of a tensor as one of a feature: there a boolean is 0 or 1, and missing text is empty."""
    if feature.kind == "boolean" and value in (0, 1):
        return bool(value)
    return None if value == "" else value


_READERS: Final[Mapping[str, Callable[[Invocation, Any], list[Row]]]] = {
    "dataframe_split": _read_split,
    "dataframe_records": _read_records,
    "inputs": _read_inputs,
    "instances": _read_inputs,
}
