"""What the warehouse holds becomes the same matrix for training, scoring, serving and monitoring, to the last digit."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal

import numpy as np
import pyarrow as pa
import pytest

from include.features.catalog import Entity, Feature, FeatureGroup, Key, LabelTable
from include.features.matrix import FeatureMatrix, from_rows, from_table, to_float64
from include.features.read import read_features
from include.features.spec import ModelSpec
from include.registry.contract import ModelContract
from include.serving.feature_reader import select_entities
from include.training.dataset import build_training_set
from include.training.splits import read_training_data
from include.warehouse.arrow import read_arrow, write_arrow
from include.warehouse.frames import from_frame, to_frame
from include.warehouse.names import TableName
from include.warehouse.session import open_session
from tests.model.machines import load_training

DAY = date(2026, 3, 9)
COLUMNS = {
    "cents": ("numeric(12, 2)", "numeric"), "wide": ("numeric(38, 20)", "numeric"), "free": ("numeric", "numeric"),
    "huge": ("bigint", "numeric"), "small": ("smallint", "numeric"), "single": ("real", "numeric"),
    "double": ("double precision", "numeric"), "flag": ("boolean", "boolean"), "word": ("text", "categorical"),
}  # fmt: skip
ROWS = [
    ("0.10", "0.1", "0.30000000000000004", "9007199254740993", "-32768", "0.1", "0.30000000000000004", "true", "'a'"),
    ("16777217.00", "16777217", "16777217", "16777217", "7", "16777216", "16777217", "false", "''"),
    (
        "-9999999999.99",
        "-0.00000000000000000001",
        "1e-30",
        "-9223372036854775808",
        "0",
        "1e-45",
        "1e-45",
        "null",
        "'ä, \"b\"'",
    ),
    (
        "19.99",
        "123456789012345678.12345678901234567890",
        "2.5",
        "9223372036854775807",
        "1",
        "-0.0",
        "-0.0",
        "true",
        "null",
    ),
    ("'NaN'", "'NaN'", "2.5", "1", "2", "0.5", "0.5", "true", "'b'"),
    ("null", "null", "null", "null", "null", "null", "null", "false", "'NULL'"),
    ("1125899906842624.01", "4503599627370497.5", "8388608.5", "8388609", "2", "'NaN'", "'NaN'", "null", "' a '"),
]
REPEATS = 60


@pytest.fixture
def spec() -> ModelSpec:
    """A model on one table with a column of every kind."""
    entity = Entity("machine", (Key("machine_id", "integer"),))
    features = tuple(Feature(name, kind, "states") for name, (_, kind) in COLUMNS.items())  # type: ignore[arg-type]
    group = FeatureGroup(
        "states", "", "owner", 1, entity, "as_of_date", TableName("features", "states"),
        TableName("online", "states"), 7, features, {},
    )  # fmt: skip
    label = LabelTable(
        "labels", "", "owner", entity, "as_of_date", TableName("features", "labels"), 7, {"failed": "binary"}
    )
    return ModelSpec("awkward", "binary", entity, label, "failed", (group,), features)


@pytest.fixture
def uri(warehouse_uri: str) -> str:
    """The rows above, many times over, of one day: offline, online, and with labels."""
    columns = ", ".join(f'"{name}" {kind.replace("(12, 2)", "(18, 2)")}' for name, (kind, _) in COLUMNS.items())
    with open_session(warehouse_uri) as session:
        for schema in ("features", "online"):
            session.execute(f"create table {schema}.states (as_of_date date, machine_id bigint, {columns})")
            for number, row in enumerate(ROWS):
                session.execute(
                    f"insert into {schema}.states select %s::date, n * {len(ROWS)} + {number}, {', '.join(row)} "
                    f"from generate_series(0, {REPEATS - 1}) as n",
                    (DAY,),
                )
        session.execute("create table features.labels (as_of_date date, machine_id bigint, failed boolean)")
        session.execute(
            "insert into features.labels select as_of_date, machine_id, machine_id % 2 = 0 from features.states"
        )
    return warehouse_uri


def as_trained(uri: str, spec: ModelSpec) -> tuple[FeatureMatrix, FeatureMatrix]:
    """What a fit learns from, by way of the table that the task before has written; and what drift is compared with."""
    settings = load_training("binary").model_copy(
        update={"split": "entity", "min_training_rows": 1, "min_split_count": 1}
    )
    frame = build_training_set(uri, spec, settings)
    write_arrow(uri, "ml.awkward_training_set", from_frame(frame), "replace")
    rows = read_arrow(uri, "select * from ml.awkward_training_set order by machine_id")
    data = read_training_data(to_frame(rows), spec, settings)
    parts = [data.train.matrix, data.validation.matrix, data.test.matrix]
    splits = np.array(rows.column("split").to_pylist())
    order = np.argsort(np.concatenate([np.flatnonzero(splits == name) for name in ("train", "validation", "test")]))
    whole = FeatureMatrix(
        np.concatenate([part.numeric for part in parts])[order],
        np.concatenate([part.categorical for part in parts])[order],
        parts[0].numeric_names, parts[0].categorical_names,
    )  # fmt: skip
    return whole, from_table(rows, spec.features)


def as_served(uri: str, spec: ModelSpec) -> FeatureMatrix:
    """What the model server looks up, by the query and the driver that it uses."""
    contract = ModelContract(
        spec.name, "binary", spec.entity, "failed", tuple(group.location for group in spec.groups), spec.features,
        {"threshold": 0.5}, DAY - timedelta(days=7), 7,
    )  # fmt: skip
    with open_session(uri) as session:
        rows = session.fetch_all(select_entities(contract), ([*range(REPEATS * len(ROWS))],))
    return from_rows(sorted(rows, key=lambda row: int(row["machine_id"])), spec.features)


def as_scored(uri: str, spec: ModelSpec) -> FeatureMatrix:
    """What batch scoring reads, and monitoring as the present day."""
    return from_table(read_features(uri, spec.entity, [spec.groups[0].location], spec.features, [DAY]), spec.features)


def test_all_of_them_read_the_same_numbers_and_texts(uri: str, spec: ModelSpec) -> None:
    trained, reference = as_trained(uri, spec)
    matrices = {"reference": reference, "scored": as_scored(uri, spec), "served": as_served(uri, spec)}
    assert len(trained) == REPEATS * len(ROWS)
    assert np.isnan(trained.numeric).any() and (trained.categorical == "").any()
    for name, matrix in matrices.items():
        assert matrix.names == trained.names, name
        # bit by bit, so that -0.0 is not 0.0; every missing number is the same NaN
        np.testing.assert_array_equal(_bits(matrix), _bits(trained), name)
        assert matrix.categorical.tolist() == trained.categorical.tolist(), name


def _bits(matrix: FeatureMatrix) -> np.ndarray[tuple[int, ...], np.dtype[np.int32]]:
    numbers = np.where(np.isnan(matrix.numeric), np.float32(np.nan), matrix.numeric)
    return numbers.astype(np.float32).view(np.int32)


@pytest.mark.parametrize(("digits", "scale"), [(10, 2), (15, 6), (18, 0), (20, 2), (37, 20), (37, 30)])
def test_a_decimal_becomes_the_nearest_number(digits: int, scale: int) -> None:
    random = np.random.default_rng(digits + scale)
    texts = ["".join(map(str, random.integers(0, 10, digits))) for _ in range(2000)]
    values = [
        None,
        *(Decimal(f"{'-' if number % 2 else ''}{text}").scaleb(-scale) for number, text in enumerate(texts)),
    ]
    column = pa.chunked_array(
        [
            pa.array(values, pa.decimal128(38, scale)).slice(0, 700),
            pa.array(values, pa.decimal128(38, scale)).slice(700),
        ]
    )
    assert to_float64(column).to_pylist() == [None if value is None else float(value) for value in values]
