"""A candidate's parts in a real warehouse and a real MLflow."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from include.errors import RegistryError, WarehouseError
from include.evaluation.candidate import Candidate, StoredCandidate
from include.evaluation.groups import group_rows
from include.features.catalog import Feature
from include.registry.tracking import log_onnx, open_run
from include.servers.ports import find_free_port
from include.warehouse.arrow import write_arrow
from include.warehouse.names import TableName, name_table
from include.warehouse.session import open_session
from tests.model.candidates import train_good
from tests.model.machines import make_spec
from tests.unit.registry.mlflow_server import start_shared_server


@pytest.fixture(scope="module")
def logged() -> dict[str, Any]:
    """The result of the good candidate, with its file in MLflow."""
    good, uri = train_good("binary"), start_shared_server().uri
    content = good.source.read_onnx(good.result)
    with open_run(uri, "machines_candidate", "fit", {}) as mlflow:
        model_uri = log_onnx(content, good.onnx.contract)
        run_id = mlflow.active_run().info.run_id
    digest = hashlib.sha256(content).hexdigest()
    return {**good.result, "model_uri": model_uri, "run_id": run_id, "onnx_sha256": digest}


def store(warehouse_uri: str, tracking_uri: str = "http://127.0.0.1:1") -> StoredCandidate:
    return StoredCandidate(warehouse_uri, tracking_uri, lambda: make_spec("binary"))


def test_the_file_of_the_run_is_the_one_that_was_measured(logged: dict[str, Any]) -> None:
    content = store("", start_shared_server().uri).read_onnx(logged)
    assert content == train_good("binary").source.read_onnx(logged)


def test_another_file_is_refused(logged: dict[str, Any]) -> None:
    with pytest.raises(RegistryError, match="not the one that was tested"):
        store("", start_shared_server().uri).read_onnx({**logged, "onnx_sha256": "0" * 64})


def test_without_mlflow_or_the_warehouse_it_is_tried_again(logged: dict[str, Any]) -> None:
    away = f"127.0.0.1:{find_free_port()}"
    with pytest.raises(RegistryError, match="is away"):
        store("", f"http://{away}").read_onnx(logged)
    with pytest.raises(WarehouseError):
        store(f"postgresql://nobody@{away}/none").read_rows(make_spec("binary"))


def test_the_rows_of_the_training_set_are_measured_as_they_were_trained_on(
    warehouse_uri: str, logged: dict[str, Any]
) -> None:
    good = train_good("binary")
    table = name_table("machines", "training_set")
    with open_session(warehouse_uri) as session:
        session.execute(f'create schema if not exists "{table.schema}"')
    write_arrow(warehouse_uri, table, good.rows, "replace")
    stored = Candidate(logged, good.baseline, good.model, store(warehouse_uri, start_shared_server().uri))
    assert len(stored.test_rows) == len(stored.data.test.labels) == len(good.data.test.labels)
    np.testing.assert_array_equal(stored.data.test.labels, good.data.test.labels)
    np.testing.assert_allclose(stored.answers, good.answers, atol=1e-6)


def test_an_attribute_that_is_no_feature_is_read_from_its_group(warehouse_uri: str, logged: dict[str, Any]) -> None:
    good, spec = train_good("binary"), make_spec("binary")
    attribute = Feature("owner", "categorical", "machine_features")
    spec = replace(spec, attributes=(attribute,))
    rows = good.test_rows
    keys, days = rows.column("machine_id"), rows.column("as_of_date")
    owners = pa.array(["city" if key % 3 else None for key in keys.to_pylist()])
    order = pa.array(np.random.default_rng(1).permutation(len(rows)))
    group = pa.table({"as_of_date": days, "machine_id": keys, "owner": owners}).take(order)
    with open_session(warehouse_uri) as session:
        session.execute("create schema if not exists features")
    write_arrow(warehouse_uri, TableName("features", "machine_features"), group, "replace")

    class Stored(StoredCandidate):
        def read_rows(self, spec: Any) -> pa.Table:
            return good.rows

    candidate = Candidate(logged, good.baseline, good.model, Stored(warehouse_uri, "", lambda: spec))
    found = group_rows(candidate, "owner")
    np.testing.assert_array_equal(found.members["city"], np.array(keys.to_pylist()) % 3 != 0)
    assert set(found.members) == {"city"}
    assert found.unknown_rows == sum(1 for key in keys.to_pylist() if key % 3 == 0)
