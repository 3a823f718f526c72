"""The shop's files made from the panel."""

from __future__ import annotations

import json
import os
from datetime import date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pyarrow.parquet as pq
import pytest
from pyarrow import csv

from include.errors import SourceError
from include.example import panel
from include.example.panel import PanelSummary, sample_households, write_shop_sources
from include.settings import load_settings
from include.settings.sources import SourceSettings
from include.sources.deliveries import SourceOpener
from include.sources.source import Deliveries
from tests.unit.sources.whole import read_source

LAST_DAY = date(2026, 11, 22)  # a Sunday, as the panel's last day is
PANEL = {
    "transactions": 1_469_307,
    "coupon_redemptions": 2_102,
    "products": 92_331,
    "households": 801,
    "campaigns": 6_589,
}


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, PanelSummary]:
    """The whole panel, written once."""
    folder = tmp_path_factory.mktemp("shop")
    return folder, write_shop_sources(folder, LAST_DAY, 14)


def file_times(folder: Path) -> dict[Path, int]:
    return {path: path.stat().st_mtime_ns for path in folder.rglob("*") if path.is_file()}


def open_files(settings: SourceSettings, name: str, folder: Path) -> Deliveries:
    return SourceOpener(settings, folder).open(name)


def test_every_row_of_the_panel_is_written_and_readable_as_declared(whole: tuple[Path, PanelSummary]) -> None:
    folder, summary = whole
    settings = load_settings(environment="development").sources

    assert summary.rows == PANEL
    assert summary.households == 2_469
    files = {name: rows for name, rows in PANEL.items() if settings.sources[name].kind == "files"}
    assert len(files) > 1  # the others are read in test_system_server.py
    for name, rows in files.items():
        last = summary.last_day if settings.sources[name].grain == "daily" else summary.first_day
        found = read_source(settings, name, open_files(settings, name, folder), summary.first_day, last)
        assert found.table.num_rows == rows
        if settings.sources[name].grain == "daily":
            assert len(found.deliveries) == summary.days == 365
            assert found.table.column("day").equals(found.table.column("batch_day"))


def test_the_days_of_the_replay_end_on_the_last_day(whole: tuple[Path, PanelSummary]) -> None:
    _, summary = whole

    assert summary.replay_days == tuple(LAST_DAY - timedelta(days=13 - number) for number in range(14))
    assert summary.history_to == summary.replay_days[0] - timedelta(days=1)
    assert summary.first_day == LAST_DAY - timedelta(days=summary.days - 1)
    assert summary.open_days == summary.days - 1  # the shop was closed on Christmas day


@pytest.mark.parametrize(
    "last_day",
    [*(LAST_DAY - timedelta(days=offset) for offset in range(1, 7)), date(2028, 2, 29), date(2026, 10, 31)],
    ids=str,
)
def test_a_last_day_in_the_week_drops_the_panels_last_days(tmp_path: Path, last_day: date) -> None:
    summary = write_shop_sources(tmp_path, last_day, 3, households=20)

    assert summary.last_day == last_day
    assert summary.days == 358 + last_day.isoweekday()
    for name in ("transactions", "coupon_redemptions"):
        days = sorted(date.fromisoformat(path.stem) for path in (tmp_path / name).iterdir())
        assert days == [last_day - timedelta(days=summary.days - 1 - number) for number in range(summary.days)]
    filled = [path for path in (tmp_path / "transactions").iterdir() if pq.read_metadata(path).num_rows]
    assert len(filled) == summary.open_days


def test_wall_clocks_are_kept(whole: tuple[Path, PanelSummary]) -> None:
    folder, summary = whole
    zone = ZoneInfo("America/New_York")

    first = pq.read_table(folder / "transactions" / f"{summary.first_day}.parquet").slice(0, 1).to_pylist()[0]

    # The panel's first purchase: 2017-01-01 11:53:26 UTC, 06:53:26 in the shop.
    assert first["transaction_timestamp"].astimezone(zone).replace(tzinfo=None) == datetime(2025, 11, 23, 6, 53, 26)
    assert first["household_id"] == 900


