"""Models as ONNX: export, convention, parity, inference.

The one convention: inputs ``numeric`` float32 [n, k] (NaN where missing) and ``categorical`` string [n, m] (empty
where missing), either of them absent when it has no column; one output, ``probabilities`` float32 [n, classes]
or ``prediction`` float32 [n, 1]; the model's contract in the metadata, and its background rows.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from include.errors import ServingError
from include.features.matrix import split_names
from include.registry.background import BACKGROUND_KEY, read_background
from include.registry.contract import METADATA_KEY, ModelContract
from include.registry.onnx_convert import convert_pipeline
from include.tasks import TASKS

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from include.features.matrix import FeatureMatrix
    from include.tasks.task import Floats

NUMERIC: Final = "numeric"
CATEGORICAL: Final = "categorical"
ONNX_FILE: Final = "model.onnx"


def export_onnx(model: Any, contract: ModelContract) -> bytes:
    """Convert a fitted scikit-learn pipeline to ONNX that follows the convention.

    Args:
        model: a fitted Pipeline over the contract's features; its last step is the estimator.

    Returns:
        the serialised model, one file without external data; the same model gives the same bytes.

    Raises:
        ServingError: the model has no ONNX form; it is named.
    """
    from skl2onnx.common.data_types import FloatTensorType, StringTensorType

    numeric, categorical = split_names(contract.features)
    inputs: list[tuple[str, Any]] = []
    if numeric:
        inputs.append((NUMERIC, FloatTensorType([None, len(numeric)])))
    if categorical:
        inputs.append((CATEGORICAL, StringTensorType([None, len(categorical)])))
    return _finish(convert_pipeline(model, inputs, contract.task), contract)


def _finish(converted: Any, contract: ModelContract) -> bytes:
    """Give the one output its name and its type, and write the contract."""
    from onnx import TensorProto
    from onnx.helper import make_node

    task, proto = TASKS[contract.task], converted
    output = proto.graph.output[0]
    last = output.name
    if last != task.output_name:
        proto.graph.node.append(make_node("Identity", [last], [task.output_name], name="name_output"))
        output.name = task.output_name
    tensor = output.type.tensor_type
    tensor.elem_type = TensorProto.FLOAT
    del tensor.shape.dim[:]
    tensor.shape.dim.add().dim_param = "n"
    tensor.shape.dim.add().dim_value = _count_outputs(contract)
    entry = proto.metadata_props.add()
    entry.key, entry.value = METADATA_KEY, contract.to_json()
    return bytes(proto.SerializeToString())


def _count_outputs(contract: ModelContract) -> int:
    return {"binary": 2, "regression": 1}.get(contract.task) or len(contract.decision["classes"])


class OnnxModel:
    """An ONNX model in memory, on one thread, checked against the convention and its own contract.

    Attributes:
        background: the rows that its answers are compared with to explain them; None in versions of releases that kept
            none.
    """

    def __init__(self, source: Path | bytes) -> None:
        """Load from a file or from bytes.

        Raises:
            ServingError: not ONNX, no contract, or an input or output that does not fit the contract.
        """
        self._session = _open_session(source)
        self.contract = _read_contract(self._session, _name_source(source))
        self.background = _read_background(self._session, self.contract)
        _check_convention(self._session, self.contract, _name_source(source))
        self.task = TASKS[self.contract.task]
        self._names = self.contract.feature_names
        self._inputs = {item.name for item in self._session.get_inputs()}

    def predict(self, matrix: FeatureMatrix) -> Floats:
        """What the model says of each row (see ``include.tasks.task.Task`` for the form).

        Args:
            matrix: holds the contract's features, and perhaps others.

        Raises:
            SourceError: a feature is not there.
        """
        rows = matrix.select(self._names)
        inputs = {NUMERIC: rows.numeric, CATEGORICAL: rows.categorical}
        taken = {name: values for name, values in inputs.items() if name in self._inputs}
        return self.task.read_output(self._session.run([self.task.output_name], taken)[0])


def _open_session(source: Path | bytes) -> Any:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.log_severity_level = 4
    model = str(source) if isinstance(source, Path) else source
    try:
        return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # ONNX Runtime raises a dozen unrelated types
        raise ServingError(
            f"{_name_source(source)} is no ONNX model that can be loaded: {error}. Register the version again."
        ) from error


def _name_source(source: Path | bytes) -> str:
    return str(source) if isinstance(source, Path) else f"A model of {len(source)} bytes"


def _read_contract(session: Any, name: str) -> ModelContract:
    text = session.get_modelmeta().custom_metadata_map.get(METADATA_KEY)
    if text is None:
        raise ServingError(
            f"{name} holds no contract: it was not exported by this project. Train and register it again."
        )
    return ModelContract.from_json(text)


def _read_background(session: Any, contract: ModelContract) -> FeatureMatrix | None:
    text = session.get_modelmeta().custom_metadata_map.get(BACKGROUND_KEY)
    return None if text is None else read_background(text, *split_names(contract.features))


def _check_convention(session: Any, contract: ModelContract, name: str) -> None:
    """ServingError unless inputs and output are those of the contract; names what is not."""
    numeric, categorical = split_names(contract.features)
    expected = {
        **({NUMERIC: ("tensor(float)", len(numeric))} if numeric else {}),
        **({CATEGORICAL: ("tensor(string)", len(categorical))} if categorical else {}),
    }
    found = {item.name: (item.type, item.shape[-1]) for item in session.get_inputs()}
    outputs = {item.name: (item.type, item.shape[-1]) for item in session.get_outputs()}
    wanted = {TASKS[contract.task].output_name: ("tensor(float)", _count_outputs(contract))}
    problems = [
        f"{kind} are {actual}, expected {right}"
        for kind, actual, right in (("inputs", found, expected), ("outputs", outputs, wanted))
        if actual != right
    ]
    if problems:
        raise ServingError(
            f"{name} does not fit its own contract: {'; '.join(problems)}. "
            "Export it with include.registry.onnx.export_onnx."
        )


def measure_parity(expected: Floats, onnx: OnnxModel, matrix: FeatureMatrix, labels: npt.NDArray[Any]) -> float:
    """The largest distance between what a model says and what its ONNX form says; infinite for what is no number.

    Args:
        expected: what the model itself says of the rows.
        labels: of the rows; they scale the distance for regression.

    Returns:
        in probability, or in standard deviations of the label.
    """
    import numpy as np

    differences: npt.NDArray[np.float64] = onnx.task.measure_difference(expected, onnx.predict(matrix), labels)
    return float(np.where(np.isnan(differences), np.inf, differences).max())
