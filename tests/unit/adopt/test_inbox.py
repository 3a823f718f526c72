"""All sources of a folder: which there are, by what their files are split, and what is declared of them."""

from __future__ import annotations

import gzip
from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq
import pytest
import yaml

from include.adopt.inbox import InboxSource, look_into
from include.adopt.placing import declare_placed, place_files
from include.errors import AdoptError, SourceError
from include.settings.section import load_section
from include.settings.sources import SourceSettings
from include.sources.deliveries import SourceOpener

ORDERS = "order_id,member_id,ordered_at,kind"


@pytest.fixture
def plant(inbox, tmp_path: Path):
    """A file of orders, a list of members, and a folder of visits by day, elsewhere than the sources' folder."""
    inbox.folder = tmp_path / "theirs"
    rows = [f"{n},{n % 40},2026-03-0{n % 5 + 1}T10:00:00Z,{'AB'[n % 2]}" for n in range(300)]
    inbox.write_csv("orders.csv", ORDERS, [row for row in rows if "03-04" not in row])
    inbox.write_csv("members.csv", "member_id,town", [f"{n},town {n % 4}" for n in range(40)])
    for day in (2, 3, 4):
        inbox.write_csv(
            f"visits/2026-03-0{day}.csv",
            "visit_id,seen_at",
            [f"{day}{n:03},2026-03-0{day}T09:00:00Z" for n in range(9)],
        )
    return inbox


def look(plant, **times: str):
    return look_into(plant.folder, plant.config, "development", times)


def take(plant, **times: str) -> list[str]:
    return place_and_declare(plant, look(plant, **times), {})


def place_and_declare(plant, sources: Sequence[InboxSource], known: Mapping[str, Any]) -> list[str]:
    said: list[str] = []
    placed = place_files(sources, plant.config.parents[1] / "inbox", known, "Europe/Berlin", said.append)
    declare_placed(placed, "orders", plant.config, "development", said.append)
    return said


def test_files_folders_and_what_happens_in_them_are_found(plant) -> None:
    found = {source.name: (source.event, source.is_undated, source.is_daily) for source in look(plant)}
    assert found == {
        "members": (None, True, False), "orders": ("ordered_at", True, True), "visits": (None, False, True),
    }  # fmt: skip


def test_what_is_taken_in_can_be_read_as_it_is_declared(plant) -> None:
    before = yaml.safe_load(plant.config.read_text())["sources"]
    take(plant)
    settings = load_section(plant.config, SourceSettings, "development")
    assert list(settings.sources) == [*before, "orders", "visits", "members"]
    opener = SourceOpener(settings, plant.config.parents[1] / "inbox")
    days = {name: opener.open(name).find_days(date.min, date.max) for name in ("orders", "members", "visits")}
    assert days["orders"] == [date(2026, 3, day) for day in range(1, 6)]
    # Known from the first event on.
    assert days["members"] == [date(2026, 3, 1)]
    assert days["visits"] == [date(2026, 3, day) for day in (2, 3, 4)]
    orders = settings.sources["orders"]
    assert (orders.grain, orders.event_column, orders.key, orders.critical) == (
        "daily",
        "ordered_at",
        ("order_id",),
        True,
    )
    assert orders.allow_empty == "if_declared"
    assert (
        (plant.config.parents[1] / "inbox" / "members" / "members-2026-03-01.csv")
        .read_text()
        .startswith("member_id,town")
    )


def read_inbox(plant) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in (plant.config.parents[1] / "inbox").rglob("*") if path.is_file()}


def test_what_is_declared_already_is_not_taken_again(plant) -> None:
    found = look(plant)
    place_and_declare(plant, found, {})
    files, text = read_inbox(plant), plant.config.read_text()
    entries = yaml.safe_load(plant.config.read_text())["sources"]
    said = place_and_declare(plant, found, {source.name: entries[source.name] for source in found})
    assert [line.partition(";")[0] for line in said] == [
        f"✔ {name} is declared already" for name in ("orders", "visits", "members")
    ]
    assert said[1].endswith(f"new ones belong to {plant.folder / 'visits'}")  # where they are declared to be
    assert (read_inbox(plant), plant.config.read_text()) == (files, text)


def test_files_are_put_in_their_place_before_anything_is_declared(plant) -> None:
    """A row without its time is found while a file is split; sources.yml is as it was then."""
    rows = [f"{n},{n % 40},2026-03-0{n % 5 + 1}T10:00:00Z,A" for n in range(300)]
    found = look(plant)
    plant.write_csv("orders.csv", ORDERS, [*rows, "300,1,,A"])
    before = plant.config.read_text()
    with pytest.raises(SourceError, match="ordered_at"):
        place_and_declare(plant, found, {})
    assert plant.config.read_text() == before


