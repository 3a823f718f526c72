"""What the demo refuses before it touches anything, and what it shows."""

from __future__ import annotations

import os
from datetime import date
from pathlib import Path
from types import SimpleNamespace

import pytest

from include.demo import run
from include.demo.options import DemoOptions, check_options, read_options
from include.demo.run import list_stages, run_demo, set_variables
from include.errors import OrreryError, SettingsError, SourceError, StackError
from include.settings.models import ModelSettings

USERS = ("admin", "scientist", "approver")


def test_what_can_work_is_accepted(tmp_path: Path, models: dict[str, ModelSettings]) -> None:
    check_options(DemoOptions(tmp_path), models, USERS)
    check_options(DemoOptions(tmp_path, days=1), {"units": models["units"]}, USERS)


@pytest.mark.parametrize("days", [0, -1])
def test_a_stream_without_a_day_is_refused(tmp_path: Path, models: dict[str, ModelSettings], days: int) -> None:
    with pytest.raises(StackError, match=r"--days must be at least 1"):
        check_options(DemoOptions(tmp_path, days=days), models, USERS)


def test_a_sample_too_small_to_judge_from_is_refused(tmp_path: Path, models: dict[str, ModelSettings]) -> None:
    with pytest.raises(SourceError, match=r"must be at least"):
        check_options(DemoOptions(tmp_path, sample=5), models, USERS)


def test_a_project_without_a_model_is_told_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(StackError, match=r"No model is declared: include/config/models.*Declare one.*git checkout"):
        check_options(DemoOptions(tmp_path), {}, USERS)


def test_a_model_that_nobody_could_approve_is_refused(tmp_path: Path, models: dict[str, ModelSettings]) -> None:
    with pytest.raises(StackError, match="Nobody could approve failures"):
        check_options(DemoOptions(tmp_path), models, ("scientist",))


def test_a_refused_demo_leaves_no_trace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home = tmp_path / "stack"
    for options in (DemoOptions(home, days=0), DemoOptions(home, sample=10)):
        with pytest.raises(OrreryError):
            run_demo(options)
    monkeypatch.setattr(run, "load_settings", lambda: SimpleNamespace(models={}, broken_models={}))
    with pytest.raises(StackError, match="No model is declared"):
        run_demo(DemoOptions(home))
    broken = {"units": "units.yml is not valid YAML"}
    monkeypatch.setattr(run, "load_settings", lambda: SimpleNamespace(models={}, broken_models=broken))
    with pytest.raises(SettingsError, match=r"units\.yml is not valid YAML"):
        run_demo(DemoOptions(home))
    assert not home.exists()


def test_the_command_line_asks_for_everything_and_leaves_the_stack_running(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ORRERY_HOME", str(tmp_path))
    assert read_options([]) == DemoOptions(tmp_path)
    given = ["--home", "/x", "--days", "5", "--households", "1500", "--today", "2026-11-27", "--exit"]
    assert read_options(given) == DemoOptions(Path("/x"), 5, 1500, date(2026, 11, 27), is_exiting=True)


def test_a_day_that_is_none_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        read_options(["--today", "yesterday"])
    assert "'yesterday' is no day such as 2026-03-09" in capsys.readouterr().err


def test_each_model_has_a_stage_for_each_hop_and_each_day() -> None:
    stages = list_stages(["failures", "units"], days=2)
    names = [stage.name for stage in stages]
    assert len(names) == len(set(names))
    assert [stage.name for stage in stages if stage.model == "units"] == [
        "units.train_candidates",
        "units.deploy_model",
        "units.score_batch",
        "units.monitor_model",
        "units.replay_day_1",
        "units.replay_day_2",
    ]
    assert [stage.name for stage in stages if stage.model is None] == [
        "write_sources", "start_stack", "ingest_sources", "build_features", "replay_day_1", "replay_day_2",
    ]  # fmt: skip


def test_variables_are_set_for_the_block_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ORRERY_TODAY", "2026-01-01")
    monkeypatch.delenv("ORRERY_DBT_TARGET", raising=False)
    with pytest.raises(KeyError), set_variables({"ORRERY_TODAY": "2026-11-27", "ORRERY_DBT_TARGET": "/x"}):
        assert (os.environ["ORRERY_TODAY"], os.environ["ORRERY_DBT_TARGET"]) == ("2026-11-27", "/x")
        raise KeyError
    assert os.environ["ORRERY_TODAY"] == "2026-01-01"
    assert "ORRERY_DBT_TARGET" not in os.environ
