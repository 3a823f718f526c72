"""Which files make up a source, and what is said where they do not."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from include.adopt.file_sets import find_files, name_pattern
from include.errors import SourceError


def touch(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).write_text("x")


def refuse(start: Path) -> str:
    with pytest.raises(SourceError) as caught:
        find_files(start)
    message = str(caught.value)
    assert "\n" not in message
    return message


@pytest.mark.parametrize(
    ("name", "pattern", "day"),
    [
        ("2026-01-31.csv", "{day}.csv", date(2026, 1, 31)),
        ("orders_20260131.csv.gz", "orders_{day}.csv.gz", date(2026, 1, 31)),
        ("orders-2026_01_31.parquet", "orders-{day}.parquet", date(2026, 1, 31)),
        ("2026.01.31-orders.jsonl", "{day}-orders.jsonl", date(2026, 1, 31)),
        ("orders.csv", "orders-{day}.csv", None),
        ("orders.jsonl.zst", "orders-{day}.jsonl.zst", None),
        ("orders-2026-13-41.csv", "orders-2026-13-41-{day}.csv", None),
        ("batch-120260131.csv", "batch-120260131-{day}.csv", None),
    ],
)
def test_a_name_holds_a_day(name: str, pattern: str, day: date | None) -> None:
    assert name_pattern(name) == (pattern, day)


def test_the_days_of_a_folder_are_one_source(tmp_path: Path) -> None:
    touch(tmp_path, "o-2026-01-02.csv", "o-2026-01-01.csv", "README.md", "customers.csv", "_SUCCESS", ".o.crc")

    found = find_files(tmp_path)

    assert (found.pattern, found.format) == ("o-{day}.csv", "csv")
    assert found.days == (date(2026, 1, 1), date(2026, 1, 2))
    assert set(found.left_out) == {"README.md", "customers.csv"}
    assert found.renames == []


def test_a_file_stands_for_those_that_are_named_like_it(tmp_path: Path) -> None:
    touch(tmp_path, "a-2026-01-01.csv", "a-2026-01-02.csv", "b-2026-01-01.csv")

    assert [file.path.name for file in find_files(tmp_path / "a-2026-01-02.csv").files] == [
        "a-2026-01-01.csv", "a-2026-01-02.csv",
    ]  # fmt: skip


def test_days_in_another_form_are_to_be_renamed(tmp_path: Path) -> None:
    touch(tmp_path, "o_20260101.csv", "o_20260102.csv")

    assert find_files(tmp_path).renames == [
        ("o_20260101.csv", "o_2026-01-01.csv"),
        ("o_20260102.csv", "o_2026-01-02.csv"),
    ]


def test_a_file_without_a_day_is_to_get_one(tmp_path: Path) -> None:
    touch(tmp_path, "countries.csv")

    [(name, wanted)] = find_files(tmp_path).renames

    assert name == "countries.csv"
    assert date.fromisoformat(wanted.removeprefix("countries-").removesuffix(".csv"))


def test_several_sources_are_not_mixed(tmp_path: Path) -> None:
    touch(tmp_path, "a-2026-01-01.csv", "b-2026-01-01.csv")

    message = refuse(tmp_path)

    assert "a-2026-01-01.csv, b-2026-01-01.csv" in message
    assert "as FROM" in message


def test_two_files_of_one_day_are_refused(tmp_path: Path) -> None:
    touch(tmp_path, "o_20260101.csv", "o_2026-01-01.csv")

    assert "are both of 2026-01-01" in refuse(tmp_path)


def test_an_empty_folder_is_named(tmp_path: Path) -> None:
    assert "is empty" in refuse(tmp_path)


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    assert refuse(tmp_path / "nothing").startswith(f"{tmp_path / 'nothing'} does not exist")


def test_folders_within_are_named(tmp_path: Path) -> None:
    (tmp_path / "2026").mkdir()

    assert "the folders 2026; give one of them" in refuse(tmp_path)


def test_files_of_other_formats_are_named(tmp_path: Path) -> None:
    touch(tmp_path, "orders.xlsx")

    assert "orders.xlsx" in refuse(tmp_path)
    assert "no file of a known format" in refuse(tmp_path / "orders.xlsx")
