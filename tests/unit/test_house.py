"""The rules of the house: who may import whom, what no module may be called, which words the library does not know."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable
from functools import cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
INCLUDE = ROOT / "include"
ORCHESTRATORS = {"airflow", "cosmos", "astro"}
SHARED_ROOMS = {"warehouse", "settings", "errors", "assets", "registry", "tasks", "families", "config"}
FLOW = [
    "sources", "quality", "ingestion", "features", "training", "evaluation", "gates", "rollout", "serving",
    "scoring", "monitoring",
]  # fmt: skip
# Rooms around the library: what checks declarations, the embedded stack, the demo on it, the examples' data, what runs
# a project by hand, what adopts a checkout. Arrows go from left to right.
AROUND = [
    "check",
    "demo", "example", # (examples line)
    "operate", "adopt", "local", "servers", "commands",
]  # fmt: skip
VAGUE_NAMES = {"utils", "helpers", "common", "misc", "base", "manager"}
HEAVY = {
    "adbc_driver_manager", "adbc_driver_postgresql", "botocore", "fsspec", "gcsfs", "great_expectations", "lightgbm",
    "matplotlib", "mlflow", "numpy", "onnx", "onnxmltools", "onnxruntime", "optuna", "pandas", "pyarrow", "s3fs",
    "scipy", "skl2onnx", "sklearn", "sqlglot", "xgboost",
}  # fmt: skip
# Rooms that run in processes of their own, where nothing parses them as part of a DAG file.
OWN_PROCESS = {"serving", *AROUND}

# Words of the examples.
EXAMPLE_WORDS = re.compile(
    r"households?|churn\w*|baskets?|coupons?|shops?\b|shopp\w+|panel|retail\w*|customers?|purchas\w+|products?\b"
    r"|\bstore_(?:id|categor|depart|sales)\w*",
    re.IGNORECASE,
)
EXAMPLES = (INCLUDE / "example", INCLUDE / "config" / "models", INCLUDE / "config" / "sources.yml")

MODULES = sorted(path for path in INCLUDE.rglob("*.py") if "__pycache__" not in path.parts)
LIBRARY_TEXTS = sorted(
    path
    for pattern in (
        "include/**/*.py", "include/**/*.sql", "include/**/*.yml", "dags/*.py", "plugins/*.py", "docs/decisions/*.md",
        "docs/runbooks/*.md",
    )
    for path in ROOT.glob(pattern)
    if not any(path == example or example in path.parents for example in EXAMPLES)
)  # fmt: skip


def room_of(path: Path) -> str:
    """The first folder (or module) below include/."""
    return path.relative_to(INCLUDE).parts[0].removesuffix(".py")


def name_module(path: Path) -> str:
    """The dotted name of a module."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


@cache
def read_tree(path: Path) -> ast.Module:
    """A parsed file."""
    return ast.parse(path.read_text(encoding="utf-8"))


@cache
def imported_modules(path: Path, *, top_level_only: bool = False, with_types: bool = False) -> tuple[str, ...]:
    """Absolute names imported by a file; those only for type checking if asked."""
    tree = read_tree(path)
    nodes = list(tree.body) if top_level_only else list(ast.walk(tree))
    guarded = {
        id(child)
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test)
        for child in ast.walk(node)
    }
    names: list[str] = []
    for node in nodes:
        if id(node) in guarded and not with_types:
            continue
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            names += [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
    return tuple(names)


def for_each(paths: list[Path]) -> Callable[[Callable[[Path], None]], Callable[[], None]]:
    """One test of all files, which lists those that break the rule; a test for each would take five times as long."""

    def decorate(check: Callable[[Path], None]) -> Callable[[], None]:
        def test() -> None:
            problems = []
            for path in paths:
                try:
                    check(path)
                except AssertionError as problem:
                    problems.append(str(problem).split("\nassert ")[0])
            assert not problems, "\n".join(problems)

        return test

    return decorate


def test_the_library_was_found() -> None:
    assert len(MODULES) > 50
    assert {room_of(path) for path in MODULES} >= {
        *FLOW,
        *AROUND,
        "warehouse",
        "orchestration",
        "governance",
        "registry",
    }


@for_each(MODULES)
def test_only_the_orchestration_room_imports_airflow(path: Path) -> None:
    found = {name.split(".")[0] for name in imported_modules(path)} & ORCHESTRATORS
    assert not found or room_of(path) == "orchestration", (
        f"{path} imports {sorted(found)}: move that code to include/orchestration/ and pass plain values in."
    )


@for_each(MODULES)
def test_arrows_point_one_way(path: Path) -> None:
    room = room_of(path)
    targets = {name.split(".")[1] for name in imported_modules(path) if name.startswith("include.")}
    if room in FLOW:
        later = set(FLOW[FLOW.index(room) + 1 :]) & targets
        assert not later, f"{path} imports {sorted(later)}, which come later in the flow: turn the arrow around."
    forbidden = set(AROUND[: AROUND.index(room)] if room in AROUND else AROUND)
    if room not in {"orchestration", *AROUND}:
        forbidden.add("orchestration")
    assert not targets & forbidden, f"{path} imports {sorted(targets & forbidden)}: the library does not need them."
    if room in SHARED_ROOMS - {"registry"}:
        outside = targets - SHARED_ROOMS
        assert not outside, f"{path} is shared by all rooms and may not import {sorted(outside)}."


@for_each(MODULES)
def test_only_orchestration_notifies(path: Path) -> None:
    room, targets = (
        room_of(path),
        {name.split(".")[1] for name in imported_modules(path) if name.startswith("include.")},
    )
    assert "notifications" not in targets or room in {"notifications", "orchestration"}, (
        f"{path} notifies by itself: return the fact, and let include/orchestration tell it."
    )
    assert room != "notifications" or targets <= SHARED_ROOMS | {"notifications"}, (
        f"{path} imports {sorted(targets - SHARED_ROOMS)}: messages are made of plain facts."
    )


def test_no_modules_import_each_other_in_a_circle() -> None:
    names = {name_module(path) for path in MODULES}
    graph = {
        name_module(path): {
            target
            for target in imported_modules(path, with_types=True)
            if target in names and target != name_module(path)
        }
        for path in MODULES
    }
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        pytest.fail(f"these import each other in a circle: {' → '.join(error.args[1])}")


@for_each([path for path in MODULES if room_of(path) not in OWN_PROCESS])
def test_heavy_libraries_are_imported_where_they_are_used(path: Path) -> None:
    heavy = {name.split(".")[0] for name in imported_modules(path, top_level_only=True)} & HEAVY
    assert not heavy, f"{path} imports {sorted(heavy)} at the top: move the import into the function that uses it."


@for_each(MODULES)
def test_module_names_say_what_is_inside(path: Path) -> None:
    assert path.stem not in VAGUE_NAMES, f"{path}: name the module after its concept."
    assert ast.get_docstring(read_tree(path)), f"{path} has no docstring."


@for_each(LIBRARY_TEXTS)
def test_the_library_knows_no_example(path: Path) -> None:
    found = [
        f"line {number}: {match.group()!r}"
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1)
        for match in EXAMPLE_WORDS.finditer(line)
    ]
    assert not found, f"{path.relative_to(ROOT)} speaks of an example: {'; '.join(found[:5])}. Say entity, row, label …"


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
