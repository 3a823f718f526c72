"""No setting without a reader: whoever changes a key of a YAML file changes what the code does."""

from __future__ import annotations

import ast
import typing
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import BaseModel

from include.families.discovery import FAMILIES
from include.settings import PROJECT_ROOT, Settings
from include.settings.models import ModelSettings

# Sections whose keys go on together, as arguments of an estimator or as name and value, and how each is called. That
# each family's parameters reach its estimator is for tests/unit/training/test_families.py to show.
PASSED_WHOLE = {
    "SelectionWeights": "selection_weights",
    "FamilyParameters": "parameters",
    "StrategySettings": "strategies",  # by the cause of a training
    **{family.parameters.__name__: "parameters" for family in FAMILIES.values()},
}


def walk_sections(kind: object, found: dict[str, type[BaseModel]]) -> dict[str, type[BaseModel]]:
    """Every section that a section holds, by the name of its class."""
    if isinstance(kind, type) and issubclass(kind, BaseModel) and kind.__name__ not in found:
        found[kind.__name__] = kind
        for field in kind.model_fields.values():
            walk_sections(field.annotation, found)
    for part in typing.get_args(kind):
        walk_sections(part, found)
    return found


def list_reads(tree: ast.AST) -> Iterator[str]:
    """The attributes that a module reads; what a validator reads decides nothing but whether a value is taken."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.FunctionDef) and any("validator" in ast.dump(mark) for mark in node.decorator_list):
            continue
        if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Load):
            yield node.attr
        yield from list_reads(node)


@pytest.fixture(scope="module")
def reads() -> set[str]:
    """The attributes that the project's code reads; tests and benchmarks are no readers."""
    paths = [path for room in ("include", "dags", "plugins") for path in (PROJECT_ROOT / room).rglob("*.py")]
    return {name for path in paths for name in list_reads(ast.parse(path.read_text(encoding="utf-8")))}


def test_every_key_has_a_reader(reads: set[str]) -> None:
    sections = walk_sections(ModelSettings, walk_sections(Settings, {}))
    assert len(sections) > 30
    assert set(PASSED_WHOLE) <= set(sections)

    unread = {
        f"{name}.{field}"
        for name, section in sections.items()
        for field in section.model_fields
        if (PASSED_WHOLE.get(name) or field) not in reads
    }

    assert unread == set(), f"Nothing reads {sorted(unread)}: use these keys, or take them out of the settings."


def test_a_key_that_only_its_validator_reads_has_no_reader() -> None:
    code = ast.parse(Path(__file__).read_text(encoding="utf-8"))
    assert "model_fields" in set(list_reads(code))
    validator = ast.parse(
        "class A:\n    @model_validator(mode='after')\n    def check(self):\n        return self.lost"
    )
    assert set(list_reads(validator)) == set()
