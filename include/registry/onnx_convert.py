"""Fitted models as ONNX graphs: pipelines through skl2onnx, combinations by joining the graphs of their members."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any, Final

from include.errors import ServingError
from include.families.combination import CERTAINTY, Combination
from include.families.neural_network import define_perceptrons

OPSET: Final = 21
ML_OPSET: Final = 3
"""The newest whose tree ensembles skl2onnx and onnxmltools both write."""


def convert_pipeline(model: Any, inputs: Sequence[tuple[str, Any]], task: str) -> Any:
    """A fitted pipeline as a graph with one output of float32, [n, classes] or [n, 1].

    Args:
        model: its last step is an estimator that skl2onnx knows, or a ``Combination``.
        inputs: names and skl2onnx types.

    Raises:
        ServingError: the estimator has no ONNX form; it is named.
    """
    if isinstance(model[-1], Combination):
        return _join(model[-1], [convert_pipeline(member, inputs, task) for member in model[-1].members], task)
    return _convert(model, inputs)


def _convert(model: Any, inputs: Sequence[tuple[str, Any]]) -> Any:
    from skl2onnx import convert_sklearn
    from skl2onnx.common.exceptions import MissingConverter, MissingShapeCalculator
    from skl2onnx.helpers.onnx_helper import select_model_inputs_outputs

    kind: Any = type(model[-1])
    register_converter(kind.__module__.split(".")[0], kind)
    try:
        converted = convert_sklearn(
            model,
            name="model",  # a fixed name, or the same model would not give the same file twice
            initial_types=list(inputs),
            options={id(model[-1]): {"zipmap": False}} if hasattr(model[-1], "predict_proba") else None,
            target_opset={"": OPSET, "ai.onnx.ml": ML_OPSET},
        )
    except (MissingConverter, MissingShapeCalculator) as error:
        raise ServingError(
            f"{type(model[-1]).__name__} has no ONNX form, and the model server loads nothing else. "
            "Choose an estimator that skl2onnx converts."
        ) from error
    return select_model_inputs_outputs(converted, outputs=[converted.graph.output[-1].name])


@cache
def register_converter(library: str, kind: Any) -> None:
    """Tell skl2onnx how to convert an estimator that is not scikit-learn's own."""
    if library == "xgboost":
        from onnxmltools.convert.xgboost.operator_converters.XGBoost import convert_xgboost

        _register(kind, convert_xgboost)
    elif library == "lightgbm":
        from onnxmltools.convert.lightgbm.operator_converters.LightGbm import convert_lightgbm

        _register(kind, convert_lightgbm)
    elif kind in define_perceptrons():
        from skl2onnx.operator_converters import multilayer_perceptron as known

        is_classifier = hasattr(kind, "predict_proba")
        _register(kind, known.convert_sklearn_mlp_classifier if is_classifier else known.convert_sklearn_mlp_regressor)


def _register(kind: type, convert: Any) -> None:
    from skl2onnx import update_registered_converter
    from skl2onnx.common.shape_calculator import (
        calculate_linear_classifier_output_shapes,
        calculate_linear_regressor_output_shapes,
    )

    if hasattr(kind, "predict_proba"):
        shapes, options = calculate_linear_classifier_output_shapes, {"nocl": [True, False], "zipmap": [True, False]}
    else:
        shapes, options = calculate_linear_regressor_output_shapes, None
    update_registered_converter(kind, f"Orrery{kind.__name__}", shapes, convert, options=options)


def _join(model: Combination, graphs: Sequence[Any], task: str) -> Any:
    """One graph of the members' graphs, which share their inputs, and what makes one answer of theirs."""
    from onnx import TensorProto
    from onnx.compose import add_prefix
    from onnx.helper import make_graph, make_model, make_tensor_value_info

    parts = [
        add_prefix(graph, f"m{index}_", rename_inputs=False, inplace=False).graph for index, graph in enumerate(graphs)
    ]
    inputs = {item.name: item for part in parts for item in part.input}
    nodes = [node for part in parts for node in part.node]
    constants = [item for part in parts for item in part.initializer]
    outputs = [part.output[0].name for part in parts]
    last, more = _average(outputs) if model.final is None else _finish(model, outputs, task)
    output = make_tensor_value_info(last, TensorProto.FLOAT, [None, None])
    graph = make_graph([*nodes, *more[0]], "model", list(inputs.values()), [output], [*constants, *more[1]])
    return make_model(graph, opset_imports=_list_opsets(graphs), ir_version=max(item.ir_version for item in graphs))


def _list_opsets(graphs: Sequence[Any]) -> list[Any]:
    from onnx.helper import make_opsetid

    versions: dict[str, int] = {}
    for graph in graphs:
        for item in graph.opset_import:
            versions[item.domain] = max(versions.get(item.domain, 0), item.version)
    return [make_opsetid(domain, version) for domain, version in sorted(versions.items())]


def _average(outputs: list[str]) -> tuple[str, tuple[list[Any], list[Any]]]:
    from onnx.helper import make_node

    return "mean", ([make_node("Mean", outputs, ["mean"], name="mean_of_members")], [])


def _finish(model: Combination, outputs: list[str], task: str) -> tuple[str, tuple[list[Any], list[Any]]]:
    """The final model: a linear one of values, or of log-odds (binary) or log-probabilities."""
    import numpy as np
    from onnx.helper import make_node
    from onnx.numpy_helper import from_array

    weights = np.atleast_2d(model.final.coef_).T.astype(np.float32)
    bias = np.atleast_1d(model.final.intercept_).astype(np.float32)
    constants = [from_array(weights, "final_weights"), from_array(bias, "final_bias")]
    nodes, columns = [], outputs
    if task != "regression":
        constants += [
            from_array(np.float32(CERTAINTY), "least"), from_array(np.float32(1 - CERTAINTY), "most"),
            from_array(np.array([[-1.0], [1.0]], dtype=np.float32), "odds"),
        ]  # fmt: skip
        columns = [f"taken_{index}" for index in range(len(outputs))]
        for name, column in zip(outputs, columns, strict=True):
            nodes.append(make_node("Clip", [name, "least", "most"], [f"{column}_clipped"]))
            logs = f"{column}_logs" if task == "binary" else column
            nodes.append(make_node("Log", [f"{column}_clipped"], [logs]))
            if task == "binary":
                nodes.append(make_node("MatMul", [logs, "odds"], [column]))
    nodes.append(make_node("Concat", columns, ["taken"], axis=1))
    nodes.append(make_node("Gemm", ["taken", "final_weights", "final_bias"], ["values"]))
    return _end(task, nodes, constants)


def _end(task: str, nodes: list[Any], constants: list[Any]) -> tuple[str, tuple[list[Any], list[Any]]]:
    """The answer from the final model's sums: themselves, or probabilities."""
    from onnx.helper import make_node

    if task == "regression":
        return "values", (nodes, constants)
    if task == "multiclass":
        return "answer", ([*nodes, make_node("Softmax", ["values"], ["answer"], axis=1)], constants)
    nodes += [
        make_node("Sigmoid", ["values"], ["yes"]),
        make_node("Neg", ["values"], ["against"]),
        make_node("Sigmoid", ["against"], ["no"]),
        make_node("Concat", ["no", "yes"], ["answer"], axis=1),
    ]
    return "answer", (nodes, constants)
