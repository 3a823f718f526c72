"""The label of a first model is looked at where its source is: found a moment ago, or declared before."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from include.adopt.dialogue import Wishes
from include.adopt.first_label import check_first_label, find_first_files
from include.adopt.inbox import InboxSource, look_into
from include.commands import console
from include.errors import AdoptError, SettingsError, SourceError
from tests.unit.adopt.dbt_plant import House, make_house
from tests.unit.adopt.test_label_check import COLUMNS, DAY, DAYS, FIRST, HORIZON, Plant, always, often

WISHES = Wishes("lapse", "machine_id", "readings", "no readings in 7 days")
HEAD = ",".join(COLUMNS)


@pytest.fixture
def house(tmp_path: Path) -> House:
    """Settings without models."""
    return make_house(tmp_path)


@pytest.fixture
def plant(tmp_path: Path) -> Plant:
    """Readings of every machine on every day."""
    plant = Plant(tmp_path / "sources")
    plant.write(always)
    return plant


def check(house: House, plant: Plant, wishes: Wishes = WISHES, **entries: Any) -> list[str]:
    """What is said of a source that is declared."""
    files = find_first_files(
        "readings", [], entries or {"readings": plant.content}, plant.root, "UTC", "development", plant.told.append
    )
    return check_first_label(wishes, files, house.config, "development", plant.told.append)


def check_found(house: House, plant: Plant, folder: Path) -> list[str]:
    """What is said of the readings of a folder, of which nothing is declared or placed."""
    draft = folder.parent / "draft.yml"
    draft.write_text("time_zone: UTC\nsources:\n")
    sources: list[InboxSource] = look_into(folder, draft, "development", {}, entity=["Machine"])
    files = find_first_files(sources[0].name, sources, {}, plant.root, "UTC", "development", plant.told.append)
    wishes = Wishes("lapse", "machine", sources[0].name, f"no {sources[0].name} in 7 days")
    return check_first_label(wishes, files, house.config, "development", plant.told.append)


def join_days(plant: Plant, path: Path) -> Path:
    """One file of all days of a plant, the newest rows first; its folder."""
    lines = [
        line for day in sorted(plant.root.rglob("*.csv"), reverse=True) for line in day.read_text().splitlines()[1:]
    ]
    path.parent.mkdir(parents=True)
    path.write_text("\n".join((HEAD, *lines)) + "\n")
    return path.parent


def test_what_always_happens_is_refused(house: House, plant: Plant) -> None:
    with pytest.raises(SettingsError, match=r"of 80 entities \(machine_id\).*all had readings"):
        check(house, plant)


def test_what_differs_is_said(house: House, plant: Plant) -> None:
    plant.write(often)
    assert check(house, plant)[0].startswith("✔ no readings in 7 days: so for ")


def test_of_a_source_of_another_kind_or_none_nothing_is_said(house: House, plant: Plant) -> None:
    assert check(house, plant, readings=plant.content | {"kind": "object_store"}) == []
    assert check(house, plant, pings=plant.content) == []


def test_too_few_days_are_refused(house: House, tmp_path: Path) -> None:
    plant = Plant(tmp_path / "sources")
    plant.write(often, last=28 + HORIZON)
    with pytest.raises(AdoptError, match="readings has 35 days"):
        check(house, plant)


@pytest.mark.parametrize("measures", [always, often])
def test_one_file_of_all_days_is_counted_as_files_of_each_day(house: House, tmp_path: Path, measures: Any) -> None:
    plant = Plant(tmp_path / "sources")
    plant.write(measures)
    folder = join_days(plant, tmp_path / "theirs" / "readings.csv")
    if measures is always:
        with pytest.raises(SettingsError, match=r"of 80 entities \(machine\).*all had readings"):
            check_found(house, plant, folder)
    else:
        said, expected = check_found(house, plant, folder), check(house, plant)
        assert said == [line.replace("machine_id", "machine") for line in expected]


def test_files_by_day_that_have_yet_to_be_renamed_are_counted(house: House, tmp_path: Path) -> None:
    plant = Plant(tmp_path / "theirs")
    plant.content = plant.content | {"path": "readings/{day}.csv"}
    plant.write(often)
    expected = check(house, plant)
    for path in list(plant.root.rglob("*.csv")):
        path.rename(path.with_name(f"readings_{path.stem.replace('-', '')}.csv"))
    said = check_found(house, plant, plant.root / "readings")
    assert said == [line.replace("machine_id", "machine") for line in expected]


def test_days_of_one_file_that_cannot_be_are_refused(house: House, tmp_path: Path) -> None:
    plant = Plant(tmp_path / "sources")
    plant.write(often)
    folder = join_days(plant, tmp_path / "theirs" / "readings.csv")
    with (folder / "readings.csv").open("a") as file:
        file.write("9999999,1,hall,1900-01-01T10:00:00Z,1,\n")
    with pytest.raises(SourceError, match="measured_at goes from 1900-01-01 to"):
        check_found(house, plant, folder)


@pytest.mark.parametrize(("away", "where"), [(40, "after"), (-40, "before")])
def test_few_rows_far_from_all_others_are_asked_about(house: House, tmp_path: Path, away: int, where: str) -> None:
    plant = Plant(tmp_path / "sources")
    plant.write(often)
    folder = join_days(plant, tmp_path / "theirs" / "readings.csv")
    stray = FIRST + (DAYS - 1 + away if away > 0 else away) * DAY
    with (folder / "readings.csv").open("a") as file:
        file.write(f"9999999,1,hall,{stray}T10:00:00Z,1,\n")
    with suppress(SettingsError):
        check_found(house, plant, folder)
    assert [line for line in plant.told if f"measured_at of 1 row(s) is 40 days {where} that of all others" in line]


def test_long_looks_tell_how_far_they_have_come(house: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(console.time, "monotonic", iter(range(0, 10**9, 60)).__next__)
    plant = Plant(tmp_path / "sources")
    plant.write(often)
    folder = join_days(plant, tmp_path / "theirs" / "readings.csv")
    check_found(house, plant, folder)
    assert any("rows looked at in readings.csv" in line for line in plant.told)
    assert any("the label counted" in line and "of readings.csv" in line for line in plant.told)
    check(house, plant)
    last = FIRST + (DAYS - 1) * DAY
    assert any("the label counted" in line and f"up to {last}.csv" in line for line in plant.told)