def test_a_closed_day_says_why_it_is_empty_and_a_day_without_redemptions_has_its_header(
    whole: tuple[Path, PanelSummary],
) -> None:
    folder, summary = whole
    christmas = date(2017, 12, 25) + timedelta(days=summary.shift_days)

    closed = pq.read_table(folder / "transactions" / f"{christmas}.parquet")

    assert closed.num_rows == 0
    assert closed.schema.metadata[b"empty_because"] == b"the shop was closed"
    header = (folder / "coupon_redemptions" / f"{christmas}.csv").read_text()
    assert header.split() == ['"household_id","coupon_upc","campaign_id","redemption_date"']


def test_the_same_arguments_write_nothing_again(whole: tuple[Path, PanelSummary]) -> None:
    folder, summary = whole
    before = file_times(folder)

    again = write_shop_sources(folder, LAST_DAY, 14)

    assert again == summary
    assert file_times(folder) == before


def test_files_that_are_gone_or_cut_short_are_written_again(tmp_path: Path) -> None:
    write_shop_sources(tmp_path, LAST_DAY, 3, households=10)
    whole = {path: path.stat().st_size for path in tmp_path.rglob("*.*")}
    gone, *_, cut = sorted((tmp_path / "transactions").iterdir())

    for damage in (gone.unlink, lambda: os.truncate(cut, 10)):
        damage()
        write_shop_sources(tmp_path, LAST_DAY, 3, households=10)
        assert {path: path.stat().st_size for path in tmp_path.rglob("*.*")} == whole


def test_other_arguments_write_everything_again(tmp_path: Path) -> None:
    write_shop_sources(tmp_path, LAST_DAY, 3, households=20)

    summary = write_shop_sources(tmp_path, LAST_DAY - timedelta(days=7), 3, households=10)

    names = sorted(path.name for path in (tmp_path / "transactions").iterdir())
    assert summary.households == 10
    assert (names[0], names[-1]) == (f"{summary.first_day}.parquet", "2026-11-15.parquet")
    assert len(names) == 365


def test_an_interrupted_write_is_done_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*arguments: object) -> int:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(panel, "_write_redemptions", fail)
        with pytest.raises(KeyboardInterrupt):
            write_shop_sources(tmp_path, LAST_DAY, 3, households=10)
    assert not list((tmp_path / "coupon_redemptions").iterdir())

    summary = write_shop_sources(tmp_path, LAST_DAY, 3, households=10)

    assert len(list((tmp_path / "coupon_redemptions").iterdir())) == 365
    assert summary.rows["households"] > 0


def test_files_of_somebody_else_are_left_alone(tmp_path: Path) -> None:
    own = tmp_path / "transactions" / "2026-11-22.parquet"
    own.parent.mkdir()
    own.write_bytes(b"mine")

    with pytest.raises(SourceError, match="not made from the panel"):
        write_shop_sources(tmp_path, LAST_DAY, 3, households=10)

    assert own.read_bytes() == b"mine"


def read_households(folder: Path) -> list[int]:
    """The households of all rows of a folder's files."""
    found = []
    for path in sorted(folder.iterdir()):
        table = pq.read_table(path) if path.suffix == ".parquet" else csv.read_csv(path)
        found += table.column("household_id").to_pylist()
    return found


def test_a_sample_is_the_same_every_time_and_closed(tmp_path: Path) -> None:
    first = write_shop_sources(tmp_path / "one", LAST_DAY, 3, households=15)
    second = write_shop_sources(tmp_path / "two", LAST_DAY, 3, households=15)

    assert first == second
    assert first.households == 15
    kept: set[int] = set()
    for name in ("transactions", "households", "campaigns", "coupon_redemptions"):
        one, two = (read_households(tmp_path / folder / name) for folder in ("one", "two"))
        assert one == two
        kept = kept or set(one)
        assert set(one) <= kept
    assert len(kept) == 15


def test_a_sample_is_spread_and_grows_by_addition() -> None:
    small, large = sample_households(range(1, 2501), 50), sample_households(range(1, 2501), 100)

    assert set(small) < set(large)
    assert min(large) < 250
    assert max(large) > 2250


def test_the_summary_goes_to_json_and_back(whole: tuple[Path, PanelSummary]) -> None:
    _, summary = whole

    assert PanelSummary.from_json(json.loads(json.dumps(summary.to_json()))) == summary


@pytest.mark.parametrize(("replay_days", "households"), [(-1, None), (301, None), (3, 0)])
def test_impossible_arguments_are_refused(tmp_path: Path, replay_days: int, households: int | None) -> None:
    with pytest.raises(SourceError, match="Choose other numbers"):
        write_shop_sources(tmp_path, LAST_DAY, replay_days, households)
