"""The many models of the benchmark are declared, deployed, and each a version of its own."""

from __future__ import annotations

from pathlib import Path

from benchmarks.many_models import list_names, prepare_side, write_models
from include.registry.onnx import OnnxModel
from include.rollout.state import read_rollout
from include.servers.postgres import PostgresServer
from include.settings import load_settings
from include.warehouse.session import open_session


def test_each_model_is_declared_has_a_champion_and_a_file_that_names_it(
    postgres: PostgresServer, tmp_path: Path
) -> None:
    names = list_names(3)

    write_models(tmp_path / "onnx", names)
    uri = prepare_side(tmp_path / "side", postgres, names)

    assert list(load_settings(tmp_path / "side").models) == names
    assert [OnnxModel(tmp_path / "onnx" / f"{name}.onnx").contract.model for name in names] == names
    with open_session(uri) as session:
        champions = [read_rollout(session, name) for name in names]
    assert [champion.champion_version if champion else None for champion in champions] == [1, 1, 1]
