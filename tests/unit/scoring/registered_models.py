"""Three small models, one for each kind of label, logged to a real MLflow as training does."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, replace
from datetime import date
from functools import cache
from typing import Any

import numpy as np
import pytest

from include.features.catalog import Entity, Feature, FeatureGroup, GroupTable, Key, LabelTable
from include.features.matrix import FeatureMatrix, split_names
from include.features.spec import ModelSpec
from include.registry.background import attach_background
from include.registry.contract import ModelContract
from include.registry.onnx import OnnxModel, export_onnx
from include.registry.tracking import log_onnx, open_run
from include.tasks import TASKS
from include.warehouse.names import TableName
from include.warehouse.session import open_session
from tests.unit.registry.mlflow_server import start_shared_server
from tests.unit.registry.planting import make_measured, plant_version

TEST_DAY = date(2024, 3, 10)


@dataclass(frozen=True)
class ModelCase:
    """A model, and the tables that it lives on.

    Attributes:
        columns: of the feature table, with their SQL types; the event time first.
        row: one row as SQL, of the entity ``n`` and the as-of date ``day``.
        label: the label column and its SQL type.
    """

    contract: ModelContract
    columns: dict[str, str]
    row: str
    label: tuple[str, str]

    @property
    def name(self) -> str:
        """The model."""
        return self.contract.model

    @property
    def group(self) -> GroupTable:
        """Its only feature group."""
        return self.contract.groups[0]

    @property
    def keys(self) -> tuple[str, ...]:
        """Its key columns."""
        return self.contract.entity.key_names

    @property
    def spec(self) -> ModelSpec:
        """What its declaration and the catalog say."""
        group, entity = self.group, self.contract.entity
        label = LabelTable(
            f"{self.name}_labels", "", "owner", entity, "as_of_date", TableName("features", f"{self.name}_labels"),
            self.contract.horizon_days, {self.label[0]: self.contract.task},
        )  # fmt: skip
        groups = FeatureGroup(
            group.name, "", "owner", 1, entity, group.event_time, group.table, group.online, group.cadence_days,
            self.contract.features, {},
        )  # fmt: skip
        return ModelSpec(self.name, self.contract.task, entity, label, self.label[0], (groups,), self.contract.features)

    def create_tables(self, uri: str) -> None:
        """The empty tables of features and labels."""
        columns = ", ".join(f"{name} {kind}" for name, kind in self.columns.items())
        keys = ", ".join(f"{name} {self.columns[name]}" for name in self.keys)
        with open_session(uri) as session:
            session.execute(f"create table {self.group.table.quoted} ({columns})")
            session.execute(
                f"create table {self.spec.label.table.quoted} "
                f"(as_of_date date, {keys}, {self.label[0]} {self.label[1]})"
            )

    def add_day(self, uri: str, day: date, entities: int = 20) -> None:
        """The features of one more as-of date."""
        with open_session(uri) as session:
            session.execute(
                f"insert into {self.group.table.quoted} select {self.row} "
                "from (select %s::date as day) as days, generate_series(1, %s) as n",
                (day, entities),
            )


def _make_case(
    name: str, task: Any, entity: Entity, label: tuple[str, str], decision: dict[str, Any], event_time: str,
    columns: dict[str, tuple[str, Any, str]],
) -> ModelCase:  # fmt: skip
    """A case from its columns: SQL type, kind of feature (None for keys), and the value as SQL."""
    table = TableName("features", f"{name}_facts")
    group = GroupTable(f"{name}_facts", table, TableName("online", f"{name}_facts"), event_time, 1)
    features = tuple(Feature(column, kind, group.name) for column, (_, kind, _) in columns.items() if kind)
    contract = ModelContract(
        name, task, entity, label[0], (group,), features, decision, test_as_of_date=TEST_DAY, horizon_days=7
    )
    types = {event_time: "date", **{column: kind for column, (kind, _, _) in columns.items()}}
    return ModelCase(contract, types, ", ".join(["day", *(sql for _, _, sql in columns.values())]), label)


MACHINE = _make_case(
    "machine_failure", "binary", Entity("machine", (Key("machine_id", "integer"),)), ("failed", "boolean"),
    {"threshold": 0.5}, "as_of_date",
    {
        "machine_id": ("bigint", None, "n"),
        "hours": ("double precision", "numeric", "mod(n, 20) * 2.5"),
        "alarms": ("integer", "numeric", "nullif(mod(n, 4), 0)"),
        "is_new": ("boolean", "boolean", "mod(n, 2) = 0"),
    },
)  # fmt: skip
PART = _make_case(
    "part_units", "regression", Entity("site_part", (Key("site_id", "integer"), Key("part", "text"))),
    ("units", "double precision"), {}, "day",
    {
        "site_id": ("bigint", None, "mod(n, 3)"),
        "part": ("text", None, "case n when 1 then '' when 2 then 'a, \"b\"' else 'part ' || n end"),
        "stock": ("numeric(10, 2)", "numeric", "mod(n, 20) * 1.25"),
        "trend": ("real", "numeric", "mod(n, 20) - 10"),
    },
)  # fmt: skip
TICKET = _make_case(
    "ticket_color", "multiclass", Entity("ticket", (Key("ticket_id", "uuid"), Key("opened", "date"))),
    ("color", "text"), {"classes": ["blue", "green", "red"]}, "as_of_date",
    {
        "ticket_id": ("uuid", None, "lpad(to_hex(n), 32, '0')::uuid"),
        "opened": ("date", None, "date '2024-01-01' + n"),
        "weight": ("double precision", "numeric", "mod(n, 20) / 20.0"),
        "region": ("text", "categorical", "(array['north', 'south', null, 'west'])[1 + mod(n, 4)]"),
        "channel": ("text", "categorical", "(array['mail', 'phone', 'desk'])[1 + mod(n, 3)]"),
    },
)  # fmt: skip
CASES = (MACHINE, PART, TICKET)


@pytest.fixture(scope="session")
def mlflow_uri() -> str:
    """The address of a real MLflow server on loopback."""
    return start_shared_server().uri


@pytest.fixture(params=CASES, ids=lambda case: case.contract.task)
def case(request: pytest.FixtureRequest) -> ModelCase:
    """Each of the models."""
    found: ModelCase = request.param
    return found


def make_onnx(case: ModelCase, is_broken: bool = False) -> bytes:
    """A model of the case as ONNX; a broken one answers what is no number."""
    return _export(case.contract.to_json(), is_broken)


@cache
def _export(contract: str, is_broken: bool) -> bytes:
    read = ModelContract.from_json(contract)
    model = {"binary": _fit_binary, "regression": _fit_regression, "multiclass": _fit_multiclass}[read.task]()
    if is_broken:
        model[-1].coef_[:] = np.nan
    return attach_background(export_onnx(model, read), make_background(read))


def make_background(contract: ModelContract) -> FeatureMatrix:
    """Two rows of the contract's features."""
    numeric, categorical = split_names(contract.features)
    return FeatureMatrix(
        np.array([[0.25] * len(numeric), [1.0] * len(numeric)], dtype=np.float32).reshape(2, -1),
        np.array([[""] * len(categorical), ["desk"] * len(categorical)], dtype=object).reshape(2, -1),
        numeric, categorical,
    )  # fmt: skip