def test_only_the_source_of_the_events_is_critical(plant) -> None:
    take(plant)
    settings = load_section(plant.config, SourceSettings, "development")
    assert [name for name in ("orders", "members", "visits") if settings.sources[name].critical] == ["orders"]


def test_a_table_is_known_from_the_first_day_of_daily_files_on(plant) -> None:
    (plant.folder / "orders.csv").unlink()
    take(plant)
    assert [path.name for path in (plant.config.parents[1] / "inbox" / "members").iterdir()] == [
        "members-2026-03-02.csv"
    ]


def test_what_was_interrupted_while_it_was_declared_copies_no_table_a_second_time(plant) -> None:
    (plant.folder / "orders.csv").unlink()
    found = look(plant)
    place_and_declare(plant, found, {})
    files = read_inbox(plant)
    place_files(found, plant.config.parents[1] / "inbox", {"visits": {}}, "Europe/Berlin", lambda _: None)
    assert read_inbox(plant) == files


def test_days_in_another_form_are_copied_under_names_that_can_be_read(plant) -> None:
    for day in (1, 2):
        plant.write_csv(
            f"readings_2026030{day}.csv", "reading_id,read_at", [f"{day}{n},2026-03-0{day}" for n in range(9)]
        )
    take(plant)
    settings = load_section(plant.config, SourceSettings, "development")
    opener = SourceOpener(settings, plant.config.parents[1] / "inbox")
    assert opener.open("readings").find_days(date.min, date.max) == [date(2026, 3, 1), date(2026, 3, 2)]


def test_a_table_whose_rows_have_a_time_but_no_id_that_comes_again_is_not_split(plant) -> None:
    plant.write_csv("people.csv", "person_id,born_on,town", [f"{n},1990-01-0{n % 9 + 1},A" for n in range(60)])
    people = {source.name: source for source in look(plant)}["people"]
    assert people.event is None
    assert any("TIME=people.born_on" in question for question in people.list_questions())


def test_days_without_a_file_are_asked_about(plant) -> None:
    plant.write_csv("visits/2026-03-09.csv", "visit_id,seen_at", ["9001,2026-03-09T09:00:00Z"])
    visits = {source.name: source for source in look(plant)}["visits"]
    assert any("a file without rows for a day on which" in question for question in visits.list_questions())


def test_files_of_other_sources_are_not_left_out_and_those_of_none_are(plant) -> None:
    orders = {source.name: source for source in look(plant)}["orders"]
    assert orders.describe().startswith(f"Read {plant.folder}/orders.csv: 240 row(s)")
    assert "Left out" not in orders.describe()
    plant.write("notes.docx", "x")
    orders = {source.name: source for source in look(plant)}["orders"]
    assert "Left out: 1 other file(s) of the folder." in orders.describe()


def test_two_times_that_could_be_meant_are_named(plant) -> None:
    plant.write_csv("orders.csv", f"{ORDERS},sent_on", [f"{n},1,2026-03-01T10:00:00Z,A,2026-03-02" for n in range(9)])
    with pytest.raises(
        AdoptError, match=r"orders: which of ordered_at, sent_on says.*TIME=orders\.ordered_at.*orders\.none"
    ):
        look(plant)
    assert {source.name: source.event for source in look(plant, orders="sent_on")}["orders"] == "sent_on"
    assert {source.name: source.event for source in look(plant, orders="none")}["orders"] is None


def test_what_is_said_to_be_predicted_for_need_not_look_like_an_id(plant) -> None:
    rows = [f"{n},p{n % 9},2026-03-0{n % 5 + 1}T10:00:00Z" for n in range(90)]
    plant.write_csv("stays.csv", "stay_id,patient,began_at", rows)
    assert {source.name: source.event for source in look(plant)}["stays"] is None
    told = look_into(plant.folder, plant.config, "development", {}, entity=("patient",))
    assert {source.name: source.event for source in told}["stays"] == "began_at"


def test_a_time_that_is_none_is_refused_with_those_that_are(plant) -> None:
    with pytest.raises(AdoptError, match=r"orders: 'kind' cannot say when a row happened; it can be: ordered_at"):
        look(plant, orders="kind")


def test_files_that_disagree_are_refused(plant) -> None:
    plant.write_csv("visits/2026-03-01.csv", "visit_id,seen_at,note", ["1,2026-03-01T09:00:00Z,a"])
    with pytest.raises(
        SourceError,
        match=r"The files of visits disagree: .* 2026-03-01.csv has also note\. Have all of them delivered",
    ):
        look(plant)


