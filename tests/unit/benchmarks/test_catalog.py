"""Every benchmark can be found by its name, and says what it compares with what."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import benchmarks
from benchmarks.catalog import NAMES, BenchmarkError, find_benchmark

MODULES = {path.stem: path for path in Path(str(benchmarks.__file__)).parent.glob("*.py")}


def has_measure(path: Path) -> bool:
    """Whether a module defines the function that makes it a benchmark."""
    body = ast.parse(path.read_text(encoding="utf-8")).body
    return any(isinstance(node, ast.FunctionDef) and node.name == "measure" for node in body)


def test_the_catalog_names_every_benchmark() -> None:
    assert set(NAMES) == {name for name, path in MODULES.items() if has_measure(path)}


@pytest.mark.parametrize("name", NAMES)
def test_a_benchmark_says_what_is_measured_against_whom_and_why_it_is_fair(name: str) -> None:
    doc = ast.get_docstring(ast.parse(MODULES[name].read_text(encoding="utf-8"))) or ""
    assert "Measured: " in doc
    assert "peer" in doc
    assert "Fair because: " in doc


@pytest.mark.parametrize("name", ["nope", "catalog", "", "../dags/score_batch"])
def test_an_unknown_name_lists_the_known_ones(name: str) -> None:
    with pytest.raises(BenchmarkError) as caught:
        find_benchmark(name)
    assert all(known in str(caught.value) for known in NAMES)
