"""Machines that wear out: one small world with a label of each kind, and features of each kind."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import numpy as np
import pandas as pd

from include.features.catalog import Entity, Feature, FeatureDetail, FeatureGroup, FeatureKind, Key, LabelTable
from include.features.spec import ModelSpec
from include.settings import CONFIG_DIR, load_settings
from include.settings.models import ModelSettings, TaskName, read_shared
from include.settings.section import check_section
from include.settings.training import TrainingSettings
from include.warehouse.names import TableName

TEST_DATE = date(2017, 12, 4)
MACHINE = Entity("machine", (Key("machine_id", "integer"),))
KINDS: dict[str, FeatureKind] = {
    "wear": "numeric",
    "site": "categorical",
    "is_covered": "boolean",
    "units_last": "numeric",
    "temperature": "numeric",
    "paint": "categorical",
}
LABELS: dict[TaskName, str] = {"binary": "failed", "multiclass": "grade", "regression": "units"}


def make_spec(task: TaskName, name: str = "machines") -> ModelSpec:
    """A model of machines, from one group."""
    table = TableName("features", "machine_features")
    features = tuple(Feature(feature, kind, "machine_features") for feature, kind in KINDS.items())
    online = TableName("online", "machine_features_latest")
    details = {feature: FeatureDetail(f"The {feature} of a machine.") for feature in KINDS}
    group = FeatureGroup(
        "machine_features", "What is known of a machine.", "owner", 1, MACHINE, "as_of_date", table, online, 1,
        features, dict.fromkeys(KINDS, ()), details=details,
    )  # fmt: skip
    label = LabelTable(
        "machine_labels", "What becomes of a machine.", "owner", MACHINE, "as_of_date",
        TableName("features", "machine_labels"), 28, {LABELS[task]: task},
    )  # fmt: skip
    return ModelSpec(name, task, MACHINE, label, LABELS[task], (group,), features)


def drop_features(spec: ModelSpec, *names: str) -> ModelSpec:
    """The same model without some features."""
    return replace(spec, features=tuple(item for item in spec.features if item.name not in names))


def load_training(task: TaskName, **changed: Any) -> TrainingSettings:
    """The settings of training as they ship for a task, for a small world, with some of them changed."""
    values = read_shared(CONFIG_DIR / "training.yml").find_values(task, "development")
    small = {"min_training_rows": 100, "min_split_count": 10, "bootstrap_repetitions": 200}
    return check_section({**values, **small, **changed}, TrainingSettings, "development", "test")


def make_model(task: TaskName, name: str = "machines") -> ModelSettings:
    """A declared model with the shared settings of its task."""
    from include.settings.models import SECTIONS, build_model

    shared = {
        section: read_shared(
            CONFIG_DIR / f"{section}.yml",
            frozenset({"rollout": ["server"], "governance": ["lineage"]}.get(section, [])),
        )
        for section in SECTIONS
    }
    head = {
        "description": "machines", "owner": "owner", "task": task, "label": f"machine_labels.{LABELS[task]}",
        "features": {"groups": ["machine_features"]}, "trainer": "scientist",
        "training": {"min_training_rows": 100, "min_split_count": 10, "bootstrap_repetitions": 200},
    }  # fmt: skip
    return build_model(CONFIG_DIR / "models" / f"{name}.yml", head, shared, load_settings().environment)


def make_frame(task: TaskName, machines: int = 400, training_cutoffs: int = 3, seed: int = 7) -> pd.DataFrame:
    """A training set as ``build_training_set`` makes it: training cutoffs, validation and test, 28 days apart."""
    generator = np.random.default_rng(seed)
    frames = []
    for back in range(training_cutoffs + 1, -1, -1):
        frame = simulate_cutoff(task, machines, generator)
        frame.insert(0, "as_of_date", TEST_DATE - timedelta(days=28 * back))
        frame.insert(2, "split", {0: "test", 1: "validation"}.get(back, "train"))
        frames.append(frame)
    return pd.concat(frames, ignore_index=True)


def simulate_cutoff(task: TaskName, machines: int, generator: np.random.Generator) -> pd.DataFrame:
    """Wear, site and cover decide; temperature and paint are noise with gaps."""
    wear = generator.gamma(2.0, 2.0, machines)
    site = generator.choice(["north", "south", "west", "moved"], p=[0.45, 0.3, 0.245, 0.005], size=machines)
    is_covered = generator.random(machines) < 0.5
    stress = 0.6 * wear + 1.5 * (site == "south") - 1.2 * is_covered
    units = np.maximum(20 - 2 * stress + generator.normal(0, 2, machines), 0.0)
    label = {
        "binary": (stress + generator.normal(0, 1.0, machines) > 3.2).astype(np.int64),
        "multiclass": np.array(["a", "b", "c"], dtype=object)[
            np.digitize(stress + generator.normal(0, 0.8, machines), [1.5, 3.0])
        ],
        "regression": units,
    }[task]
    frame = pd.DataFrame(
        {
            "machine_id": np.arange(1, machines + 1),
            "label": label,
            "wear": wear,
            "site": np.where(generator.random(machines) < 0.05, None, site),
            "is_covered": pd.array(is_covered, dtype="boolean"),
            "units_last": np.round(units + generator.normal(0, 3.5, machines)),
            "temperature": generator.normal(20, 5, machines),
            "paint": generator.choice(["red", "blue"], machines),
        }
    )
    frame.loc[generator.random(machines) < 0.1, "is_covered"] = pd.NA
    frame.loc[generator.random(machines) < 0.3, "temperature"] = np.nan
    return frame
