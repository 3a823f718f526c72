"""The verbs: all of them explained, and a Python that really runs."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from include.settings import PROJECT_ROOT

pytestmark = pytest.mark.skipif(
    shutil.which("make") is None or not (PROJECT_ROOT / "Makefile").exists(),
    reason="needs make and the Makefile (the Astro image has no make)",
)
VERBS = [
    "help", "setup", "up", "status", "down", "logs", "dbt", "dbt-docs", "adopt", "drop-examples", "new-source",
    "check", "new-model", "run", "rollback", "traffic", "notify-test",
    "demo", # (examples line)
    "test", "test-all", "lint", "format", "bench", "lock", "clean",
]  # fmt: skip


def run_make(folder: Path, *arguments: str, path: str | None = None) -> subprocess.CompletedProcess[str]:
    # Not as a part of the make that may be running these tests.
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "MFLAGS", "ARGS"))}
    if path:
        environment["PATH"] = path
    return subprocess.run(
        ["make", *arguments], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )


def add_python(folder: Path, name: str, script: str) -> None:
    """Put an executable into a folder for the PATH."""
    program = folder / name
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A folder with the Makefile and nothing installed."""
    shutil.copy(PROJECT_ROOT / "Makefile", tmp_path)
    (tmp_path / "requirements.lock").touch()
    script = tmp_path / "include" / "commands" / "setup_venv.py"
    script.parent.mkdir(parents=True)
    shutil.copy(PROJECT_ROOT / "include" / "commands" / "setup_venv.py", script)
    return tmp_path


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A PATH of this test's own, with the few programs that make's recipes need."""
    folder = tmp_path / "bin"
    folder.mkdir()
    for name in ("make", "sh", "test", "echo", "uname"):
        found = shutil.which(name)
        if found:
            (folder / name).symlink_to(found)
    return folder


def test_help_explains_every_verb(project: Path) -> None:
    lines = run_make(project, "help").stdout.splitlines()
    explained = dict(re.fullmatch(r"  make ([\w-]+)\s+(.+)", line).groups() for line in lines)  # type: ignore[union-attr]
    assert list(explained) == VERBS
    assert run_make(project).stdout.splitlines() == lines


def test_a_shim_that_fails_is_passed_over(project: Path, path: Path) -> None:
    add_python(path, "python3.12", "exit 127")
    add_python(path, "python3.11", f'exec {sys.executable} "$@"')
    plan = run_make(project, "-n", "setup", path=str(path)).stdout
    assert f'"{path}/python3.11" -m include.commands.setup_venv' in plan


def test_another_version_is_passed_over(project: Path, path: Path) -> None:
    add_python(path, "python3", "exit 1")
    add_python(path, "python", f'exec {sys.executable} "$@"')
    assert f'"{path}/python" -m' in run_make(project, "-n", "setup", path=str(path)).stdout


def test_without_any_python_the_message_says_what_to_do(project: Path, path: Path) -> None:
    failed = run_make(project, "run", path=str(path))
    assert failed.returncode != 0
    assert "No Python 3.11 or 3.12 was found" in failed.stdout
    assert "make run PYTHON=/path/to/python3.12" in failed.stdout


def test_a_named_python_is_used(project: Path, path: Path) -> None:
    plan = run_make(project, "-n", "setup", "PYTHON=/opt/python/bin/python3.12", path=str(path)).stdout
    assert '"/opt/python/bin/python3.12" -m include.commands.setup_venv' in plan


def install(project: Path) -> None:
    """Pretend that everything was installed: one package, and the stamp that make setup leaves."""
    (project / ".venv" / "bin").mkdir(parents=True)
    (project / ".venv" / "bin" / "python").symlink_to(sys.executable)
    (packages_of(project) / "numpy-1.26.4.dist-info").mkdir(parents=True)
    code = "import setup_venv, json; setup_venv.STAMP.write_text(json.dumps(setup_venv.read_fingerprint()))"
    subprocess.run([sys.executable, "-c", code], cwd=project / "include" / "commands", check=True)


def packages_of(project: Path) -> Path:
    return project / ".venv" / "lib" / "python3.11" / "site-packages"


# What is typed for each verb, and what Python is to be told of it.
TYPED = {
    "adopt": ("FROM", "NAME", "ENTITY", "EVENTS", "ALSO", "LABEL", "OWNER", "TRAINER", "TIME", "TIME_ZONE"),
    "new-source": ("FROM", "NAME"),
    "new-model": ("NAME", "ENTITY", "EVENTS", "ALSO", "LABEL", "GROUP", "OWNER", "TRAINER", "APPROVERS"),
    "check": ("MODEL",),
    "run": ("FROM_DAY", "TO_DAY", "MODEL"),
    "traffic": ("MODEL",),
    "bench": ("NAME",),
}
PLACED = {("adopt", "FROM"), ("new-source", "FROM"), ("new-model", "NAME"), ("bench", "NAME")}
"""Words without an option's name in front."""


@pytest.fixture
def told(project: Path) -> Callable[..., list[str]]:
    """What Python is told when make is called; make may not fail, nor leave anything behind."""
    (project / ".venv" / "bin").mkdir(parents=True)
    script = "import json, sys; print(json.dumps(sys.argv[1:]))"
    add_python(project / ".venv" / "bin", "python", f'exec "{sys.executable}" -c \'{script}\' "$@"')

    def call(*arguments: str) -> list[str]:
        before = sorted(project.iterdir())
        done = run_make(project, *arguments)
        assert done.returncode == 0, done.stderr
        assert sorted(project.iterdir()) == before
        words: list[str] = json.loads(done.stdout.splitlines()[-1])
        return words

    return call


