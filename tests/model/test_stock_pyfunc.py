"""MLflow's own client loads the champion by its alias and answers as what serves does."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from include.registry.files import fetch_onnx
from include.registry.ledger import require_version
from include.registry.onnx import OnnxModel
from include.registry.registry import CHAMPION, set_alias
from include.settings.models import TaskName
from include.training.fit import TrainingLineage, fit_family
from include.training.splits import read_training_data
from include.warehouse.session import open_session
from tests.model.machines import load_training, make_frame, make_spec
from tests.unit.registry.mlflow_server import start_shared_server
from tests.unit.registry.planting import register

FAMILIES: dict[TaskName, str] = {"binary": "random_forest", "multiclass": "logistic_regression", "regression": "ridge"}


@pytest.mark.parametrize("task", FAMILIES)
def test_the_stock_client_answers_as_the_served_form(
    task: TaskName, warehouse_uri: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import mlflow.pyfunc

    uri, spec, settings = start_shared_server().uri, make_spec(task, f"machines_stock_{task}"), load_training(task)
    lineage = TrainingLineage("2026-03-01T12:00:00+00:00", "d1", spec.feature_version, "c1", "scientist")
    frame = make_frame(task)
    result = fit_family(frame, FAMILIES[task], spec, settings, lineage, uri)
    number = register(warehouse_uri, uri, spec.name, result)
    with open_session(warehouse_uri) as session:
        version = require_version(session, spec.name, number)
        set_alias(session, uri, CHAMPION, version)
    served = OnnxModel(fetch_onnx(uri, version, tmp_path))
    rows = read_training_data(frame, spec, settings).test.matrix.select(served.contract.feature_names)
    assert rows.numeric_names
    assert rows.categorical_names

    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    mlflow.set_tracking_uri(os.environ["MLFLOW_TRACKING_URI"])
    model = mlflow.pyfunc.load_model(f"models:/{spec.name}@{CHAMPION}")
    output: dict[str, Any] = model.predict({"numeric": rows.numeric, "categorical": rows.categorical.astype(str)})

    assert [*output] == [served.task.output_name]
    answers = served.task.read_output(output[served.task.output_name])
    # trees are summed up in another order on several threads
    np.testing.assert_allclose(answers, served.predict(rows), atol=2e-6)
