"""The rules of the house: who may import whom, and what no module may be called."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
INCLUDE = ROOT / "include"
ORCHESTRATORS = {"airflow", "cosmos", "astro"}
SHARED_ROOMS = {"warehouse", "settings", "errors", "assets", "registry", "config"}
FLOW = [
    "sources", "quality", "ingestion", "features", "training", "gates", "rollout", "serving", "scoring", "monitoring",
]  # fmt: skip
VAGUE_NAMES = {"utils", "helpers", "common", "misc", "base", "manager"}
HEAVY = {
    "adbc_driver_manager", "adbc_driver_postgresql", "great_expectations", "matplotlib", "mlflow", "numpy", "onnx",
    "onnxruntime", "pandas", "pyarrow", "scipy", "skl2onnx", "sklearn", "sqlglot",
}  # fmt: skip
# Rooms that run in processes of their own, where nothing parses them as part of a DAG file.
OWN_PROCESS = {"serving", "local"}

MODULES = sorted(path for path in INCLUDE.rglob("*.py") if "__pycache__" not in path.parts)


def room_of(path: Path) -> str:
    """The first folder (or module) below include/."""
    return path.relative_to(INCLUDE).parts[0].removesuffix(".py")


def imported_modules(path: Path, *, top_level_only: bool = False) -> Iterator[str]:
    """Absolute names imported by a file, without those only for type checking."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    nodes = list(tree.body) if top_level_only else list(ast.walk(tree))
    guarded = {
        id(child)
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test)
        for child in ast.walk(node)
    }
    for node in nodes:
        if id(node) in guarded:
            continue
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module


def test_the_library_was_found() -> None:
    assert len(MODULES) > 50
    assert {room_of(path) for path in MODULES} >= {*FLOW, "warehouse", "orchestration", "governance", "registry"}


@pytest.mark.parametrize("path", MODULES, ids=lambda p: str(p.relative_to(ROOT)))
def test_only_the_orchestration_room_imports_airflow(path: Path) -> None:
    found = {name.split(".")[0] for name in imported_modules(path)} & ORCHESTRATORS
    assert not found or room_of(path) == "orchestration", (
        f"{path} imports {sorted(found)}: move that code to include/orchestration/ and pass plain values in."
    )


@pytest.mark.parametrize("path", MODULES, ids=lambda p: str(p.relative_to(ROOT)))
def test_no_stage_imports_a_later_stage(path: Path) -> None:
    room = room_of(path)
    targets = {name.split(".")[1] for name in imported_modules(path) if name.startswith("include.")}
    if room in FLOW:
        later = set(FLOW[FLOW.index(room) + 1 :]) & targets
        assert not later, f"{path} imports {sorted(later)}, which come later in the flow: turn the arrow around."
    if room not in {"orchestration", "local"}:
        assert "orchestration" not in targets, f"{path} imports include.orchestration: pass the value in instead."
        assert "local" not in targets, f"{path} imports include.local: production code may not need the local stack."
    if room in SHARED_ROOMS - {"registry"}:
        outside = targets - SHARED_ROOMS
        assert not outside, f"{path} is shared by all rooms and may not import {sorted(outside)}."


@pytest.mark.parametrize(
    "path", [p for p in MODULES if room_of(p) not in OWN_PROCESS], ids=lambda p: str(p.relative_to(ROOT))
)
def test_heavy_libraries_are_imported_where_they_are_used(path: Path) -> None:
    heavy = {name.split(".")[0] for name in imported_modules(path, top_level_only=True)} & HEAVY
    assert not heavy, f"{path} imports {sorted(heavy)} at the top: move the import into the function that uses it."


@pytest.mark.parametrize("path", MODULES, ids=lambda p: str(p.relative_to(ROOT)))
def test_module_names_say_what_is_inside(path: Path) -> None:
    assert path.stem not in VAGUE_NAMES, f"{path}: name the module after its concept."
    assert ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))), f"{path} has no docstring."


@pytest.mark.parametrize("path", MODULES, ids=lambda p: str(p.relative_to(ROOT)))
def test_modules_stay_small(path: Path) -> None:
    lines = len(path.read_text(encoding="utf-8").splitlines())
    assert lines <= 300, f"{path} has {lines} lines: split it by concept (aim at 200)."


def test_no_binary_or_data_set_is_tracked() -> None:
    suffixes = {".pkl", ".joblib", ".onnx", ".db", ".sqlite", ".parquet", ".whl", ".pyc", ".arrow"}
    roots = ("dags", "include", "dbt/models", "plugins", "tests", "docs", "deploy", "benchmarks")
    found = [
        path
        for root in roots
        for path in (ROOT / root).rglob("*")
        if path.suffix in suffixes and "__pycache__" not in path.parts
    ]
    assert not found, f"generated files among the sources: {found}"
