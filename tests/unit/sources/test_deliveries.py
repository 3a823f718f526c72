"""Which deliveries of files there are, and what is missing."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path

import pytest

from include.settings.sources import SourceSettings
from include.sources.deliveries import SourceOpener, find_missing_days, find_snapshots, list_days
from include.sources.source import Deliveries

DAY = date(2026, 3, 9)


@pytest.fixture
def sales_files(settings: SourceSettings, tmp_path: Path) -> Deliveries:
    """What is delivered of sales."""
    return SourceOpener(settings, tmp_path).open("sales")


def touch(root: Path, *names: str) -> None:
    for name in names:
        (root / name).parent.mkdir(exist_ok=True)
        (root / name).touch()


def test_a_window_holds_both_ends() -> None:
    assert list_days(DAY, DAY) == [DAY]
    assert len(list_days(DAY, DAY + timedelta(days=30))) == 31


def test_only_files_with_a_real_day_in_their_name_count(sales_files: Deliveries, tmp_path: Path) -> None:
    touch(
        tmp_path, "sales/2026-03-09.parquet", "sales/2026-03-01.parquet", "sales/2026-02-30.parquet",
        "sales/2026-03-10.parquet.part", "sales/old-2026-03-10.parquet", "sales/2026-03-10.csv",
    )  # fmt: skip

    assert sales_files.find_days(date.min, date.max) == [date(2026, 3, 1), DAY]
    assert sales_files.find_days(date(2026, 3, 2), DAY) == [DAY]
    assert sales_files.find_days(date(2026, 3, 1), date(2026, 3, 8)) == [date(2026, 3, 1)]


def test_a_folder_that_does_not_exist_has_delivered_nothing(sales_files: Deliveries) -> None:
    assert sales_files.find_days(date.min, date.max) == []
    assert find_missing_days(sales_files, DAY, DAY) == [DAY]
    assert "holds no file" in str(sales_files.explain_missing([DAY]))


def test_what_is_missing_is_said_with_what_is_there(sales_files: Deliveries, tmp_path: Path) -> None:
    touch(tmp_path, "sales/2026-03-01.parquet", "sales/2026-03-02.parquet", "sales/2026-03-09.parquet.part")
    missing = [DAY + timedelta(days=number) for number in range(6)]

    message = str(sales_files.explain_missing(missing))

    assert "Source 'sales': 6 day(s) missing, for 2026-03-09, 2026-03-10," in message
    assert f"2026-03-13 ...; expected {tmp_path}/sales/2026-03-09.parquet. " in message
    assert "Its files are of 2026-03-01 to 2026-03-02. Nearest name there: 2026-03-09.parquet.part." in message


def test_the_snapshots_of_a_window_are_those_within_and_the_newest_before(
    sales_files: Deliveries, tmp_path: Path
) -> None:
    touch(tmp_path, *(f"sales/2026-{day}.parquet" for day in ("02-01", "03-01", "03-09", "03-20")))
    before, march, monday = date(2026, 2, 1), date(2026, 3, 1), date(2026, 3, 9)

    assert find_snapshots(sales_files, DAY, DAY) == [monday]
    assert find_snapshots(sales_files, monday - timedelta(days=1), DAY) == [march, monday]
    assert find_snapshots(sales_files, date(2026, 1, 1), march) == [before, march]
    assert find_snapshots(sales_files, date(2026, 1, 1), date(2026, 1, 1)) == []


def test_a_path_stands_below_the_root(settings: SourceSettings, tmp_path: Path) -> None:
    visits = SourceOpener(settings, tmp_path).open("visits")

    assert visits.describe(DAY) == str(tmp_path / "visits" / "2026-03-09.csv")
    assert visits.fetch(DAY, Path("unused")) == tmp_path / "visits" / "2026-03-09.csv"
