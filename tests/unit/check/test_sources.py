"""Sources: where their files are, how they are called, whether the newest can be read, and known connections."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
import yaml

from include.check.finding import Finding
from include.check.sources import check_sources
from tests.unit.check.conftest import DAY, faults, notes, only, write_readings
from tests.unit.check.plant_project import SOURCES, load_sources

Look = Callable[..., list[Finding]]


@pytest.fixture
def look(config_dir: Path, root: Path) -> Look:
    """Checks the sources, with changes of the one that is declared, or with further ones."""

    def look_at(others: dict[str, dict] | None = None, variables: dict[str, str] | None = None, **changes) -> list:
        content = yaml.safe_load(SOURCES)
        content["sources"]["readings"] |= changes
        content["sources"] |= others or {}
        text = yaml.safe_dump(content, sort_keys=False)
        (config_dir / "sources.yml").write_text(text)
        return list(check_sources(load_sources(text), config_dir / "sources.yml", root, variables or {}))

    return look_at


def test_files_that_are_as_declared_are_fine(look: Look) -> None:
    found = look()

    assert {one.mark for one in found} == {"fine"}
    assert any(f"3 file(s), of {DAY} to {DAY + timedelta(days=2)}" in one.message for one in found)


def test_a_folder_elsewhere_than_root_is_found(look: Look, root: Path, tmp_path: Path) -> None:
    shutil.move(root / "readings", tmp_path / "deliveries" / "readings")
    (root / "other").mkdir()

    found = only(faults(look(critical=False)))

    assert f"there is no folder {root / 'readings'}" in found.message
    assert f"files named like it are in {tmp_path / 'deliveries' / 'readings'}" in found.message
    assert "root" in found.remedy
    assert found.place.key == "sources.readings.path"
    assert found.place.line is not None


def test_a_folder_of_another_name_within_root_is_found(look: Look, root: Path) -> None:
    (root / "readings").rename(root / "measurements")

    assert f"are in {root / 'measurements'}" in only(faults(look())).message


def test_a_folder_that_is_nowhere_stops_a_critical_source_only(look: Look, root: Path) -> None:
    shutil.rmtree(root)

    assert "there is no folder" in only(faults(look())).message
    assert not faults(look(critical=False))
    assert "there is no folder" in only(notes(look(critical=False))).message


def test_the_local_folder_that_nothing_was_delivered_to_is_no_fault(
    look: Look, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ORRERY_HOME", str(root.parent))
    shutil.rmtree(root)

    found = look()

    assert not faults(found)
    assert "nothing has been delivered" in only(notes(found)).message


@pytest.mark.parametrize("name", ["20260305.csv", "2026_03_05.csv", "2026-03-05.csv.gz", "2026-03-05.csv.part"])
def test_names_that_do_not_match_are_named(look: Look, root: Path, name: str) -> None:
    (root / "readings" / name).write_text("machine_id,heat,measured_at\n")

    found = look()

    assert not faults(found)
    assert name in only(notes(found)).message


def test_only_names_that_do_not_match_are_a_fault(look: Look, root: Path) -> None:
    (root / "readings").rename(root / "old")
    (root / "readings").mkdir()
    for number in (2, 3):
        shutil.copy(next((root / "old").iterdir()), root / "readings" / f"2026030{number}.csv")
    shutil.rmtree(root / "old")

    found = only(faults(look()))

    assert "holds no file named like {day}.csv, but 20260302.csv, 20260303.csv" in found.message
    assert "2026-01-31.csv" in found.remedy


def test_files_of_another_source_and_notes_are_no_strangers(look: Look, root: Path) -> None:
    (root / "readings" / "README.txt").write_text("about")
    (root / "readings" / ".hidden-2026-03-02.csv").write_text("")
    (root / "readings" / f"{DAY}.jsonl").write_text('{"machine_id": "m1", "heat": 1, "measured_at": "x"}\n')
    other = {**yaml.safe_load(SOURCES)["sources"]["readings"], "path": "readings/{day}.jsonl", "format": "jsonl"}

    found = look({"again": other})

    assert [one.subject for one in found if one.mark != "fine"] == ["again"]  # its moment is none
    assert not notes(found)


def test_an_empty_folder_is_worth_knowing(look: Look, root: Path) -> None:
    shutil.rmtree(root / "readings")
    (root / "readings").mkdir()

    found = look()

    assert not faults(found)
    assert "holds no file named like" in only(notes(found)).message


@pytest.mark.parametrize(
    ("content", "reason", "key"),
    [
        ("machine_id,warmth,measured_at\nm1,1,2026-03-04T08:00:00Z\n", "column 'heat' is missing", "heat"),
        ("machine_id,heat,measured_at,extra\nm1,1,2026-03-04T08:00:00Z,2\n", "'extra' are not declared", ""),
        ("machine_id,heat,measured_at\nm1,hot,2026-03-04T08:00:00Z\n", "line 2 holds 'hot'", "heat"),
        ("machine_id;heat;measured_at\nm1;1;2026-03-04T08:00:00Z\n", "delimiter", ""),
        ("machine_id,heat,measured_at\n", "it has columns but no rows", ""),
        ("", "it is empty (0 bytes)", ""),
        ("\x1f\x8b not really packed", "cannot be read", ""),
    ],
)
def test_the_newest_file_is_read_as_ingestion_reads_it(
    look: Look, root: Path, config_dir: Path, content: str, reason: str, key: str
) -> None:
    newest = root / "readings" / f"{DAY + timedelta(days=2)}.csv"
    newest.write_text(content, encoding="latin-1")

    found = only(faults(look()))

    assert reason in found.message
    assert newest.name in found.message
    if key:
        lines = (config_dir / "sources.yml").read_text().splitlines()
        assert lines[(found.place.line or 0) - 1].strip().startswith(f"{key}:")


def test_of_older_files_the_columns_are_read_and_no_rows(look: Look, root: Path) -> None:
    oldest = root / "readings" / f"{DAY}.csv"
    header = oldest.read_text().splitlines()[0]
    oldest.write_text(f"{header}\nnothing\n")
    assert {one.mark for one in look()} == {"fine"}

    oldest.write_text("machine_id,warmth,measured_at\nm1,1,2026-03-02T08:00:00Z\n")
    found = look()

    assert not faults(found)  # it may be loaded already
    assert (
        f"1 of 2 older file(s) would be refused: {oldest.name}: column 'heat' is missing" in only(notes(found)).message
    )


def test_days_that_lack_between_the_first_and_the_last_are_named(look: Look, root: Path) -> None:
    (root / "readings" / f"{DAY + timedelta(days=1)}.csv").unlink()

    found = only(notes(look()))

    assert f"1 day(s) between have none: {DAY + timedelta(days=1)}" in found.message
    assert "a run stops at such a day" in found.message
    assert "a run goes on without such a day" in only(notes(look(critical=False))).message


def test_a_snapshot_that_begins_after_the_daily_files_is_worth_knowing(look: Look, root: Path) -> None:
    write_readings(root / "machines", 1)
    (root / "machines" / f"{DAY}.csv").rename(root / "machines" / f"{DAY + timedelta(days=1)}.csv")
    machines = {**yaml.safe_load(SOURCES)["sources"]["readings"], "path": "machines/{day}.csv", "grain": "snapshot"}

    found = only(notes(look({"machines": machines})))

    assert found.subject == "machines"
    assert f"{DAY} or earlier" in found.remedy

    (root / "machines" / f"{DAY + timedelta(days=1)}.csv").rename(root / "machines" / f"{DAY}.csv")
    assert not notes(look({"machines": machines}))


def test_a_snapshot_need_not_come_every_day(look: Look, root: Path) -> None:
    (root / "readings" / f"{DAY + timedelta(days=1)}.csv").unlink()

    assert {one.mark for one in look(grain="snapshot")} == {"fine"}


def test_names_that_are_spelt_nearly_so_are_named(look: Look, root: Path) -> None:
    for path in sorted((root / "readings").iterdir()):
        path.rename(path.with_name(f"reading-{path.name}"))
    (root / "readings" / "readings_20260305.csv").write_text("machine_id,heat,measured_at\n")
    (root / "readings" / "total.csv").write_text("n\n")

    found = only(notes(look(path="readings/reading-{day}.csv")))

    assert "1 file(s)" in found.message
    assert "readings_20260305.csv" in found.message


BUCKET = {
    "kind": "object_store", "store": "s3", "bucket": "exports", "connection": "plant.bucket", "path": "m/{day}.csv",
    "format": "csv", "grain": "snapshot", "key": ["machine_id"], "columns": {"machine_id": {"type": "string"}},
}  # fmt: skip


@pytest.mark.parametrize(
    ("value", "mark"),
    [
        (None, "note"),
        ("", "note"),
        ("aws://key:secret@", "fine"),
        ('{"conn_type": "aws"}', "fine"),
        ("s3cret", "fault"),
        ("[1]", "fault"),
    ],
)
def test_a_connection_is_known_by_its_variable(look: Look, value: str | None, mark: str) -> None:
    variables = {} if value is None else {"AIRFLOW_CONN_PLANT.BUCKET": value}

    found = only([one for one in look({"machines": BUCKET}, variables) if one.subject == "machines"])

    assert found.mark == mark
    assert "AIRFLOW_CONN_PLANT.BUCKET" in found.message
    assert "s3cret" not in found.describe()
