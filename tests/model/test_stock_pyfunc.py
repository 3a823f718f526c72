"""MLflow's own client loads the champion by its alias and answers as what serves does, and so does the model server."""

from __future__ import annotations

import io
import os
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from include.features.matrix import FeatureMatrix
from include.registry.contract import ModelContract
from include.registry.files import fetch_onnx
from include.registry.ledger import require_version
from include.registry.onnx import OnnxModel
from include.registry.registry import CHAMPION, set_alias
from include.rollout.state import bootstrap_champion
from include.serving.loader import make_registry_loader
from include.settings import load_settings
from include.settings.models import TaskName
from include.training.fit import TrainingLineage, fit_family
from include.training.splits import read_training_data
from include.warehouse.session import open_session
from tests.model.machines import load_training, make_frame, make_spec
from tests.unit.registry.mlflow_server import start_shared_server
from tests.unit.registry.planting import register
from tests.unit.serving.live_server import TOKENS, serve, wait_until_ready

FAMILIES: dict[TaskName, str] = {"binary": "random_forest", "multiclass": "logistic_regression", "regression": "ridge"}


@pytest.mark.parametrize("task", FAMILIES)
def test_the_stock_client_and_the_server_answer_as_the_served_form(
    task: TaskName, warehouse_uri: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import mlflow.pyfunc
    from mlflow.deployments import get_deploy_client
    from mlflow.pyfunc.scoring_server.client import ScoringServerClient

    uri, spec, settings = start_shared_server().uri, make_spec(task, f"machines_stock_{task}"), load_training(task)
    lineage = TrainingLineage("2026-03-01T12:00:00+00:00", "d1", spec.feature_version, "c1", "scientist")
    frame = make_frame(task)
    result = fit_family(frame, FAMILIES[task], spec, settings, lineage, uri)
    number = register(warehouse_uri, uri, spec.name, result)
    with open_session(warehouse_uri) as session:
        version = require_version(session, spec.name, number)
        set_alias(session, uri, CHAMPION, version)
        bootstrap_champion(session, spec.name, number)
    served = OnnxModel(fetch_onnx(uri, version, tmp_path))
    rows = read_training_data(frame, spec, settings).test.matrix.select(served.contract.feature_names)
    assert rows.numeric_names
    assert rows.categorical_names

    # when: MLflow's client loads the champion, and others of its clients ask the model server
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    monkeypatch.setenv("MLFLOW_TRACKING_TOKEN", TOKENS["predict"])
    mlflow.set_tracking_uri(os.environ["MLFLOW_TRACKING_URI"])
    model = mlflow.pyfunc.load_model(f"models:/{spec.name}@{CHAMPION}")
    tensors = {"numeric": rows.numeric, "categorical": rows.categorical.astype(str)}
    output: dict[str, Any] = model.predict(tensors)
    loader = make_registry_loader(warehouse_uri, uri, tmp_path / "models")
    with serve(warehouse_uri, loader, load_settings().server, [spec.name]) as url:
        wait_until_ready(url, spec.name)
        host, port = url.removeprefix("http://").split(":")
        scored = ScoringServerClient(f"any:{TOKENS['predict']}@{host}", port).invoke(make_rows(rows, served.contract))
        inputs = {name: np.where(values == values, values, None).tolist() for name, values in tensors.items()}
        sent = get_deploy_client(url).predict(endpoint=spec.name, inputs={"inputs": inputs})

    # then
    assert [*output] == [served.task.output_name]
    answers = served.task.read_output(output[served.task.output_name])
    # trees are summed up in another order on several threads
    np.testing.assert_allclose(answers, served.predict(rows), atol=2e-6)
    stock = read_as_stock_scoring_server(output).get_predictions()[served.task.output_name]
    own = scored.get_predictions()[served.task.output_name]
    assert len(own) == len(rows)
    np.testing.assert_allclose(np.vstack(own), np.vstack(stock), atol=2e-6)
    assert sent == scored


def read_as_stock_scoring_server(output: dict[str, Any]) -> Any:
    """What the clients read of MLflow's own scoring server, which has these predictions of a loaded version."""
    from mlflow.deployments import PredictionsResponse
    from mlflow.pyfunc.scoring_server import predictions_to_json

    text = io.StringIO()
    predictions_to_json(output, text)
    return PredictionsResponse.from_json(text.getvalue())


def make_rows(rows: FeatureMatrix, contract: ModelContract) -> pd.DataFrame:
    """The rows as a frame of features with their own types, and nothing where a value is missing."""
    kinds = {feature.name: feature.kind for feature in contract.features}
    columns = {}
    for name in rows.names:
        values = pd.Series(rows.column(name).tolist(), dtype=object)
        known = values.notna() & (values != "")
        columns[name] = (values.map(bool) if kinds[name] == "boolean" else values).where(known, None)
    return pd.DataFrame(columns)
