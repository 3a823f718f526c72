"""Which files a source has delivered."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path

from include.settings.sources import SourceSettings
from include.sources.deliveries import (
    delivery_path,
    explain_missing,
    find_delivered_days,
    find_missing_days,
    find_snapshots,
    list_days,
)

DAY = date(2026, 3, 9)


def touch(root: Path, *names: str) -> None:
    for name in names:
        (root / name).parent.mkdir(exist_ok=True)
        (root / name).touch()


def test_a_window_holds_both_ends() -> None:
    assert list_days(DAY, DAY) == [DAY]
    assert len(list_days(DAY, DAY + timedelta(days=30))) == 31


def test_only_files_with_a_real_day_in_their_name_count(settings: SourceSettings, tmp_path: Path) -> None:
    touch(
        tmp_path, "sales/2026-03-09.parquet", "sales/2026-03-01.parquet", "sales/2026-02-30.parquet",
        "sales/2026-03-10.parquet.part", "sales/old-2026-03-10.parquet", "sales/2026-03-10.csv",
    )  # fmt: skip

    assert find_delivered_days(settings.sources["sales"], tmp_path) == [date(2026, 3, 1), DAY]


def test_a_folder_that_does_not_exist_has_delivered_nothing(settings: SourceSettings, tmp_path: Path) -> None:
    source = settings.sources["sales"]

    assert find_delivered_days(source, tmp_path) == []
    assert find_missing_days(source, tmp_path, DAY, DAY) == [DAY]
    assert "holds no file" in str(explain_missing("sales", source, tmp_path, [DAY]))


def test_the_snapshots_of_a_window_are_those_within_and_the_newest_before(
    settings: SourceSettings, tmp_path: Path
) -> None:
    touch(tmp_path, *(f"sales/2026-{day}.parquet" for day in ("02-01", "03-01", "03-09", "03-20")))
    source = settings.sources["sales"]
    before, march, monday = date(2026, 2, 1), date(2026, 3, 1), date(2026, 3, 9)

    assert find_snapshots(source, tmp_path, DAY, DAY) == [monday]
    assert find_snapshots(source, tmp_path, monday - timedelta(days=1), DAY) == [march, monday]
    assert find_snapshots(source, tmp_path, date(2026, 1, 1), march) == [before, march]
    assert find_snapshots(source, tmp_path, date(2026, 1, 1), date(2026, 1, 1)) == []


def test_a_path_stands_below_the_root(settings: SourceSettings, tmp_path: Path) -> None:
    assert delivery_path(settings.sources["visits"], tmp_path, DAY) == tmp_path / "visits" / "2026-03-09.csv"
