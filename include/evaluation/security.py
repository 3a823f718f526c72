"""What could run, or be read, besides the computation, when somebody loads the artifact."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from include.evaluation.advisories import list_advisories
from include.evaluation.candidate import Candidate
from include.settings.gates import SecurityGate

KNOWN_FILES: Final = frozenset(
    {
        "MLmodel", "conda.yaml", "input_example.json", "model.onnx", "python_env.yaml", "requirements.txt",
        "serving_input_example.json",
    }
)  # fmt: skip
"""What logging an ONNX model writes; none of it is executed."""
KNOWN_LOADERS: Final = frozenset({"mlflow.onnx"})
KNOWN_DOMAINS: Final = frozenset({"", "ai.onnx", "ai.onnx.ml"})


@dataclass(frozen=True)
class SecurityEvidence:
    """What is in the artifact that should not be, in words; and what is known of the packages that made it.

    Attributes:
        advisories: of installed packages, such as ``jinja2 3.1.2: GHSA-h5c8-rqwp-cp95``; None where nobody could be
            asked.
    """

    findings: tuple[str, ...]
    advisories: tuple[str, ...] | None


def measure_security(candidate: Candidate, limits: SecurityGate) -> SecurityEvidence:
    """Look at the files of the logged model, at what loads it, and inside of the ONNX file without running it."""
    files = candidate.source.list_files(candidate.result)
    findings = [
        *find_strange_files(files), *find_loaders(files.get("MLmodel") or b""),
        *inspect_onnx(candidate.source.read_onnx(candidate.result)),
    ]  # fmt: skip
    return SecurityEvidence(tuple(findings), list_advisories(limits.advisories_url))


def find_strange_files(paths: Iterable[str]) -> list[str]:
    """Files beside those that an ONNX model has, and paths that lead out of its folder."""
    return [f"the file {path!r}" for path in sorted(paths) if path not in KNOWN_FILES]


def find_loaders(description: bytes) -> list[str]:
    """What ``MLmodel`` names as loading the model, or as its code, besides MLflow's loader of ONNX files."""
    import yaml

    try:
        flavors: Mapping[str, Any] = yaml.safe_load(description)["flavors"]
        loaders = {str(flavors[name].get("loader_module", "mlflow.onnx")) for name in flavors}
        codes = {str(flavors[name].get("code")) for name in flavors}
    except (yaml.YAMLError, KeyError, TypeError, AttributeError):
        return ["an MLmodel that cannot be read"]
    found = [f"the flavor {name!r}" for name in sorted(set(flavors) - {"onnx", "python_function"})]
    found += [f"the loader {loader!r}" for loader in sorted(loaders - KNOWN_LOADERS)]
    return found + [f"the code {code!r}" for code in sorted(codes - {"None"})]


def inspect_onnx(content: bytes) -> list[str]:
    """Operators from elsewhere than ONNX itself, functions of the model's own, and data outside of the file."""
    import onnx

    try:
        model = onnx.load_model_from_string(content)
    except Exception as error:  # protobuf raises several unrelated types
        return [f"a file that is no ONNX model ({type(error).__name__})"]
    nodes = [node for node in _walk(model.graph) if node.domain not in KNOWN_DOMAINS]
    found = {f"the operator {node.domain}.{node.op_type}" for node in nodes}
    found |= {f"the function {function.domain}.{function.name}" for function in model.functions}
    return sorted(found) + sorted(f"data outside of the file: {name}" for name in _find_external(model))


def _walk(graph: Any) -> Iterable[Any]:
    """The nodes of a graph, and of the graphs inside of them."""
    for node in graph.node:
        yield node
        for attribute in node.attribute:
            for inner in [*([attribute.g] if attribute.HasField("g") else []), *attribute.graphs]:
                yield from _walk(inner)


def _find_external(model: Any) -> set[str]:
    """The tensors whose values stand in another file."""
    import onnx

    tensors = list(model.graph.initializer)
    for node in _walk(model.graph):
        for attribute in node.attribute:
            tensors += [*([attribute.t] if attribute.HasField("t") else []), *attribute.tensors]
            tensors += [tensor for inner in [attribute.g, *attribute.graphs] for tensor in inner.initializer]
    return {
        re.sub(r"[^\x20-\x7e]", "?", tensor.name)
        for tensor in tensors
        if tensor.data_location == onnx.TensorProto.EXTERNAL
    }
