"""What a start looks like: plain lines where nobody watches, a live table on a terminal."""

from __future__ import annotations

import io

from include.local.console import StartDisplay, format_table
from include.local.supervisor import StartStep


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


def test_elsewhere_each_component_is_one_line_when_it_is_healthy() -> None:
    stream = io.StringIO()
    with StartDisplay(stream) as display:
        display(StartStep("mlflow", "starting", 0.0, "http://127.0.0.1:15000"))
        display(StartStep("mlflow", "healthy", 2.345, "http://127.0.0.1:15000"))
        display(StartStep("broken", "failed", 0.5))
    assert stream.getvalue().splitlines() == [
        "✔ mlflow                 healthy    2.3 s  http://127.0.0.1:15000",
        "✘ broken                 failed     0.5 s",
    ]


def test_on_a_terminal_the_table_ends_with_the_last_state() -> None:
    stream = Terminal()
    with StartDisplay(stream) as display:
        display(StartStep("mlflow", "starting", 0.0))
        display(StartStep("mlflow", "healthy", 2.0, "http://127.0.0.1:15000"))
    last = [line for line in stream.getvalue().splitlines() if "mlflow" in line][-1]
    assert "healthy" in last
    assert "http://127.0.0.1:15000" in last


def test_a_table_is_aligned_and_has_no_trailing_blanks() -> None:
    text = format_table(("name", "pid"), [("mlflow", 12), ("a-longer-name", "-")])
    assert text.splitlines() == ["name           pid", "mlflow         12", "a-longer-name  -"]
