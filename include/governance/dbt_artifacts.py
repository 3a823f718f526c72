"""What dbt wrote down about a run: which nodes ran, what they read and built, how their tests ended.

Read from ``manifest.json`` (v12) and ``run_results.json`` (v6), which hold the truth however dbt was
started (https://schemas.getdbt.com).
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from include.warehouse.names import TableName

BUILT_TYPES: Final = ("model", "seed", "snapshot")
_RAN: Final = ("success", "error", "partial success")


@dataclass(frozen=True)
class NodeRun:
    """One model, seed or snapshot that ran.

    Attributes:
        failure: dbt's message where it failed, else None.
        sql: the compiled query; empty for seeds.
        rows: rows written, where the adapter says so.
    """

    unique_id: str
    table: TableName
    inputs: tuple[TableName, ...]
    started_at: datetime
    ended_at: datetime
    failure: str | None
    sql: str
    description: str
    rows: int | None


@dataclass(frozen=True)
class CheckRun:
    """One data test that ran, and the tables that it looked at.

    Attributes:
        severity: ``error`` (stops what depends on the table) or ``warn``.
        failures: rows that broke it.
    """

    unique_id: str
    name: str
    kind: str
    tables: tuple[TableName, ...]
    column: str | None
    is_passed: bool
    severity: str
    failures: int | None
    ended_at: datetime


@dataclass(frozen=True)
class DbtRun:
    """The two artifacts of one dbt invocation."""

    manifest: Mapping[str, Any]
    results: Mapping[str, Any]

    @property
    def invocation_id(self) -> str:
        """dbt's own id of the run."""
        return str(self.results["metadata"]["invocation_id"])

    def list_builds(self) -> Iterator[NodeRun]:
        """The models, seeds and snapshots that ran, in the order in which they ended."""
        for result in self.results["results"]:
            node = self.manifest["nodes"].get(result["unique_id"], {})
            if node.get("resource_type") in BUILT_TYPES and result["status"] in _RAN:
                yield self._read_build(node, result)

    def list_checks(self) -> Iterator[CheckRun]:
        """The data tests that ran to an end."""
        for result in self.results["results"]:
            node = self.manifest["nodes"].get(result["unique_id"], {})
            if node.get("resource_type") == "test" and result["status"] in ("pass", "fail", "warn", "error"):
                yield self._read_check(node, result)

    def _read_build(self, node: Mapping[str, Any], result: Mapping[str, Any]) -> NodeRun:
        started_at, ended_at = self._read_times(result)
        rows = (result.get("adapter_response") or {}).get("rows_affected")
        return NodeRun(
            unique_id=node["unique_id"],
            table=name_relation(node),
            inputs=tuple(dict.fromkeys(self._list_inputs(node))),
            started_at=started_at,
            ended_at=ended_at,
            failure=None if result["status"] == "success" else str(result.get("message") or "dbt gave no reason"),
            sql=result.get("compiled_code") or node.get("compiled_code") or "",
            description=node.get("description") or "",
            rows=rows if isinstance(rows, int) and rows >= 0 else None,
        )

    def _read_check(self, node: Mapping[str, Any], result: Mapping[str, Any]) -> CheckRun:
        attached = node.get("attached_node")
        looked_at = [attached] if attached else node["depends_on"]["nodes"]
        return CheckRun(
            unique_id=node["unique_id"],
            name=node["name"],
            kind=(node.get("test_metadata") or {}).get("name") or "custom_sql",
            tables=tuple(dict.fromkeys(table for uid in looked_at for table in self._list_relations(uid))),
            column=_find_column(node),
            is_passed=result["status"] == "pass",
            severity=str(node["config"].get("severity") or "error").lower(),
            failures=result.get("failures"),
            ended_at=self._read_times(result)[1],
        )

    def _list_inputs(self, node: Mapping[str, Any]) -> Iterator[TableName]:
        for unique_id in (node.get("depends_on") or {}).get("nodes") or []:
            yield from self._list_relations(unique_id)

    def _list_relations(self, unique_id: str) -> Iterator[TableName]:
        """The tables or views behind a node; those behind its inputs where it is ephemeral itself."""
        source = self.manifest["sources"].get(unique_id)
        node = self.manifest["nodes"].get(unique_id)
        if source is not None:
            yield TableName(source["schema"], source["identifier"])
        elif node is not None and node["config"].get("materialized") == "ephemeral":
            yield from self._list_inputs(node)
        elif node is not None and node["resource_type"] in BUILT_TYPES:
            yield name_relation(node)

    def _read_times(self, result: Mapping[str, Any]) -> tuple[datetime, datetime]:
        """When a node started and ended; nodes that failed early have no timing, the run then stands in."""
        fallback = self.results["metadata"]["generated_at"]
        times = [time for time in result.get("timing") or [] if time.get("completed_at")]
        started = times[0]["started_at"] if times else fallback
        ended = times[-1]["completed_at"] if times else fallback
        return datetime.fromisoformat(started), datetime.fromisoformat(ended)


def _find_column(test: Mapping[str, Any]) -> str | None:
    """The column that a test is of; None for one of several columns, or of the whole table."""
    columns = ((test.get("test_metadata") or {}).get("kwargs") or {}).get("columns") or []
    return test.get("column_name") or (columns[0] if len(columns) == 1 else None)


def name_relation(node: Mapping[str, Any]) -> TableName:
    """The table that a model, seed or snapshot builds."""
    return TableName(node["schema"], node["alias"])


def load_run(target: Path) -> DbtRun:
    """Read the artifacts out of dbt's target folder.

    Raises:
        OSError: they are not there: dbt did not get as far as running anything.
        ValueError: one of them is not JSON.
    """
    return DbtRun(
        manifest=json.loads((target / "manifest.json").read_text(encoding="utf-8")),
        results=json.loads((target / "run_results.json").read_text(encoding="utf-8")),
    )
