"""How large the served form is."""

from __future__ import annotations

from include.evaluation.candidate import Candidate


def measure_size(candidate: Candidate) -> int:
    """Bytes of the ONNX file, as training measured it."""
    return int(candidate.result["size_bytes"])
