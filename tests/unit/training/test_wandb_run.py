"""Weights & Biases gets a run of each candidate, if it is asked for; whatever fails there stops no training.

Its server cannot be had on loopback: its own client writes what it would send into a file, which is looked into.
"""

from __future__ import annotations

import logging
import sys
from pathlib import Path
from typing import Any

import pytest

from include.servers.ports import find_free_port
from include.settings.training import WandbSettings
from include.training import wandb_run
from include.training.wandb_run import copy_to_wandb
from tests.unit.registry.planting import make_measured

RESULT: dict[str, Any] = make_measured(
    parameters={"alpha": 12.5}, validation={"metrics": {"score": 0.8125}}, champion=None, best_ever=None,
    strategy="search",
)  # fmt: skip
OFFLINE = WandbSettings(project="candidates", mode="offline")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the client writes."""
    monkeypatch.setenv("WANDB_DIR", str(tmp_path / "runs"))
    return tmp_path / "runs"


def test_without_a_project_nothing_is_written(folder: Path) -> None:
    assert copy_to_wandb(RESULT, "machines", WandbSettings(), "http://mlflow", lambda: None) is None
    assert not folder.exists()


def test_a_candidate_is_a_run_with_its_parameters_and_figures(folder: Path) -> None:
    run_id = copy_to_wandb(RESULT, "machines", OFFLINE, "http://mlflow", lambda: None)
    (file,) = folder.glob(f"wandb/offline-run-*/run-{run_id}.wandb")
    written = file.read_bytes()
    for text in (
        "candidates", "machines", "logistic_regression \u00b7 search", "alpha", "12.5", "validation_score", "0.8125",
        "baseline_gain", "data_version", RESULT["run_id"], "http://mlflow",
    ):  # fmt: skip
        assert text.encode() in written, text


def test_what_fails_there_is_a_warning(
    folder: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    away = OFFLINE.model_copy(update={"mode": "online"})
    monkeypatch.setenv("WANDB_BASE_URL", f"http://127.0.0.1:{find_free_port()}")
    monkeypatch.setattr(wandb_run, "TIMEOUT_S", 2.0)
    with caplog.at_level(logging.WARNING):
        assert copy_to_wandb(RESULT, "machines", away, "http://mlflow", lambda: "0" * 40) is None
    assert "Weights & Biases gets no run of logistic_regression" in caplog.text


def test_without_the_package_the_warning_says_what_to_do(
    folder: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setitem(sys.modules, "wandb", None)
    with caplog.at_level(logging.WARNING):
        assert copy_to_wandb(RESULT, "machines", OFFLINE, "http://mlflow", lambda: None) is None
    assert "add the package wandb to requirements.txt" in caplog.text