def _fit_binary() -> Any:
    """Positive from about 14 entities on, by ``hours``."""
    from sklearn.impute import SimpleImputer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline

    random = np.random.default_rng(7)
    rows = random.uniform(0, 50, size=(400, 3)).astype(np.float32)
    return make_pipeline(SimpleImputer(), LogisticRegression()).fit(rows, rows[:, 0] + random.normal(0, 10, 400) > 35)


def _fit_regression() -> Any:
    """About stock plus trend."""
    from sklearn.linear_model import Ridge
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    rows = np.random.default_rng(8).uniform(-10, 25, size=(400, 2)).astype(np.float32)
    return make_pipeline(StandardScaler(), Ridge()).fit(rows, rows.sum(axis=1))


def _fit_multiclass() -> Any:
    """By region, and a little by the rest."""
    from sklearn.compose import ColumnTransformer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder, StandardScaler

    random = np.random.default_rng(9)
    rows = np.empty((600, 3), dtype=object)
    rows[:, 0] = random.uniform(0, 1, 600)
    rows[:, 1] = random.choice(["north", "south", "", "west"], 600)
    rows[:, 2] = random.choice(["mail", "phone", "desk"], 600)
    usual = [{"north": 0, "south": 1, "": 2, "west": 2}[region] for region in rows[:, 1]]
    labels = np.where(random.random(600) < 0.7, usual, random.integers(0, 3, 600))
    split = ColumnTransformer(
        [("numeric", StandardScaler(), [0]), ("categorical", OneHotEncoder(handle_unknown="ignore"), [1, 2])]
    )
    return make_pipeline(split, LogisticRegression()).fit(rows, labels)


@cache
def log_file(tracking_uri: str, model_name: str, content: bytes) -> dict[str, Any]:
    """Log a file to a real MLflow, once in all tests of a process; what a training says of it."""
    contract = OnnxModel(content).contract
    with open_run(tracking_uri, model_name, "test", {}) as mlflow:
        model_uri = log_onnx(content, contract)
        run_id = mlflow.active_run().info.run_id
    return {"run_id": run_id, "model_uri": model_uri, "onnx_sha256": hashlib.sha256(content).hexdigest()}


def register(uri: str, tracking_uri: str, case: ModelCase, onnx: bytes | None = None, **changed: Any) -> int:
    """Make a model of the case a version; ``changed`` replaces what its training would have measured."""
    task = case.contract.task
    measured = make_measured(
        **log_file(tracking_uri, case.name, onnx or make_onnx(case)), task=task, score_name=TASKS[task].score_name,
        score=0.9, score_low=0.88, score_high=0.92, metrics={},
        test_as_of_date=case.contract.test_as_of_date.isoformat(),
    )  # fmt: skip
    return plant_version(uri, case.name, measured | changed)


def with_test_day(case: ModelCase, day: date) -> ModelCase:
    """The same model, had it been tested on another as-of date."""
    return replace(case, contract=replace(case.contract, test_as_of_date=day))


def to_key(row: dict[str, Any], case: ModelCase) -> str:
    """The keys of a row, as one text."""
    return json.dumps([row[key] for key in case.keys], default=str)