@pytest.mark.parametrize("verb", TYPED)
def test_variables_of_the_shell_that_were_not_typed_mean_nothing(
    told: Callable[..., list[str]], monkeypatch: pytest.MonkeyPatch, verb: str
) -> None:
    for name in TYPED[verb]:
        monkeypatch.setenv(name, "from-the-shell")
    assert "from-the-shell" not in " ".join(told(verb))
    assert told(verb, f"{TYPED[verb][0]}=typed")[-1] == expect(verb, "typed")[0]


def expect(verb: str, value: str) -> list[str]:
    """The words of a command, all of whose values are one."""
    return [value if (verb, name) in PLACED else f"--{name.lower().replace('_', '-')}={value}" for name in TYPED[verb]]


@pytest.mark.parametrize("verb", TYPED)
def test_every_verb_is_told_what_was_typed(told: Callable[..., list[str]], verb: str) -> None:
    value = """a 'b' "c" `touch ran` $(touch ran) $(shell touch ran) $$HOME $ \\ ; * # é"""
    words = told(verb, *(f"{name}={value}" for name in TYPED[verb]))
    assert words[-len(TYPED[verb]) :] == expect(verb, value)


@pytest.mark.parametrize(
    "value",
    [
        "/data/my files", "sum of price$ in 7 days", 'a "quoted" word', "o'clock", "`touch ran`", "$(touch ran)",
        "$(shell touch ran)", "a; touch ran", "a\\", "two\nlines", "--yes", "a=b", "$",
    ],
)  # fmt: skip
def test_what_was_typed_arrives_as_it_was_typed(told: Callable[..., list[str]], value: str) -> None:
    assert told("new-source", f"FROM={value}", f"NAME={value}")[-2:] == expect("new-source", value)


def test_what_was_typed_does_not_run_while_packages_are_installed(project: Path) -> None:
    add_python(project, "python-to-use", 'test "$2" = include.commands.setup_venv')
    value = '`touch ran` $(touch ran) $(shell touch ran) " $$'
    done = run_make(project, "install", f"PYTHON={project}/python-to-use", f"LABEL={value}")
    assert done.returncode == 0, done.stderr
    assert not (project / "ran").exists()


def test_what_was_typed_empty_is_not_told(told: Callable[..., list[str]]) -> None:
    assert told("adopt", "FROM=", "NAME=", "LABEL=no orders")[1:] == ["include.adopt.adopt", "--label=no orders"]


def test_arguments_are_words_after_what_was_typed(told: Callable[..., list[str]]) -> None:
    words = told("new-model", "NAME=lapse", 'ARGS=--write --seen "a b"')
    assert words[1:] == ["include.adopt.new_model", "lapse", "--write", "--seen", "a b"]


def plan(project: Path, verb: str = "test") -> str:
    """What make would do, and what it says."""
    done = run_make(project, "-n", verb)
    return done.stdout + done.stderr


def test_what_is_installed_is_not_installed_again(project: Path) -> None:
    install(project)
    # A checkout gives the lock file another time and the same content.
    os.utime(project / "requirements.lock", (2e9, 2e9))
    assert "-m include.commands.setup_venv" not in plan(project)


def change_lock(project: Path) -> None:
    (project / "requirements.lock").write_text("numpy==2.0")


def change_version(project: Path) -> None:
    (packages_of(project) / "numpy-1.26.4.dist-info").rename(packages_of(project) / "numpy-2.0.dist-info")


def change_python(project: Path) -> None:
    (project / ".venv" / "lib" / "python3.11").rename(project / ".venv" / "lib" / "python3.12")


def replace_environment(project: Path) -> None:
    (project / ".venv" / ".installed").unlink()


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (change_lock, "requirements.lock has changed"),
        (change_version, "another program has installed or removed packages"),
        (change_python, "its Python is another version"),
        (replace_environment, "make setup has not finished in it"),
    ],
)
def test_what_has_changed_is_installed_and_said(project: Path, change: Callable[[Path], None], reason: str) -> None:
    install(project)

    change(project)

    said = plan(project)
    assert "-m include.commands.setup_venv" in said
    assert reason in said


def test_an_environment_whose_interpreter_is_gone_is_made_again(project: Path) -> None:
    install(project)
    (project / ".venv" / "bin" / "python").unlink()
    (project / ".venv" / "bin" / "python").symlink_to("/nowhere/python3.12")
    assert "-m include.commands.setup_venv" in plan(project)


@pytest.mark.parametrize(
    ("verb", "command"),
    [
        ("run", ".venv/bin/python -m include.operate run"),
        ("test", ".venv/bin/python -m pytest"),
        ("up", ".venv/bin/python -m include.local up"),
    ],
)
def test_arguments_are_handed_on(project: Path, verb: str, command: str) -> None:
    install(project)
    lines = run_make(project, "-n", verb, 'ARGS=--days "3"').stdout.splitlines()
    assert [line for line in lines if command in line and line.endswith('--days "3"')]


def test_compiled_modules_are_written_whatever_the_shell_says(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")
    (project / ".venv" / "bin").mkdir(parents=True)
    add_python(project / ".venv" / "bin", "python", 'echo "says [$PYTHONDONTWRITEBYTECODE]"')
    assert "says []" in run_make(project, "status").stdout