@pytest.mark.parametrize("ending", ["csv", "csv.gz", "parquet"])
def test_a_file_of_many_that_disagrees_is_found_wherever_it_lies(plant, ending: str) -> None:
    for number in range(30):
        day = date(2026, 1, 1) + timedelta(days=number)
        rows = pa.table({"test_id": [number], "done_at": [f"{day}T09:00:00Z"], "mark": [number % 3]})
        _write(plant, f"tests/{day}.{ending}", rows.drop(["mark"]) if number == 20 else rows)
    with pytest.raises(SourceError, match=rf"The files of tests disagree: .*2026-01-21\.{ending} lacks mark\. "):
        look(plant)


def test_files_that_an_audit_would_refuse_for_their_days_are_refused(plant) -> None:
    for number in range(3):  # the plant's zone is Europe/Berlin
        day = date(2026, 1, 1) + timedelta(days=number)
        rows = [f"{number},{day}T12:00:00", f"{number + 50},{day}T23:30:00"]
        plant.write_csv(f"tests/{day}.csv", "test_id,done_at", rows)
    with pytest.raises(SourceError, match=r"The files of tests would be refused: 50\.0% .*TIME_ZONE=UTC"):
        look(plant)


def test_a_damaged_file_of_many_is_found_wherever_it_lies(plant) -> None:
    for number in range(30):
        day = date(2026, 1, 1) + timedelta(days=number)
        plant.write_csv(f"tests/{day}.csv", "test_id,done_at", [f"{number},{day}T09:00:00Z"])
    plant.write(f"tests/{date(2026, 1, 20)}.csv", "")
    with pytest.raises(SourceError, match=r"2026-01-20\.csv is empty") as caught:
        look(plant)
    assert "2026-01-01" not in str(caught.value)


def _write(plant, name: str, rows: pa.Table) -> None:
    if name.endswith("parquet"):
        content = pa.BufferOutputStream()
        pq.write_table(rows, content)
        plant.write(name, content.getvalue().to_pybytes())
        return
    text = pa.BufferOutputStream()
    pa_csv.write_csv(rows, text)
    content = text.getvalue().to_pybytes()
    plant.write(name, gzip.compress(content) if name.endswith("gz") else content)


def test_what_no_type_takes_is_named_with_its_file(plant) -> None:
    plant.write_json("flags.jsonl", [{"id": n, "is_on": bool(n % 2), "sizes": [n]} for n in range(9)])
    with pytest.raises(SourceError, match=r"flags.jsonl: Column 'sizes' holds list"):
        look(plant)


def test_sources_of_one_name_are_named(plant) -> None:
    plant.write_csv("orders/2026-03-02.csv", "order_id,at", ["1,2026-03-02"])
    with pytest.raises(SourceError, match="several sources called orders"):
        look(plant)


def test_a_folder_without_files_of_a_known_kind_says_which_there_are(plant, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    with pytest.raises(SourceError, match="is empty"):
        look_into(tmp_path / "other", plant.config, "development", {})
    (tmp_path / "other" / "notes.docx").touch()
    with pytest.raises(SourceError, match=r"no file of a known format.*notes\.docx"):
        look_into(tmp_path / "other", plant.config, "development", {})


def test_a_file_with_a_header_only_is_named(plant) -> None:
    plant.write_csv("orders.csv", ORDERS, [])
    with pytest.raises(SourceError, match="has rows"):
        look(plant)


def test_files_whose_names_hold_days_in_a_form_that_is_not_read_are_no_sources_each(plant) -> None:
    for day in (5, 6, 7):
        plant.write_csv(f"exports/export-0{day}-01-2026.csv", "visit_id,seen_at", [f"{day},2026-01-0{day}"])
    with pytest.raises(SourceError, match=r"3 files such as export-05-01-2026\.csv and .*with the year first"):
        look(plant)


def test_a_time_that_is_empty_in_a_row_is_named_with_the_row(plant) -> None:
    rows = [f"{n},{n % 40},{'' if n == 6 else f'2026-03-0{n % 5 + 1}T10:00:00Z'},A" for n in range(300)]
    plant.write_csv("orders.csv", ORDERS, rows)
    said = r"'ordered_at' cannot say when.*Column ordered_at is empty in 1 of 300 rows that were read of orders\.csv, "
    with pytest.raises(AdoptError, match=said + "first in row 7 after the header"):
        look(plant, orders="ordered_at")


def test_a_value_that_is_no_time_is_named(plant) -> None:
    rows = [f"{n},{n % 40},{'soon' if n == 6 else f'2026-03-{n % 5 + 1:02}T10:{n % 60:02}:00Z'},A" for n in range(300)]
    plant.write_csv("orders.csv", ORDERS, rows)
    with pytest.raises(AdoptError, match=r"Column ordered_at holds dates but for others, such as 'soon'"):
        look(plant, orders="ordered_at")
