"""Renders the SQL of a dbt model without dbt and without a database, for a look at its columns.

``ref`` and ``source`` become tables of the schemas ``dbt`` and the source's name; the first build is rendered, for
which ``is_incremental()`` is false. What asks the database, or a package's macro, cannot be rendered.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

MODELS: Final = "dbt"
"""The schema of what ``ref`` names."""


class _ReturnedError(Exception):
    """How a macro hands back a value, as dbt does it."""

    def __init__(self, value: Any) -> None:
        self.value = value


@dataclass(frozen=True)
class _Config:
    """``config`` of a model: it says nothing while the model is rendered."""

    values: Mapping[str, Any]

    def __call__(self, *_: Any, **__: Any) -> str:
        return ""

    def get(self, name: str, default: Any = None, **_: Any) -> Any:
        return self.values.get(name, default)

    def require(self, name: str, **_: Any) -> Any:
        return self.values[name]


@dataclass
class Renderer:
    """Renders the models of one project.

    Attributes:
        variables: what ``dbt_project.yml`` sets.
    """

    manifest: Mapping[str, Any]
    variables: Mapping[str, Any]
    _macros: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        project = self.manifest.get("metadata", {}).get("project_name")
        for macro in self.manifest.get("macros", {}).values():
            if macro["package_name"] == project and not macro["name"].startswith("test_"):
                self._macros[macro["name"]] = macro["macro_sql"]

    def render(self, node: Mapping[str, Any]) -> str:
        """The SQL of one model.

        Raises:
            Exception: whatever keeps it from being rendered here.
        """
        environment = make_environment()
        environment.globals |= self._list_names(node)
        for name, code in self._macros.items():
            environment.globals[name] = self._make_macro(environment, name, code)
        return str(environment.from_string(node["raw_code"]).render())

    def _make_macro(self, environment: Any, name: str, code: str) -> Callable[..., Any]:
        def call(*values: Any, **named: Any) -> Any:
            module = environment.from_string(code).make_module()
            try:
                return getattr(module, name)(*values, **named)
            except _ReturnedError as returned:
                return returned.value

        return call

    def _list_names(self, node: Mapping[str, Any]) -> dict[str, Any]:
        """What dbt's own names mean here."""
        return {
            "ref": name_model,
            "source": name_source,
            "this": name_model(node["name"]),
            "var": lambda name, default="null": self.variables.get(name, default),
            "env_var": lambda name, default="": os.environ.get(name, default),
            "config": _Config(node["config"]),
            "is_incremental": lambda: False,
            "execute": False,
            "return": _hand_back,
            "log": lambda *_, **__: "",
            "local_md5": lambda _: "0" * 32,
            "modules": {"re": re},
            "project_name": node.get("package_name", ""),
            "model": node,
            "invocation_id": "0",
            "graph": {"nodes": self.manifest["nodes"], "sources": self.manifest["sources"]},
        }


def make_environment() -> Any:
    """Jinja as dbt has it, without dbt's own blocks."""
    from jinja2 import StrictUndefined
    from jinja2.sandbox import SandboxedEnvironment

    environment = SandboxedEnvironment(extensions=["jinja2.ext.do"], undefined=StrictUndefined)
    for name in ("as_bool", "as_number", "as_native", "as_text"):
        environment.filters[name] = lambda value: value
    return environment


def name_model(*names: str, **_: Any) -> str:
    """The table that ``ref`` names; of a package and a model, the model."""
    return f'"{MODELS}"."{names[-1]}"'


def name_source(source: str, table: str) -> str:
    """The table that ``source`` names."""
    return f'"{source}"."{table}"'


def _hand_back(value: Any = None) -> Any:
    raise _ReturnedError(value)
