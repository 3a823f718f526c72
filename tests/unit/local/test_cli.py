"""The command line: exit codes and what it says."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import types
from pathlib import Path

import pytest

from include.local import cli
from include.local.credentials import ensure_credentials
from include.local.home import StackHome
from include.local.stack import Stack
from include.settings import PROJECT_ROOT


def test_status_where_nothing_runs_says_how_to_start(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["status", "--home", str(tmp_path / "new")]) == 1
    assert capsys.readouterr().out == f"No stack runs in {tmp_path / 'new'}. Start it with: make up\n"


def test_down_where_nothing_runs_is_fine(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["down", "--home", str(tmp_path / "new")]) == 0
    assert "No stack runs" in capsys.readouterr().out


def test_an_error_is_one_message_and_exit_code_1(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").write_text("")
    assert cli.main(["up", "--home", str(tmp_path / "file")]) == 1
    said = capsys.readouterr().out
    assert said.startswith(f"✘ The stack's folder {tmp_path / 'file'} cannot be written")
    assert "Traceback" not in said


def test_ctrl_c_is_exit_code_130(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def press_ctrl_c(_: StackHome) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(cli, "find_stack", press_ctrl_c)
    assert cli.main(["up", "--home", str(tmp_path)]) == 130
    assert capsys.readouterr().out == "Interrupted.\n"


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


def test_the_demo_gets_its_own_options_and_the_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[object] = []
    demo = types.ModuleType("include.demo.run")
    demo.add_arguments = lambda parser: parser.add_argument("--days", type=int)  # type: ignore[attr-defined]
    demo.run_from_arguments = lambda options, home: seen.append((options.days, home)) or 7  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "include.demo.run", demo)
    monkeypatch.setattr("include.demo.run", demo, raising=False)
    assert cli.main(["demo", "--days", "3", "--home", str(tmp_path)]) == 7
    assert seen == [(3, tmp_path)]


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
