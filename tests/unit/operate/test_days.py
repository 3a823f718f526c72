"""Which days `make run` loads."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from include.errors import SourceError
from include.operate.days import find_days
from include.settings.section import load_section
from include.settings.sources import SourceSettings
from tests.unit.ingestion.conftest import SOURCES

FIRST, LAST = date(2026, 3, 2), date(2026, 3, 9)


@pytest.fixture
def settings() -> SourceSettings:
    """A plant's sources, several of them files."""
    return load_section(SOURCES, SourceSettings, "development")


@pytest.fixture
def root(tmp_path: Path, settings: SourceSettings) -> Path:
    """A folder with files of two sources: one begins earlier, the other ends later."""
    one, other = [source.path for source in settings.sources.values() if source.kind == "files"][:2]
    for pattern, day in ((one, FIRST), (one, date(2026, 3, 5)), (other, date(2026, 3, 4)), (other, LAST)):
        path = tmp_path / pattern.replace("{day}", day.isoformat())
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    return tmp_path


def test_the_days_are_those_of_all_files(settings: SourceSettings, root: Path) -> None:
    assert find_days(settings, root, None, None) == (FIRST, LAST)


def test_an_end_that_is_asked_for_wins(settings: SourceSettings, root: Path) -> None:
    assert find_days(settings, root, date(2026, 3, 4), None) == (date(2026, 3, 4), LAST)
    assert find_days(settings, root, None, date(2026, 3, 4)) == (FIRST, date(2026, 3, 4))
    assert find_days(settings, root, date(2020, 1, 1), date(2020, 1, 2)) == (date(2020, 1, 1), date(2020, 1, 2))


def test_days_that_end_before_they_begin_are_refused(settings: SourceSettings, root: Path) -> None:
    with pytest.raises(SourceError, match="FROM_DAY 2026-03-04 is after TO_DAY 2026-03-03"):
        find_days(settings, root, date(2026, 3, 4), date(2026, 3, 3))


def test_without_files_the_days_have_to_be_named(settings: SourceSettings, root: Path, tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="nobody knows which days"):
        find_days(settings, tmp_path / "empty", None, None)
    with pytest.raises(SourceError, match=r"from 2026-03-10 on.*make run FROM_DAY"):
        find_days(settings, root, date(2026, 3, 10), None)
