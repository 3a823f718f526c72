"""What a long piece of work shows while it goes on."""

from __future__ import annotations

import io
import re

import pytest
from rich.console import Console

from include.operate.progress import Progress, Stage


def make_progress(*, is_live: bool) -> Progress:
    return Progress("The demo", [Stage("ingest", "ingest"), Stage("train", "train")], is_live=is_live)


def read_plain(capsys: pytest.CaptureFixture[str]) -> list[str]:
    return [re.sub(r"[\d.]+ s", "N s", line) for line in capsys.readouterr().out.splitlines()]


def test_elsewhere_than_on_a_terminal_each_change_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    with make_progress(is_live=False) as progress, progress.run("ingest") as stage:
        progress.tell(stage, "1/2 tasks · land[products]")
        progress.tell(stage, "1/2 tasks · land[products]")
        progress.tell(stage, "2/2 tasks")
    assert read_plain(capsys) == [
        "The demo",
        "▶ ingest",
        "  ingest: 1/2 tasks · land[products]",
        "  ingest: 2/2 tasks",
        "✔ ingest: 2/2 tasks (N s)",
    ]


def test_a_finished_stage_keeps_its_time() -> None:
    progress = make_progress(is_live=False)
    ingest, train = progress.stages
    assert (ingest.state, ingest.elapsed_s) == ("waiting", None)
    with progress.run("ingest") as stage:
        assert stage is ingest
        assert ingest.state == "running"
        assert ingest.elapsed_s is not None
    assert ingest.state == "done"
    assert ingest.seconds is not None
    assert ingest.elapsed_s == ingest.seconds
    assert train == Stage("train", "train")


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_an_exception_marks_the_stage_and_goes_on_its_way(
    error: type[BaseException], capsys: pytest.CaptureFixture[str]
) -> None:
    progress = make_progress(is_live=False)
    with pytest.raises(error), progress.run("train") as stage:
        progress.tell(stage, "fit[xgboost]")
        raise error
    assert progress.stages[1].state == "failed"
    assert progress.stages[1].seconds is not None
    assert read_plain(capsys)[-1] == "✘ train: fit[xgboost] (N s)"


def draw(progress: Progress) -> str:
    console = Console(file=io.StringIO(), record=True, width=100)
    console.print(progress._draw())
    return console.export_text()


def test_the_live_table_has_a_line_for_each_stage_and_swallows_no_brackets() -> None:
    progress = make_progress(is_live=True)
    with progress.run("ingest") as stage:
        progress.tell(stage, "land[bold], land[/red]")
        shown = [line.split() for line in draw(progress).splitlines()]
    assert shown[0] == ["The", "demo"]
    assert shown[2][:4] == ["▶", "ingest", "land[bold],", "land[/red]"]
    assert shown[3] == ["·", "train"]
    assert draw(progress).splitlines()[2].startswith(" ✔  ingest")


def test_on_a_terminal_it_is_drawn_over_and_over_without_plain_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    terminal = Terminal()
    monkeypatch.setattr("sys.stdout", terminal)
    monkeypatch.setenv("TERM", "xterm")
    with make_progress(is_live=True) as progress, progress.run("ingest") as stage:
        progress.tell(stage, "land[products]")
    assert "\x1b[" in terminal.getvalue()
    assert "land[products]" in terminal.getvalue()
    assert "  ingest: land[products]" not in terminal.getvalue()


def test_a_stage_that_is_not_needed_says_why(capsys: pytest.CaptureFixture[str]) -> None:
    with make_progress(is_live=False) as progress:
        progress.skip("train", "nothing new")
    assert read_plain(capsys)[-1] == "– train: nothing new"
    assert progress.stages[1].state == "skipped"
    assert progress.total_s == 0.0


def test_nothing_is_drawn_while_a_person_types(monkeypatch: pytest.MonkeyPatch) -> None:
    console = Console(file=io.StringIO(), force_terminal=True, width=100)
    monkeypatch.setattr("rich.live.get_console", lambda: console)
    with make_progress(is_live=True) as progress:
        with progress.pause():
            assert not progress._live.is_started
        assert progress._live.is_started
        progress.note("[units] waits for somebody")
        assert "[units] waits for somebody" in console.file.getvalue()


def test_a_note_and_a_pause_elsewhere_than_on_a_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    with make_progress(is_live=False) as progress, progress.pause():
        progress.note("waits")
    assert read_plain(capsys) == ["The demo", "waits"]
