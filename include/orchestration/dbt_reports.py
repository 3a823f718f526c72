"""What ``dbt build`` reports of its nodes to the tasks that follow it: one XCom, written anew while nodes finish.

dbt's threads wait for nothing: a thread of the report's own collects the nodes and sends them once a second.
"""

from __future__ import annotations

import logging
import queue
import threading
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Final, NotRequired, Self, TypedDict

REPORTS: Final = "nodes"
"""XCom of the task that runs dbt: the :class:`NodeReport` of each finished node, by unique id."""

_LEVELS: Final = {"info": logging.INFO, "warn": logging.WARNING, "error": logging.ERROR}
_EVERY_S: Final = 0.25
LEFT_OUT: Final = "skipped"
"""dbt's status of a node that it left out, for one that failed before it."""

log = logging.getLogger(__name__)


class NodeReport(TypedDict):
    """What became of one node: dbt's own status and message, and the XCom that has a model's compiled SQL by its id."""

    status: str
    message: str | None
    sql: NotRequired[str]


def read_report(event: Any) -> tuple[str, NodeReport] | None:
    """The node whose end an event of dbt tells, also of a node that was left out; None for every other event.

    A test of two models that was left out because one of them failed counts as passed: it says nothing of the other.
    """
    if event.info.name != "NodeFinished":
        return None
    node = event.data.node_info
    says_nothing = node.resource_type == "test" and node.node_status == LEFT_OUT
    status = "pass" if says_nothing else node.node_status
    return node.unique_id, {"status": status, "message": event.data.run_result.message or None}


@dataclass
class BuildReports:
    """Sends reports while it is open; used as a context manager around a run of dbt.

    Args:
        push: writes an XCom, by key and value.
        project: the folder in which dbt runs, whose ``target`` has the compiled SQL.
        try_number: of the task; XComs with SQL are named by it, so that who has read one need not read it again.

    Raises:
        Exception: at its end, the first error of ``push``, unless the run of dbt has raised its own.
    """

    push: Callable[[str, Any], None]
    project: Path
    try_number: int = 1
    nodes: dict[str, NodeReport] = field(default_factory=dict)
    error: Exception | None = None
    _sent: int = 0
    _events: queue.SimpleQueue[Any] = field(default_factory=queue.SimpleQueue)
    _thread: threading.Thread | None = None

    def __enter__(self) -> Self:
        self._thread = threading.Thread(target=self._send_all, name="dbt-reports", daemon=True)
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, value: object, trace: TracebackType | None) -> None:
        self._events.put(None)
        if self._thread is not None:
            self._thread.join()
        if self.error is not None and kind is None:
            raise self.error

    def take(self, event: Any) -> None:
        """Log an event of dbt, and report it where it tells the end of a node. Called by dbt's threads."""
        if level := _LEVELS.get(event.info.level):
            log.log(level, "%s", event.info.msg)
        if (found := read_report(event)) is not None:
            self._events.put((*found, event.data.node_info.node_path))

    def _send_all(self) -> None:
        is_open = True
        while is_open:
            batch = self._wait_for_batch()
            is_open = None not in batch
            try:
                self._send([one for one in batch if one is not None])
            except Exception as error:  # raised to the caller at the end
                self.error = self.error or error

    def _wait_for_batch(self) -> list[Any]:
        """What comes within ``_EVERY_S`` seconds of the first event; None comes last."""
        batch = [self._events.get()]
        until = time.monotonic() + _EVERY_S
        with suppress(queue.Empty):
            while batch[-1] is not None:
                batch.append(self._events.get(timeout=max(0.0, until - time.monotonic())))
        return batch

    def _send(self, found: Iterable[tuple[str, NodeReport, str]]) -> None:
        """Write the compiled SQL of new models, and then the nodes: who reads of a model finds its SQL."""
        compiled = {}
        self._sent += 1
        key = f"sql.{self.try_number}.{self._sent}"
        for unique_id, report, path in found:
            self.nodes[unique_id] = report
            if unique_id.startswith("model.") and (sql := self._read_sql(unique_id, path)):
                compiled[unique_id] = sql
                self.nodes[unique_id] = {**report, "sql": key}
        if compiled:
            self.push(key, compiled)
        self.push(REPORTS, dict(self.nodes))

    def _read_sql(self, unique_id: str, path: str) -> str | None:
        file = self.project / "target" / "compiled" / unique_id.split(".")[1] / "models" / path
        return file.read_text() if path and file.is_file() else None
