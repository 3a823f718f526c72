"""What would be fitted again alike is found, and whatever changes makes it another one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from include.registry.ledger import RegisteredVersion, add_version, record_candidate, require_version
from include.registry.rest import MlflowRest
from include.servers.ports import find_free_port
from include.settings.training import TrainingSettings
from include.training import unchanged
from include.training.code_revision import hash_code
from include.training.fit import TrainingLineage
from include.training.unchanged import find_unchanged, hash_inputs
from include.warehouse.session import open_session
from tests.model.machines import make_frame
from tests.unit.registry.conftest import (
    MakeResult,
    classifier,
    make_result,
    mlflow_server,
    model_name,
    onnx_bytes,
    tracking_uri,
)
from tests.unit.registry.planting import make_measured, plant_version

__all__ = ["classifier", "make_result", "mlflow_server", "model_name", "onnx_bytes", "tracking_uri"]

CANDIDATE = {"family": "ridge", "feature_set": None, "strategy": "standard", "name": "ridge"}
FRAME = make_frame("binary", machines=40)
Hash = Callable[..., str]


@pytest.fixture
def champion(warehouse_uri: str) -> RegisteredVersion:
    """Whom candidates are compared with."""
    number = plant_version(warehouse_uri, "machines_unchanged", make_measured())
    with open_session(warehouse_uri) as session:
        return require_version(session, "machines_unchanged", number)


@pytest.fixture
def hash_one(settings: TrainingSettings, lineage: TrainingLineage, champion: RegisteredVersion) -> Hash:
    """The hash of one candidate, with some of what it is made from changed."""

    def run(**changed: Any) -> str:
        inputs = {
            "model_name": "machines", "candidate": CANDIDATE, "settings": settings, "lineage": lineage,
            "incumbents": [champion], "frame": FRAME,
        }  # fmt: skip
        return hash_inputs(**{**inputs, **changed})

    return run


def test_only_the_time_at_which_it_was_read_is_left_out(
    hash_one: Hash, settings: TrainingSettings, lineage: TrainingLineage, champion: RegisteredVersion,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    usual = hash_one()
    assert hash_one(lineage=replace(lineage, assembled_at="2030-01-01T00:00:00+00:00")) == usual
    changed = [
        hash_one(model_name="other"),
        *(hash_one(candidate={**CANDIDATE, key: "other"}) for key in ("family", "feature_set", "strategy")),
        hash_one(settings=settings.model_copy(update={"random_seed": 5})),
        hash_one(settings=settings.model_copy(update={"bootstrap_repetitions": 217})),
        *(
            hash_one(lineage=replace(lineage, **{key: "other"}))
            for key in ("data_version", "feature_version", "code_revision", "trained_by")
        ),
        hash_one(incumbents=[]),
        hash_one(incumbents=[replace(champion, onnx_sha256="1" * 64)]),
    ]
    other = FRAME.copy()
    other.loc[7, "wear"] += 0.5
    changed += [
        hash_one(frame=other), hash_one(frame=FRAME.astype({"wear": "float32"})),
        hash_one(frame=FRAME.rename(columns={"wear": "worn"})), hash_one(frame=FRAME[::-1]),
    ]  # fmt: skip
    for part in ("hash_code", "hash_lock"):
        with monkeypatch.context() as patch:
            patch.setattr(unchanged, part, lambda: "other")
            changed.append(hash_one())
    assert hash_one(frame=make_frame("binary", machines=40)) == usual
    assert usual not in changed
    assert len(set(changed)) == len(changed)


def test_the_code_is_that_of_the_files_as_they_are(tmp_path: Path) -> None:
    (tmp_path / "include").mkdir()
    (tmp_path / "include" / "fit.py").write_text("depth = 3")
    before = hash_code(tmp_path)
    (tmp_path / "include" / "fit.py").write_text("depth = 4")
    assert hash_code(tmp_path) != before


def test_an_earlier_candidate_is_taken_while_its_file_is_there(
    warehouse_uri: str, tracking_uri: str, make_result: MakeResult
) -> None:
    first, second = make_result(), make_result()
    with open_session(warehouse_uri) as session:
        assert find_unchanged(session, "inputs", tracking_uri) is None
        record_candidate(session, "machines_earlier", first, "inputs")
        record_candidate(session, "machines_earlier", second, "inputs")
        found = find_unchanged(session, "inputs", tracking_uri)
        assert found is not None
        assert found["run_id"] == second["run_id"]
        assert found["metrics"] == second["metrics"]
        assert find_unchanged(session, "other inputs", tracking_uri) is None
        # MLflow is away
        assert find_unchanged(session, "inputs", f"http://127.0.0.1:{find_free_port()}") is None
        with MlflowRest(tracking_uri) as mlflow:
            mlflow.send("runs/delete", {"run_id": second["run_id"]})
        assert find_unchanged(session, "inputs", tracking_uri) is None, "it cannot be decided about any more"


def test_a_registered_version_is_not_judged_again_as_a_candidate(
    warehouse_uri: str, tracking_uri: str, make_result: MakeResult
) -> None:
    candidate, rule = make_result(), make_result(family="baseline")
    with open_session(warehouse_uri) as session:
        for one in (candidate, rule):
            record_candidate(session, "machines_known", one, one["run_id"])
            assert find_unchanged(session, one["run_id"], tracking_uri) is not None
            add_version(session, "machines_known", one["run_id"], 1)
        assert find_unchanged(session, candidate["run_id"], tracking_uri) is None
        assert find_unchanged(session, rule["run_id"], tracking_uri) is not None, "the rule is judged by no gate"
