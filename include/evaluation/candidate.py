"""A candidate as it is measured: its figures, its served form, and the rows of its training set."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Protocol

from include.features.read import AS_OF, read_features
from include.features.spec import ModelSpec
from include.governance.upstream import UpstreamTrace, trace_upstream
from include.registry.files import list_files, read_file
from include.registry.onnx import OnnxModel
from include.settings.models import ModelSettings
from include.tasks import TASKS
from include.tasks.task import Task
from include.training.splits import SPLIT, TrainingData, read_training_data
from include.warehouse.arrow import read_arrow
from include.warehouse.frames import to_frame
from include.warehouse.names import TableName, name_table
from include.warehouse.session import open_session

if TYPE_CHECKING:
    import pyarrow as pa

    from include.tasks.task import Floats


class CandidateSource(Protocol):
    """Where the parts of a candidate are read; each is read only when it is asked for."""

    def find_spec(self) -> ModelSpec:
        """The model's declaration."""
        ...

    def read_onnx(self, result: Mapping[str, Any]) -> bytes:
        """The served form of a fitted family, verified."""
        ...

    def list_files(self, result: Mapping[str, Any]) -> Mapping[str, bytes | None]:
        """Every file of its logged model by its path, with the content of ``MLmodel``."""
        ...

    def trace_upstream(self, tables: Collection[TableName]) -> UpstreamTrace:
        """What the tables were made from."""
        ...

    def read_rows(self, spec: ModelSpec) -> pa.Table:
        """The training set."""
        ...

    def read_attributes(self, spec: ModelSpec, rows: pa.Table) -> pa.Table:
        """Keys, as-of date and the attributes of ``spec`` at the as-of dates of the rows."""
        ...


@dataclass(frozen=True)
class StoredCandidate:
    """The parts of a candidate in the warehouse and in MLflow.

    Attributes:
        read_spec: finds the model's declaration.
    """

    warehouse_uri: str
    tracking_uri: str
    read_spec: Callable[[], ModelSpec]

    def find_spec(self) -> ModelSpec:
        """See :class:`CandidateSource`."""
        return self.read_spec()

    def read_onnx(self, result: Mapping[str, Any]) -> bytes:
        """RegistryError when MLflow is away, or when the file is not the one that was measured."""
        title = f"the run {result['run_id']}"
        return read_file(self.tracking_uri, result["model_uri"], result["onnx_sha256"], title)

    def list_files(self, result: Mapping[str, Any]) -> Mapping[str, bytes | None]:
        """RegistryError when MLflow is away."""
        return list_files(self.tracking_uri, result["model_uri"])

    def trace_upstream(self, tables: Collection[TableName]) -> UpstreamTrace:
        """WarehouseError when the warehouse is away."""
        with open_session(self.warehouse_uri) as session:
            return trace_upstream(session, tables)

    def read_rows(self, spec: ModelSpec) -> pa.Table:
        """WarehouseError when the warehouse is away."""
        names = ", ".join(f'"{name}"' for name in (AS_OF, *spec.entity.key_names))
        return read_arrow(
            self.warehouse_uri, f"select * from {name_table(spec.name, 'training_set').quoted} order by {names}"
        )

    def read_attributes(self, spec: ModelSpec, rows: pa.Table) -> pa.Table:
        """SourceError when a table or a column is gone."""
        groups = [spec.groups[0].location]
        groups += [item.location for item in spec.groups[1:] if item.name in {one.group for one in spec.attributes}]
        days = sorted(set(rows.column(AS_OF).to_pylist()))
        return read_features(self.warehouse_uri, spec.entity, groups, spec.attributes, days)


@dataclass(frozen=True)
class Candidate:
    """The candidate that was ranked first.

    Attributes:
        result: what ``include.training.fit.fit_family`` returned for it.
        baseline: the same of the one-feature rule.
    """

    result: Mapping[str, Any]
    baseline: Mapping[str, Any]
    model: ModelSettings
    source: CandidateSource

    @property
    def task(self) -> Task:
        """The kind of its label."""
        return TASKS[self.model.task]

    @property
    def seed(self) -> int:
        """What every random draw begins with."""
        return self.model.training.random_seed

    @cached_property
    def spec(self) -> ModelSpec:
        """The model's declaration."""
        return self.source.find_spec()

    @cached_property
    def onnx(self) -> OnnxModel:
        """What serves."""
        return OnnxModel(self.source.read_onnx(self.result))

    @cached_property
    def rule(self) -> OnnxModel:
        """The one-feature rule, as it would serve."""
        return OnnxModel(self.source.read_onnx(self.baseline))

    @cached_property
    def rows(self) -> pa.Table:
        """The training set: as-of date, keys, split, label, features."""
        return self.source.read_rows(self.spec)

    @cached_property
    def data(self) -> TrainingData:
        """The training set as arrays; the rows of each split stand in the order of ``rows``."""
        return read_training_data(to_frame(self.rows), self.spec, self.model.training)

    @cached_property
    def answers(self) -> Floats:
        """What serves says of the test rows."""
        return self.onnx.predict(self.data.test.matrix)

    @cached_property
    def test_rows(self) -> pa.Table:
        """The test rows of ``rows``."""
        import pyarrow.compute as pc

        return self.rows.filter(pc.equal(self.rows.column(SPLIT), "test"))
