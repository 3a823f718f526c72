"""What the commands show of a log."""

from __future__ import annotations

from pathlib import Path

import pytest

from include.commands.console import read_tail


@pytest.mark.parametrize("content", [None, ""])
def test_the_end_of_an_empty_log_says_so(tmp_path: Path, content: str | None) -> None:
    log = tmp_path / "some.log"
    if content is not None:
        log.write_text(content)
    assert read_tail(log) == "  (the log is empty)"


def test_the_end_of_a_long_log_is_its_end(tmp_path: Path) -> None:
    log = tmp_path / "some.log"
    log.write_text("\n".join(f"line {number}" for number in range(100)))
    assert read_tail(log, 2) == "  line 98\n  line 99"
