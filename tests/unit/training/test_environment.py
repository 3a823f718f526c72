"""What a model was trained with stands on its run."""

from __future__ import annotations

import hashlib
import json
from email.message import Message
from importlib.metadata import version
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
import pandas as pd
import pytest

from include.features.spec import ModelSpec
from include.settings.training import TrainingSettings
from include.training import environment
from include.training.environment import describe_packages, find_licence, hash_lock
from include.training.fit import TrainingLineage, fit_family


def test_the_packages_are_a_bill_of_materials_with_versions_and_licences() -> None:
    bill = describe_packages()
    assert (bill["bomFormat"], bill["specVersion"]) == ("CycloneDX", "1.6")
    packages = {one["name"]: one for one in bill["components"]}
    assert packages["numpy"]["version"] == version("numpy")
    assert packages["scikit-learn"]["purl"] == f"pkg:pypi/scikit-learn@{version('scikit-learn')}"
    assert packages["scikit-learn"]["licenses"][0]["license"]["name"].startswith("BSD")
    silent = [name for name, one in packages.items() if "licenses" not in one]
    assert len(silent) < len(packages) / 10, silent


@pytest.mark.parametrize(
    ("fields", "licence"),
    [
        ({"License-Expression": ["MIT"]}, "MIT"),
        ({"License": ["BSD 3-Clause"]}, "BSD 3-Clause"),
        ({"License": ["UNKNOWN"], "Classifier": ["License :: OSI Approved :: MIT License"]}, "MIT License"),
        ({"License": ["Copyright\nall of the text"], "Classifier": ["License :: OSI Approved :: ISC"]}, "ISC"),
        ({"Classifier": ["Programming Language :: Python"]}, ""),
        ({}, ""),
    ],
)
def test_a_licence_is_found_where_a_package_names_it(fields: dict[str, list[str]], licence: str) -> None:
    metadata = Message()
    for name, values in fields.items():
        for value in values:
            metadata[name] = value
    assert find_licence(SimpleNamespace(metadata=metadata)) == licence  # type: ignore[arg-type]


def test_the_lock_is_told_by_its_hash_and_its_absence_by_a_word(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(environment, "LOCK", tmp_path / "requirements.lock")
    assert hash_lock() == "absent"
    (tmp_path / "requirements.lock").write_bytes(b"numpy==1")
    assert hash_lock() == hashlib.sha256(b"numpy==1").hexdigest()


def test_a_run_says_what_it_was_trained_on_and_with(
    frame: pd.DataFrame, spec: ModelSpec, settings: TrainingSettings, lineage: TrainingLineage, tracking_uri: str
) -> None:
    result = fit_family(frame, "baseline", spec, settings, lineage, tracking_uri)

    def ask(endpoint: str, **parameters: str) -> Any:
        return httpx.get(f"{tracking_uri}/{endpoint}", params=parameters).raise_for_status()

    run = ask("api/2.0/mlflow/runs/get", run_id=result["run_id"]).json()["run"]
    [read] = run["inputs"]["dataset_inputs"]
    assert (read["dataset"]["name"], read["dataset"]["digest"]) == (
        f"ml.{spec.name}_training_set",
        lineage.data_version,
    )
    assert {"key": "mlflow.data.context", "value": "training"} in read["tags"]
    parameters = {one["key"]: one["value"] for one in run["data"]["params"]}
    assert parameters["lock_sha256"] == hash_lock()
    bill = ask("get-artifact", run_uuid=result["run_id"], path="sbom.json").content
    assert json.loads(bill) == describe_packages()
