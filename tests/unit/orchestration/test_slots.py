"""No task sleeps in its worker slot, but for what is listed here with the reason that bounds it."""

from __future__ import annotations

import ast
from collections import defaultdict
from pathlib import Path
from typing import Final

import pytest

from include.settings import PROJECT_ROOT

BOUNDED: Final = {
    "include.rollout.canary.run_canary_step": "HELD_S of strategy_tasks.py; then the sensor gives its slot back",
    "include.rollout.staging._check_probes": "ten times the threshold of staging.health, each after its interval_s",
    "include.rollout.staging._check_ready": "staging.ready_timeout_s of rollout.yml, two minutes",
    "include.sources.http_waits.RateLimit.wait": "the pause between two requests to a source's interface",
}
"""Functions that sleep, by what bounds it."""


class CallGraph:
    """What each function, class and module names, by what is imported there; a class stands for all of its methods."""

    def __init__(self, root: Path, folders: tuple[str, ...]) -> None:
        self.named: defaultdict[str, set[str]] = defaultdict(set)
        self.sleepers: set[str] = set()
        for folder in folders:
            for path in sorted((root / folder).rglob("*.py")):
                module = ".".join(path.relative_to(root).with_suffix("").parts).removesuffix(".__init__")
                self._read(module, ast.parse(path.read_text(encoding="utf-8")))

    def _read(self, module: str, tree: ast.Module) -> None:
        known = {
            node.name: f"{module}.{node.name}"
            for node in tree.body
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
        }
        for node in ast.walk(tree):
            if isinstance(node, ast.ImportFrom) and node.module:
                known |= {alias.asname or alias.name: f"{node.module}.{alias.name}" for alias in node.names}
        for node in tree.body:
            name = known.get(getattr(node, "name", ""), module)
            if isinstance(node, ast.ClassDef):
                for method in node.body:
                    if isinstance(method, ast.FunctionDef | ast.AsyncFunctionDef):
                        self.named[name].add(f"{name}.{method.name}")
                        self._read_body(f"{name}.{method.name}", method, known)
            else:
                self._read_body(name, node, known)

    def _read_body(self, name: str, body: ast.AST, known: dict[str, str]) -> None:
        for node in ast.walk(body):
            if isinstance(node, ast.Name) and node.id in known:
                self.named[name].add(known[node.id])
            called = node.func if isinstance(node, ast.Call) else None
            is_sleep = getattr(called, "attr", getattr(called, "id", "")) == "sleep"
            if called is not None and is_sleep and not ast.unparse(called).startswith("asyncio"):
                self.sleepers.add(name)

    def find_reached(self, start: str) -> set[str]:
        """Everything that is reached from what begins with a name."""
        waiting = [name for name in self.named if name.startswith(start)]
        reached: set[str] = set()
        while waiting:
            name = waiting.pop()
            if name not in reached:
                reached.add(name)
                waiting += self.named[name]
        return reached


def test_what_sleeps_in_a_slot_is_bounded() -> None:
    graph = CallGraph(PROJECT_ROOT, ("dags", "include"))
    assert graph.sleepers & graph.find_reached("dags.") == set(BOUNDED)


@pytest.mark.parametrize("statement", ["time.sleep(36000)", "sleep(36000)", "self.clock.sleep(36000)"])
def test_a_sleep_is_found_behind_calls_and_classes(tmp_path: Path, statement: str) -> None:
    for folder in ("dags", "include"):
        (tmp_path / folder).mkdir()
    (tmp_path / "dags" / "nap.py").write_text(
        "def wire():\n    def task():\n        from include.watch import Watcher\n        Watcher().watch()\n", "utf-8"
    )
    (tmp_path / "include" / "watch.py").write_text(
        "from include.wait import wait\nclass Watcher:\n    def watch(self):\n        return wait()\n", "utf-8"
    )
    (tmp_path / "include" / "wait.py").write_text(
        f"import time\ndef wait():\n    {statement}\ndef other():\n    time.sleep(1)\n", "utf-8"
    )
    graph = CallGraph(tmp_path, ("dags", "include"))
    assert graph.sleepers & graph.find_reached("dags.") == {"include.wait.wait"}
