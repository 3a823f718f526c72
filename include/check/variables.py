"""Which vars the dbt project reads, and which of them nobody sets: dbt finds that out when it builds, not before."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import yaml

from include.check.rendering import make_environment

_READ: Final = re.compile(r"\bvar\s*\(\s*['\"]([^'\"]+)['\"]\s*\)")


@dataclass(frozen=True, order=True)
class VariableUse:
    """A var that is read without a default, and the file that reads it, from the project's folder."""

    name: str
    file: str


def read_variables(project_dir: Path) -> dict[str, Any]:
    """The vars of ``dbt_project.yml``, which dbt could read: those of all packages, and those of the project itself."""
    content = yaml.safe_load((project_dir / "dbt_project.yml").read_text(encoding="utf-8"))
    variables = content.get("vars") or {}
    own = variables.get(content.get("name"))
    return {**variables, **own} if isinstance(own, dict) else dict(variables)


def list_uses(manifest: Mapping[str, Any]) -> list[VariableUse]:
    """What the project's models, tests, snapshots and the macros that they call read, each once for each file."""
    project, found = manifest["metadata"]["project_name"], set()
    macros = {key: one for key, one in manifest["macros"].items() if one["package_name"] == project}
    called: set[str] = set()
    for node in manifest["nodes"].values():
        if node.get("package_name") == project and node["resource_type"] != "seed":
            texts = [node.get("raw_code") or "", *_list_hooks(node)]
            found |= {VariableUse(name, node["original_file_path"]) for text in texts for name in find_reads(text)}
            called |= _follow(macros, (node.get("depends_on") or {}).get("macros") or [])
    for key in called:
        found |= {VariableUse(name, macros[key]["original_file_path"]) for name in find_reads(macros[key]["macro_sql"])}
    return sorted(found)


def find_reads(code: str) -> set[str]:
    """The names of the vars that a template reads without a default."""
    from jinja2 import TemplateSyntaxError, nodes

    try:
        tree = make_environment().parse(code)
    except TemplateSyntaxError:  # dbt's own blocks, such as {% test %}
        return set(_READ.findall(code))
    return {
        call.args[0].value
        for call in tree.find_all(nodes.Call)
        if isinstance(call.node, nodes.Name)
        and call.node.name == "var"
        and len(call.args) == 1
        and not call.kwargs
        and isinstance(call.args[0], nodes.Const)
    }


def _list_hooks(node: Mapping[str, Any]) -> Iterator[str]:
    for kind in ("pre-hook", "post-hook"):
        for hook in node["config"].get(kind) or []:
            yield hook["sql"] if isinstance(hook, Mapping) else str(hook)


def _follow(macros: Mapping[str, Any], keys: list[str]) -> set[str]:
    """The project's macros that are called, and those that they call."""
    found, waiting = set(), [key for key in keys if key in macros]
    while waiting:
        key = waiting.pop()
        if key not in found:
            found.add(key)
            waiting += [one for one in macros[key]["depends_on"]["macros"] if one in macros]
    return found
