"""Models as ONNX: export, convention, parity, inference.

The one convention: input ``features`` float32 [n, n_features], output ``probabilities`` float32
[n, 2], whose second column is the probability of churn. A missing value is NaN.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from include.errors import ParityError, ServingError

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    FloatRows = npt.NDArray[np.floating[Any]]
    Probabilities = npt.NDArray[np.float32]

INPUT: Final = "features"
OUTPUT: Final = "probabilities"
OPSET: Final = 21
ONNX_FILE: Final = "model.onnx"


def export_onnx(model: Any, n_features: int) -> bytes:
    """Convert a fitted scikit-learn classifier pipeline to ONNX that follows the convention.

    Args:
        model: a fitted Pipeline whose last step has ``predict_proba`` for two classes.
        n_features: width of the input.

    Returns:
        the serialised model, one file without external data.

    Raises:
        ServingError: the model has no ONNX form; it is named.
    """
    from skl2onnx import convert_sklearn
    from skl2onnx.common.data_types import FloatTensorType
    from skl2onnx.common.exceptions import MissingConverter, MissingShapeCalculator
    from skl2onnx.helpers.onnx_helper import select_model_inputs_outputs

    try:
        converted = convert_sklearn(
            model,
            name="classifier",  # a fixed name, or the same model would not give the same file twice
            initial_types=[(INPUT, FloatTensorType([None, n_features]))],
            options={id(model[-1]): {"zipmap": False}},
            target_opset=OPSET,
        )
    except (MissingConverter, MissingShapeCalculator) as error:
        raise ServingError(
            f"{type(model[-1]).__name__} has no ONNX form, and the model server loads nothing else. "
            "Choose an estimator that skl2onnx converts."
        ) from error
    proto = select_model_inputs_outputs(converted, outputs=[OUTPUT])
    _declare_output(proto.graph.output[0])
    return bytes(proto.SerializeToString())


def _declare_output(value: Any) -> None:
    """Write float32 [n, 2] where the converters leave type and shape open."""
    from onnx import TensorProto

    tensor = value.type.tensor_type
    tensor.elem_type = TensorProto.FLOAT
    del tensor.shape.dim[:]
    tensor.shape.dim.add().dim_param = "n"
    tensor.shape.dim.add().dim_value = 2


class OnnxModel:
    """An ONNX model in memory, on one thread, checked against the convention."""

    def __init__(self, source: Path | bytes) -> None:
        """Load from a file or from bytes.

        Raises:
            ServingError: not ONNX, or an input or output that the convention does not know.
        """
        self._session = _open_session(source)
        self.n_features = _check_convention(self._session, _name_source(source))

    def predict(self, rows: FloatRows) -> Probabilities:
        """The probability of churn of each row.

        Args:
            rows: floats [n, n_features]; computed in float32, NaN where missing.

        Returns:
            float32 [n].

        Raises:
            ServingError: rows of another shape or type.
        """
        import numpy as np

        if not np.issubdtype(rows.dtype, np.floating) or rows.ndim != 2 or rows.shape[1] != self.n_features:
            raise ServingError(
                f"The model takes floats of shape [n, {self.n_features}], found {rows.dtype} {list(rows.shape)}. "
                "Pass the features that the version lists, in its order."
            )
        outputs = self._session.run([OUTPUT], {INPUT: rows.astype(np.float32, copy=False)})
        probabilities: Probabilities = outputs[0][:, 1]
        return probabilities


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


def _check_convention(session: Any, name: str) -> int:
    """The width of the input of a session that follows the convention; ServingError names what does not."""
    inputs = {item.name: item for item in session.get_inputs()}
    outputs = {item.name: item for item in session.get_outputs()}
    problems = []
    if list(inputs) != [INPUT]:
        problems.append(f"inputs are {list(inputs)}, expected ['{INPUT}']")
    elif inputs[INPUT].type != "tensor(float)" or not _has_width(inputs[INPUT].shape):
        problems.append(
            f"input '{INPUT}' is {inputs[INPUT].type} {inputs[INPUT].shape}, expected float32 [n, features]"
        )
    if list(outputs) != [OUTPUT]:
        problems.append(f"outputs are {list(outputs)}, expected ['{OUTPUT}']")
    elif outputs[OUTPUT].type != "tensor(float)" or outputs[OUTPUT].shape[1:] != [2]:
        problems.append(f"output '{OUTPUT}' is {outputs[OUTPUT].type} {outputs[OUTPUT].shape}, expected float32 [n, 2]")
    if problems:
        raise ServingError(
            f"{name} does not follow the convention of this project: {'; '.join(problems)}. "
            "Export it with include.registry.onnx.export_onnx."
        )
    return int(inputs[INPUT].shape[1])


def _has_width(shape: list[Any]) -> bool:
    return len(shape) == 2 and isinstance(shape[1], int)


def measure_parity(name: str, expected: FloatRows, onnx: OnnxModel, rows: FloatRows, limit: float) -> float:
    """The largest absolute difference in probability between a model and its ONNX form.

    Args:
        name: names the model in the error.
        expected: what the model itself says, [n].
        rows: what it says it of, floats [n, n_features].

    Raises:
        ParityError: the difference is above ``limit``, or is not a number; names the worst row.
    """
    import numpy as np

    answered = onnx.predict(rows)
    differences = np.abs(expected.astype(np.float64) - answered)
    worst = int(np.argmax(np.where(np.isnan(differences), np.inf, differences)))
    largest = float(differences[worst])
    if not largest <= limit:
        raise ParityError(
            f"{name}: the ONNX form says {answered[worst]:.6f} where the model says {expected[worst]:.6f} "
            f"(row {worst} of {len(rows)}: {np.array2string(rows[worst], precision=4)}); the limit is {limit:g}. "
            "Do not serve it: simplify the pipeline, or report the row to skl2onnx."
        )
    return largest
