"""What a dbt model is made from, and what is made from it, as dbt's manifest says."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class ModelLineage:
    """Tables around a dbt model by their distance to it.

    Attributes:
        upstream: the farthest level first, so that each name stands right of all that it is made from; sources are
            ``schema.table``.
        downstream: the dbt models that read it directly.
    """

    upstream: tuple[tuple[str, ...], ...]
    downstream: tuple[str, ...]


def trace_model(manifest: Mapping[str, Any], name: str) -> ModelLineage:
    """The lineage of a dbt model; empty where the manifest does not know it."""
    nodes = {**manifest.get("sources", {}), **manifest["nodes"]}
    start = next((key for key, node in nodes.items() if _is_model(node) and node["name"] == name), None)
    if start is None:
        return ModelLineage((), ())
    levels: dict[str, int] = {}
    frontier, level = _list_parents(nodes, start), 1
    while frontier and level <= len(nodes):  # the longest way counts; dbt has no circles
        levels |= dict.fromkeys(frontier, level)
        frontier = list(dict.fromkeys(parent for key in frontier for parent in _list_parents(nodes, key)))
        level += 1
    upstream = [
        tuple(sorted(_name_node(nodes[key]) for key, own in levels.items() if own == depth))
        for depth in range(max(levels.values(), default=0), 0, -1)
    ]
    downstream = sorted(node["name"] for node in nodes.values() if _is_model(node) and start in _list_reads(node))
    return ModelLineage(tuple(upstream), tuple(downstream))


def _is_model(node: Mapping[str, Any]) -> bool:
    return node.get("resource_type") == "model"


def _list_reads(node: Mapping[str, Any]) -> list[str]:
    return list((node.get("depends_on") or {}).get("nodes") or ())


def _list_parents(nodes: Mapping[str, Any], key: str) -> list[str]:
    return [parent for parent in _list_reads(nodes[key]) if parent in nodes]


def _name_node(node: Mapping[str, Any]) -> str:
    return f"{node['schema']}.{node['name']}" if node.get("resource_type") == "source" else str(node["name"])
