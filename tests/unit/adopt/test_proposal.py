"""From files to an entry: its name, what is read before it is offered, and the text for a person."""

from __future__ import annotations

import pytest

from include.adopt.proposal import propose_source
from include.errors import OrreryError, SettingsError, SourceError
from include.settings.section import load_section
from include.settings.sources import SourceSettings


@pytest.mark.parametrize(
    ("file", "name"),
    [
        ("2026-03-02.csv", "orders"),
        ("Order Lines_2026-03-02.csv", "order_lines"),
        ("2026-03-02-Größe-v2.csv", "grosse_v2"),
        ("Crème-2026-03-02.csv.gz", "creme"),
        ("заказы-2026-03-02.csv", "zakazy"),
        ("2024report-2026-03-02.csv", None),
        ("arrivals-2026-03-02.csv", None),
        (f"{'x' * 70}-2026-03-02.csv", None),
    ],
)
def test_the_name_is_made_of_the_files_names(inbox, file: str, name: str | None) -> None:
    import gzip

    content = b"id\n1\n"
    inbox.write(file, gzip.compress(content) if file.endswith("gz") else content)

    if name:
        assert inbox.propose().name == name
    else:
        with pytest.raises(SourceError, match=r"No source's name can be made of .*; rename the files, or .*NAME"):
            inbox.propose()
        assert inbox.propose(name="given").name == "given"


@pytest.mark.parametrize("name", ["Orders", "arrivals", "x" * 64, "1st", "a b", "заказы"])
def test_a_name_that_the_settings_refuse_is_explained(inbox, write_days, name: str) -> None:
    write_days()

    with pytest.raises(SettingsError, match="cannot name a source: expected a"):
        inbox.propose(name=name)


def test_a_daily_sources_name_leaves_room_for_its_days(inbox, write_days) -> None:
    write_days()

    with pytest.raises(SettingsError, match="54 characters at most for the daily source"):
        inbox.propose(name="x" * 55)


def test_a_name_that_is_taken_is_refused_before_anything_is_read(inbox) -> None:
    inbox.write("machines-2026-03-02.csv", b"\xff\x00")

    with pytest.raises(SettingsError, match="is declared in sources"):
        inbox.propose()


def test_the_first_source_of_a_project_can_be_proposed(inbox, write_days) -> None:
    inbox.config.write_text("time_zone: Europe/Berlin\nsources:\n")
    write_days()

    assert inbox.propose().name == "orders"


def test_settings_that_are_broken_are_named(inbox, write_days) -> None:
    inbox.config.write_text("time_zoen: Europe/Berlin\nsources:\n")
    write_days()

    with pytest.raises(SettingsError, match="did you mean 'time_zone'"):
        inbox.propose()


def test_the_text_has_what_was_read_the_entry_and_the_questions(inbox, write_days, days) -> None:
    write_days("zip", lambda number: f"0{number}")

    lines = inbox.propose().describe().splitlines()

    assert lines[0] == (
        f"Read 3 of 3 file(s) {inbox.folder}/{{day}}.csv ({days[0]} to {days[2]}): 12 row(s), at most 50,000 of a file."
    )
    assert lines[2:4] == ["  orders:", "    kind: files"]
    assert [line for line in lines if line.startswith("please confirm: column zip")]


def test_files_are_read_as_ingestion_will_before_they_are_offered(inbox) -> None:
    # Python's own reader of JSON takes a key that comes twice, Arrow's does not.
    inbox.write("2026-03-02.jsonl", '{"id": 1, "x": 1.5}\n{"id": 2, "x": 3, "x": 4}\n')

    with pytest.raises(SourceError, match="line 2"):
        inbox.propose()


@pytest.mark.parametrize("name", ["orders_20260302.csv", "orders.csv"])
def test_files_to_be_renamed_are_said_and_not_written(inbox, name: str) -> None:
    inbox.write(name, "id\n1\n")
    before = inbox.config.read_bytes()
    new = inbox.propose()

    with pytest.raises(SourceError, match="rename the files as said"):
        new.write(inbox.config, "development")

    assert f"please rename: {name} to orders" in new.describe()
    assert inbox.config.read_bytes() == before


def test_what_is_written_is_what_was_proposed(inbox, write_days) -> None:
    write_days("select,no,größe", lambda number: f"{number},b,c{number}")
    new = inbox.propose()

    new.write(inbox.config, "development")

    source = load_section(inbox.config, SourceSettings, "development").sources["orders"]
    assert list(source.columns) == ["order_id", "ordered_at", "select", "no", "größe"]
    assert source.key == ("order_id",)
    with pytest.raises(SettingsError, match="is declared in sources"):
        new.write(inbox.config, "development")


def test_every_error_is_one_line(inbox, tmp_path) -> None:
    for start in (tmp_path / "none", inbox.folder):
        with pytest.raises(OrreryError) as caught:
            propose_source(start, None, inbox.config, "development")
        assert "\n" not in str(caught.value)
