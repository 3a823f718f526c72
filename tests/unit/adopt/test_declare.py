"""The entry as a whole: where the files are, what they share, and what they lack."""

from __future__ import annotations

import gzip

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from include.errors import SourceError


def test_daily_parquet_is_declared_as_a_person_would(inbox, days) -> None:
    for day in days:
        rows = {
            "reading_id": [day.day * 10, day.day * 10 + 1],
            "machine_id": [1, 2],
            "heat": [1.5, None],
            "measured_at": pa.array([f"{day}T10:00:00", f"{day}T11:00:00"]).cast(pa.timestamp("us")),
        }
        pq.write_table(pa.table(rows), inbox.folder / f"readings-{day}.parquet")

    new = inbox.propose()

    assert new.name == "readings"
    assert new.declaration.content == {
        "kind": "files",
        "path": "orders/readings-{day}.parquet",
        "format": "parquet",
        "grain": "daily",
        "key": ["reading_id"],
        "event_column": "measured_at",
        "columns": {
            "reading_id": {"type": "int64", "min": 0},
            "machine_id": {"type": "int64", "min": 0},
            "heat": {"type": "float64", "nullable": True, "min": 0},
            "measured_at": {"type": "timestamp"},
        },
    }


def test_packed_json_lines_say_their_packing_by_their_name(inbox, days) -> None:
    for day in days:
        inbox.write_json(f"{day}.jsonl.gz", [{"id": day.day, "at": f"{day}T10:00:00Z"}])

    declared = inbox.declare()

    assert (declared["path"], declared["format"]) == ("orders/{day}.jsonl.gz", "jsonl")
    assert "compression" not in declared


def test_packing_that_the_name_does_not_say_is_declared(inbox, days) -> None:
    for day in days:
        inbox.write(f"{day}.csv", gzip.compress(f"id,at\n{day.day},{day}\n".encode()))

    assert inbox.declare()["compression"] == "gzip"


def test_packed_and_plain_files_of_one_source_declare_no_packing(inbox, days) -> None:
    for day in days[:2]:
        inbox.write(f"{day}.csv", gzip.compress(f"id,at\n{day.day},{day}\n".encode()))
    inbox.write(f"{days[2]}.csv", f"id,at\n{days[2].day},{days[2]}\n")

    assert "compression" not in inbox.declare()


def test_a_name_that_says_a_packing_which_is_not_there_is_refused(inbox) -> None:
    inbox.write("2026-03-02.csv.gz", "id,at\n1,2026-03-02\n")

    with pytest.raises(SourceError, match="it is not packed"):
        inbox.propose()


def test_files_outside_of_the_sources_folder_are_asked_about(inbox, tmp_path) -> None:
    folder = tmp_path / "elsewhere"
    path = inbox.write(str(folder / "2026-03-02.csv"), "id\n1\n")

    assert inbox.declare(path)["path"] == f"{folder}/{{day}}.csv"
    assert "is outside of the sources' folder" in inbox.ask(path)


def test_a_column_that_comes_later_is_declared_and_asked_about(inbox, write_days, days) -> None:
    write_days()
    inbox.write_csv(f"{days[0]}.csv", "order_id", ["1"])

    new = inbox.propose()

    assert list(new.declaration.content["columns"]) == ["order_id", "ordered_at"]
    assert new.declaration.differing == f"{days[0]}.csv lacks ordered_at"
    assert f"{days[0]}.csv lacks ordered_at, and is refused" in "\n".join(new.declaration.questions)


def test_a_column_that_is_gone_is_asked_about(inbox, write_days, days) -> None:
    write_days()
    inbox.write_csv(f"{days[0]}.csv", "order_id,ordered_at,note", [f"1,{days[0]}T10:00:00Z,x"])

    assert f"{days[0]}.csv has also note" in inbox.ask()
    assert "note" not in inbox.declare()["columns"]


def test_the_order_of_columns_may_differ(inbox, write_days, days) -> None:
    write_days()
    inbox.write_csv(f"{days[0]}.csv", "ordered_at,order_id", [f"{days[0]}T10:00:00Z,1"])

    assert inbox.declare()["grain"] == "daily"
    assert "refused" not in inbox.ask()


def test_a_type_that_differs_between_files_becomes_one_that_holds_both(inbox, days) -> None:
    for day, value in zip(days, ("1", "1.5", "x"), strict=True):
        inbox.write_csv(f"{day}.csv", "id,at,size", [f"{day.day},{day},{value}"])

    assert inbox.declare()["columns"]["size"]["type"] == "string"
    (inbox.folder / f"{days[2]}.csv").unlink()
    assert inbox.declare()["columns"]["size"]["type"] == "float64"


def test_files_with_nothing_in_common_are_refused(inbox, write_days, days) -> None:
    write_days()
    inbox.write_csv(f"{days[0]}.csv", "machine,site,hall", ["1,north,2"])

    with pytest.raises(SourceError, match=f"{days[0]}.csv and {days[2]}.csv in .* have different columns"):
        inbox.propose()


def test_a_header_alone_tells_nothing(inbox) -> None:
    inbox.write("2026-03-02.csv", "id,at\n")

    with pytest.raises(SourceError, match=r"No file of .* has rows"):
        inbox.propose()


def test_a_day_without_rows_beside_others_may_be_empty(inbox, write_days, days) -> None:
    write_days()
    inbox.write(f"{days[2]}.csv", "order_id,ordered_at\n")

    assert inbox.declare()["allow_empty"] is True
    assert "a file without rows is no mistake" in inbox.ask()


def test_names_that_ingestion_adds_to_a_copy_are_published_under_another(inbox) -> None:
    inbox.write_csv("2026-03-02.csv", "id,valid_from", ["1,2025-01-01"])

    assert inbox.declare()["columns"]["valid_from"] == {"type": "date", "publish_as": "delivered_valid_from"}
    assert "valid_from is published as delivered_valid_from" in inbox.ask()
