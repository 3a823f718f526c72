"""The command line: exit codes and what it says."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from include.commands.console import run_command
from include.errors import StackError
from include.local import cli
from include.local.credentials import ensure_credentials
from include.local.home import StackHome
from include.local.layout import Stack
from include.local.startup import StartStep
from include.settings import CONFIG_DIR, PROJECT_ROOT


def test_status_where_nothing_runs_says_how_to_start(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["status", "--home", str(tmp_path / "new")]) == 1
    assert capsys.readouterr().out == f"No stack runs in {tmp_path / 'new'}. Start it with: make up\n"


def test_down_where_nothing_runs_is_fine(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["down", "--home", str(tmp_path / "new")]) == 0
    assert "No stack runs" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("error", "code", "said"),
    [
        (StackError("The disk is full."), 1, "✘ The disk is full.\n"),
        (KeyboardInterrupt(), 130, "Interrupted.\n"),
    ],
)
def test_an_error_is_one_message_and_an_exit_code(
    error: BaseException, code: int, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail() -> int:
        raise error

    assert run_command(fail) == code
    assert capsys.readouterr().out == said


def test_sigterm_is_what_ctrl_c_is() -> None:
    assert run_command(lambda: os.kill(os.getpid(), signal.SIGTERM) or 0) == 130


@pytest.fixture(autouse=True)
def usual_sigterm() -> Iterator[None]:
    """Puts the handler of SIGTERM back."""
    before = signal.getsignal(signal.SIGTERM)
    yield
    signal.signal(signal.SIGTERM, before)


def test_each_component_is_one_line_when_it_is_up(capsys: pytest.CaptureFixture[str]) -> None:
    cli.say_step(StartStep("mlflow", "starting", 0.0, "http://127.0.0.1:15000"))
    cli.say_step(StartStep("mlflow", "healthy", 2.345, "http://127.0.0.1:15000"))
    cli.say_step(StartStep("broken", "failed", 0.5))
    assert capsys.readouterr().out.splitlines() == [
        "✔ mlflow                 healthy    2.3 s  http://127.0.0.1:15000",
        "✘ broken                 failed     0.5 s",
    ]


def test_logs_show_the_end_of_each_log(home: StackHome, capsys: pytest.CaptureFixture[str]) -> None:
    home.log("mlflow").write_text("first\nlast\n")
    home.log("airflow-api").write_text("other\n")
    assert cli.main(["logs", "mlflow", "-n", "1", "--home", str(home.path)]) == 0
    assert capsys.readouterr().out == f"── {home.log('mlflow')}\n  last\n"
    assert cli.main(["logs", "--home", str(home.path)]) == 0
    assert "other" in capsys.readouterr().out


def test_the_log_of_an_unknown_component_names_the_known_ones(
    home: StackHome, capsys: pytest.CaptureFixture[str]
) -> None:
    home.log("mlflow").write_text("")
    assert cli.main(["logs", "mlfow", "--home", str(home.path)]) == 1
    assert re.search(r"no log of mlfow .*Known: mlflow\.", capsys.readouterr().out)


def test_an_unknown_command_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as refused:
        cli.main(["start"])
    assert refused.value.code == 2
    assert "invalid choice: 'start'" in capsys.readouterr().err


def test_access_names_every_address_and_user_and_no_password(home: StackHome) -> None:
    ports = {"postgres": 1, "mlflow": 2, "model-server": 3, "airflow": 4}
    stack = Stack(home, ports, ensure_credentials(home))
    text = cli.describe_access(stack)
    for part in ("http://127.0.0.1:4", "http://127.0.0.1:2", "approver (op)", str(home.passwords_file)):
        assert part in text
    assert stack.credentials.postgres_password not in text
    assert not [secret for secret in stack.credentials.airflow_passwords.values() if secret in text]


def test_up_names_each_model_whose_file_is_wrong(
    home: StackHome, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(CONFIG_DIR, tmp_path / "config")
    (tmp_path / "config" / "models" / "wrong.yml").write_text("taks: binary")
    monkeypatch.setenv("ORRERY_CONFIG_DIR", str(tmp_path / "config"))
    ports = {"postgres": 1, "mlflow": 2, "model-server": 3, "airflow": 4}
    stack = Stack(home, ports, ensure_credentials(home))
    monkeypatch.setattr(cli, "start_stack", lambda *_: stack)
    assert cli.up(home) == 0
    assert re.search(r"✘ 1 of the declared models.*wrong\.yml.*did you mean 'task'", capsys.readouterr().out, re.DOTALL)


def test_it_runs_as_a_module(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "include.local", "down"],
        cwd=PROJECT_ROOT,
        env={**os.environ, "ORRERY_HOME": str(tmp_path / "new")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0
    assert done.stdout == f"No stack runs in {tmp_path / 'new'}.\n"
