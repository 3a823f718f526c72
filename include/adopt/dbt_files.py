"""Reads what a dbt project holds already, and adds to its two files that are shared: its vars and its sources."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import yaml

from include.adopt.yaml_blocks import append_lines, find_node, is_block
from include.errors import SettingsError
from include.settings.section import read_yaml

PROJECT_FILE: Final = "dbt_project.yml"
SOURCES_FILE: Final = "models/staging/_sources.yml"
_SOURCES_HEAD: Final = """\
sources:
  - name: raw
    description: Published source data. Written by the ingestion hop only, after its audit.
    tables:
"""


@dataclass(frozen=True)
class DbtFiles:
    """A dbt project as it is on disk."""

    folder: Path
    described: tuple[Mapping[str, Any], ...]

    def find_model(self, name: str) -> Path | None:
        """The file of a model, wherever it is."""
        return next(iter(sorted((self.folder / "models").rglob(f"{name}.sql"))), None)

    def list_columns(self, model: str) -> list[str]:
        """The columns that a model's yml lists."""
        return [
            str(column.get("name"))
            for content in self.described
            for one in content.get("models") or []
            if one.get("name") == model
            for column in one.get("columns") or []
        ]

    def has_table(self, name: str) -> bool:
        """Whether a table is declared among the sources, under ``raw``."""
        return any(
            table.get("name") == name
            for content in self.described
            for source in content.get("sources") or []
            if source.get("name") == "raw"
            for table in source.get("tables") or []
        )

    def read_vars(self) -> dict[str, Any]:
        """The vars of the project."""
        return read_yaml(self.folder / PROJECT_FILE).get("vars") or {}

    def add_vars(self, lines: list[str]) -> str:
        """The text of the project's file with more vars.

        Raises:
            SettingsError: its vars are not a block that lines can be added to.
        """
        text = _read_text(self.folder / PROJECT_FILE)
        node = find_node(text, "vars")
        if node is None:
            return text.rstrip("\n") + "\n\nvars:\n" + "".join(f"  {line}\n" for line in lines)
        if isinstance(node, yaml.ScalarNode) and not node.value:
            # A key without vars yet: they come on the lines behind it.
            begin = text.index("\n", node.start_mark.index) + 1
            return text[:begin] + "".join(f"  {line}\n" for line in lines) + text[begin:]
        if not isinstance(node, yaml.MappingNode) or not is_block(node):
            raise SettingsError(f"The vars of {self.folder / PROJECT_FILE} are on one line; write each on its own.")
        return append_lines(text, node, ["", *lines])

    def add_table(self, lines: list[str]) -> str:
        """The text of ``_sources.yml`` with one more table of ``raw``.

        Raises:
            SettingsError: it has no block of tables.
        """
        path = self.folder / SOURCES_FILE
        if not path.exists():
            return _SOURCES_HEAD + "".join(f"      {line}\n" for line in lines)
        text = _read_text(path)
        node = find_node(text, "sources", "raw", "tables")
        if not isinstance(node, yaml.SequenceNode) or not is_block(node):
            raise SettingsError(
                f"{path} has no source 'raw' with a list of tables, each on lines of its own; add one, and run again."
            )
        return append_lines(text, node, lines)


def read_dbt_files(folder: Path) -> DbtFiles:
    """Look at a dbt project.

    Raises:
        SettingsError: there is none, or one of its yml files cannot be read.
    """
    if not (folder / PROJECT_FILE).exists():
        raise SettingsError(f"{folder} has no {PROJECT_FILE}; run this in a project of dbt.")
    return DbtFiles(folder, tuple(_read_all(folder / "models")))


def _read_all(folder: Path) -> Iterator[Mapping[str, Any]]:
    for path in sorted((*folder.rglob("*.yml"), *folder.rglob("*.yaml"))):
        yield read_yaml(path)


def _read_text(path: Path) -> str:
    with path.open(encoding="utf-8", newline="") as file:
        return file.read()
