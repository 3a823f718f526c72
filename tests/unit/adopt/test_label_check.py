"""A label that always or never happens is found in the files of the events, before a model is made."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from include.adopt.event_features import LOOKBACKS
from include.adopt.event_files import find_declared_files
from include.adopt.event_rows import EventReader
from include.adopt.label_check import check_label
from include.adopt.label_dates import find_label_cutoffs
from include.adopt.model_request import ModelRequest
from include.errors import SettingsError, SourceError
from include.settings import CONFIG_DIR
from include.settings.models import load_shared
from include.settings.section import check_section
from include.settings.source_kinds import FileSource
from include.settings.training import TrainingSettings

FIRST = date(2026, 1, 5)
DAY = timedelta(days=1)
HORIZON = 7
COLUMNS: dict[str, Any] = {
    "reading_no": {"type": "int64"},
    "Machine": {"type": "int64", "publish_as": "machine_id"},
    "hall": {"type": "string"},
    "measured_at": {"type": "timestamp"},
    "heat": {"type": "float64", "nullable": True},
    "noise": {"type": "float64", "nullable": True},
}
Row = dict[str, Any]
Measure = Callable[[int, int], bool]


def load_training() -> TrainingSettings:
    shared = load_shared(CONFIG_DIR)["training"]
    return check_section(shared.find_values("binary", "development"), TrainingSettings, "development", "training")


TRAINING = load_training()
DAYS = LOOKBACKS[0] + 3 * HORIZON + (TRAINING.min_training_cutoffs - 1) * TRAINING.training_cutoff_spacing_days + 14
CUTOFFS = find_label_cutoffs([FIRST + n * DAY for n in range(DAYS)], HORIZON, TRAINING, LOOKBACKS[0])
assert CUTOFFS is not None
DATES = (CUTOFFS.train[-1], CUTOFFS.validation, CUTOFFS.test)


@dataclass
class Plant:
    """Daily files of what machines measure, and their source."""

    root: Path
    told: list[str] = field(default_factory=list)
    content: dict[str, Any] = field(
        default_factory=lambda: {
            "kind": "files", "path": "readings/{day}.csv", "format": "csv", "grain": "daily", "key": ["reading_no"],
            "event_column": "measured_at", "columns": COLUMNS,
        }
    )  # fmt: skip

    def write(self, measures: Measure, change: Callable[[Row], Row] = lambda row: row, last: int = DAYS) -> None:
        """A file for each day: a row of each of 80 machines that measures on it."""
        for number in range(last):
            rows = [self._make_row(machine, number) for machine in range(80) if measures(machine, number)]
            self.write_day(FIRST + number * DAY, [change(row) for row in rows])

    def write_day(self, day: date, rows: list[Row]) -> None:
        """One file; those of an absolute path are elsewhere than the root."""
        path = self.root / self.content["path"].replace("{day}", str(day))
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, list(COLUMNS))
            writer.writeheader()
            writer.writerows(rows)

    def remove(self, day: date) -> None:
        """As if it had not come."""
        (self.root / self.content["path"].replace("{day}", str(day))).unlink()

    def check(self, label: str, *entity: str) -> str:
        """What is said, one a line."""
        source = check_section(self.content, FileSource, "development", "sources.yml")
        request = ModelRequest("lapse", entity or ("machine_id",), "readings", label)
        files = find_declared_files("readings", source, self.root, "UTC")
        return "\n".join(check_label(request, files, CONFIG_DIR, "development", self.told.append))

    def refuse(self, label: str, *entity: str) -> str:
        """What is refused."""
        with pytest.raises(SettingsError) as caught:
            self.check(label, *entity)
        return str(caught.value)

    @staticmethod
    def _make_row(machine: int, number: int) -> Row:
        day = FIRST + number * DAY
        return {
            "reading_no": number * 100 + machine, "Machine": machine, "hall": f"hall {machine % 2}, \"left\"",
            "measured_at": f"{day}T10:00:00Z", "heat": (machine + number) % 5, "noise": "",
        }  # fmt: skip


@pytest.fixture
def plant(tmp_path: Path) -> Plant:
    """Without files."""
    return Plant(tmp_path / "sources")


def always(machine: int, number: int) -> bool:
    return True


def once(machine: int, number: int) -> bool:
    """Each of them on one day, spread over all days, and never again."""
    return machine == number % 80 and number // 80 == machine % 2


def often(machine: int, number: int) -> bool:
    """The higher its number, the rarer a machine measures; the last ones stop now and then for weeks."""
    return number % (machine // 8 + 1) == 0


def test_a_label_that_differs_is_taken_and_its_spread_is_said(plant: Plant) -> None:
    plant.write(often)
    said = plant.check("no readings in 7 days")
    machines = sum(
        any(often(machine, (DATES[-1] - FIRST).days - back) for back in range(1, 15)) for machine in range(80)
    )
    assert f"of {machines} entities (machine_id) as of {DATES[-1]}" in said
    assert said.startswith("✔ no readings in 7 days: so for ")


@pytest.mark.parametrize("label", ["no readings in 7 days", "readings in 7 days"])
def test_what_always_happens_is_refused(plant: Plant, label: str) -> None:
    plant.write(always)
    said = plant.refuse(label)
    assert f"of 80 entities (machine_id) with readings in the 14 days before {DATES[-1]}, all had readings" in said
    assert f"as of {DATES[0]} (80) and {DATES[1]} (80)" in said
    assert "Look at fewer days" in said


@pytest.mark.parametrize("label", ["no readings in 7 days", "readings in 7 days", "count in 7 days"])
def test_what_never_happens_is_refused(plant: Plant, label: str) -> None:
    plant.write(once)
    assert "none had readings in the 7 days from then on" in plant.refuse(label)


def test_a_count_that_is_the_same_for_all_is_refused(plant: Plant) -> None:
    plant.write(always)
    assert "each had 7 readings in the 7 days from then on" in plant.refuse("count in 7 days")


def test_a_sum_that_is_always_zero_is_refused(plant: Plant) -> None:
    plant.write(often, lambda row: row | {"heat": 0})
    assert "heat adds up to 0 for each" in plant.refuse("sum of heat in 7 days")


def test_a_sum_of_what_is_never_known_is_refused(plant: Plant) -> None:
    plant.write(often)
    assert "no noise is known of any" in plant.refuse("sum of noise in 7 days")
    assert "0 to " in plant.check("sum of heat in 7 days")


def test_one_class_at_a_date_and_two_over_three_are_taken_and_asked_about(plant: Plant) -> None:
    # Half of them go away after the first of the three dates: all that are active at the second one stay.
    turn = (DATES[0] - FIRST).days
    plant.write(lambda machine, number: machine < 40 or number < turn)
    said = plant.check("no readings in 7 days", "Machine")
    assert "please confirm: as of" in said
    assert "only 0 of 40 entities (Machine) have the rarer value" in said
    assert f"needs {TRAINING.min_split_count} in each split" in said


def test_an_entity_of_two_keys_is_one_thing(plant: Plant) -> None:
    # At each date each machine moves to another hall: none comes back to one in which it was.
    def move(row: Row) -> Row:
        moves = sum(row["reading_no"] // 100 >= (day - FIRST).days for day in DATES)
        return row | {"hall": f'moved {moves}, "left"'}

    plant.write(always, move)
    halls = {sum(day >= one for one in DATES) for day in (DATES[-1] - back * DAY for back in range(1, 15))}
    said = plant.refuse("no readings in 7 days", "hall", "machine_id")
    assert f"of {80 * len(halls)} entities (hall, machine_id)" in said
    assert "none had readings" in said
    assert "all had readings" in plant.refuse("no readings in 7 days", "machine_id")


def test_rows_without_a_key_do_not_count(plant: Plant) -> None:
    # What has no hall never comes back; what has one always does.
    plant.content = plant.content | {"columns": COLUMNS | {"hall": {"type": "string", "nullable": True}}}
    plant.write(always, lambda row: row | {"hall": "" if row["Machine"] % 2 else "north"})
    said = plant.refuse("no readings in 7 days", "Machine", "hall")
    assert "of 40 entities (Machine, hall)" in said
    assert "all had readings" in said


def test_without_any_key_there_is_nothing_to_predict(plant: Plant) -> None:
    plant.content = plant.content | {"columns": COLUMNS | {"hall": {"type": "string", "nullable": True}}}
    plant.write(always, lambda row: row | {"hall": ""})
    assert "there is nothing to predict. Deliver newer readings" in plant.refuse("no readings in 7 days", "hall")


def test_a_day_without_a_file_moves_the_dates(plant: Plant) -> None:
    # Nobody measures after the newest date, of which a day was lost: the date before it has a label, and two values.
    plant.write(lambda machine, number: often(machine, number) and number < (DATES[-1] - FIRST).days)
    plant.remove(DATES[-1] + 6 * DAY)
    assert f"as of {DATES[-1]}" not in plant.check("no readings in 7 days")


def test_rows_that_come_late_count(plant: Plant) -> None:
    # A day was lost, so that the newest horizon ends before it; files that come afterwards bring rows of its last day.
    plant.content = plant.content | {"allowed_lateness_days": 7}
    lost = DAYS - 4
    newest = FIRST + (lost - HORIZON) * DAY
    plant.write(lambda machine, number: number < lost - HORIZON)
    plant.remove(FIRST + lost * DAY)
    said = f"so for {{}} of 80 entities (machine_id) as of {newest}"
    assert said.format(0) in plant.check("readings in 7 days")
    plant.write_day(FIRST + (lost + 2) * DAY, [Plant._make_row(machine, lost - 1) for machine in range(40)])
    assert said.format(40) in plant.check("readings in 7 days")


def test_files_that_stay_elsewhere_are_read(plant: Plant, tmp_path: Path) -> None:
    plant.content = plant.content | {"path": str(tmp_path / "theirs" / "readings_{day}.csv")}
    plant.write(always)
    assert not plant.root.exists()
    assert "all had readings" in plant.refuse("no readings in 7 days")


def test_of_too_few_days_or_no_files_nothing_is_said(plant: Plant) -> None:
    assert plant.check("no readings in 7 days") == ""
    plant.write(always, last=LOOKBACKS[-1] + 2 * HORIZON)
    assert plant.check("no readings in 7 days") == ""


def test_a_snapshot_has_no_events_to_count(plant: Plant) -> None:
    plant.content = plant.content | {"grain": "snapshot"}
    plant.write(always)
    assert plant.check("heat") == ""


def test_a_file_that_cannot_be_read_is_named(plant: Plant) -> None:
    plant.write(always)
    (plant.root / "readings" / f"{DATES[-1]}.csv").write_text("reading_no,hall\n1,a\n")
    with pytest.raises(SourceError, match=rf"{DATES[-1]}\.csv: column 'Machine' is missing"):
        plant.check("no readings in 7 days")


def test_no_other_days_are_read_than_those_that_count(plant: Plant, monkeypatch: pytest.MonkeyPatch) -> None:
    plant.write(often)
    read, days = EventReader.read, []

    def note(reader: EventReader, path: Path, first: date, last: date) -> Iterator[Any]:
        days.append(date.fromisoformat(path.stem))
        return read(reader, path, first, last)

    monkeypatch.setattr(EventReader, "read", note)
    plant.check("no readings in 7 days")
    wanted = {day + offset * DAY for day in CUTOFFS.all for offset in range(-14, HORIZON)}
    assert days == sorted(wanted)
