"""What the demo and the command line see of the examples' files."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path

import pytest

from include.errors import SourceError
from include.example.deliveries import MIN_SAMPLE, check_sample, read_deliveries, write_deliveries
from include.example.panel import MARKER

LAST_DAY = date(2026, 11, 18)  # a Wednesday


def test_what_was_written_is_read_back(tmp_path: Path) -> None:
    written = write_deliveries(tmp_path, LAST_DAY, 2, sample=20)
    assert read_deliveries(tmp_path) == written
    assert written.last_day == LAST_DAY
    assert written.replay_days == (LAST_DAY - timedelta(days=1), LAST_DAY)
    assert written.history_to == LAST_DAY - timedelta(days=2)
    assert "361 days" in written.description
    assert "2026-11-18" in written.description


@pytest.mark.parametrize("content", [None, "", '{"arguments": {}, "summary": null, "files": null}'])
def test_a_folder_without_the_files_says_how_to_write_them(tmp_path: Path, content: str | None) -> None:
    if content is not None:
        (tmp_path / MARKER).write_text(content)
    with pytest.raises(SourceError, match=r"Write them first: python -m include\.example --folder"):
        read_deliveries(tmp_path)


def test_a_sample_too_small_to_judge_from_is_refused() -> None:
    check_sample(None)
    check_sample(MIN_SAMPLE)
    for sample in (0, -5, MIN_SAMPLE - 1):
        with pytest.raises(SourceError, match=rf"--households must be at least {MIN_SAMPLE}.*gates\.yml"):
            check_sample(sample)
