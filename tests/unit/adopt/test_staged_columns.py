"""Every column of a source has a name in the staging view, whatever it is called as delivered."""

from __future__ import annotations

from include.adopt.staged_columns import stage_columns
from include.settings.section import check_section
from include.settings.sources import SourceSettings


def stage(*columns: str) -> dict[str, str]:
    """The columns' names in the staging view by those as delivered."""
    content = {
        "time_zone": "UTC",
        "sources": {
            "orders": {
                "kind": "files", "path": "orders/{day}.csv", "format": "csv", "grain": "snapshot", "key": [columns[0]],
                "columns": {name: {"type": "string"} for name in columns},
            }
        },
    }  # fmt: skip
    settings = check_section(content, SourceSettings, "development", "sources.yml")
    return {one.origin: one.name for one in stage_columns(settings.sources["orders"])}


def test_names_of_other_alphabets_are_spelled() -> None:
    assert stage("id", "начало", "金额") == {"id": "id", "начало": "nachalo", "金额": "jin_e"}


def test_columns_of_one_name_are_numbered() -> None:
    assert stage("fee", "Fee", "FEE") == {"fee": "fee", "Fee": "fee_2", "FEE": "fee_3"}
    assert stage("Day", "Batch Day") == {"Day": "day_2", "Batch Day": "batch_day_2"}


def test_a_column_without_any_letter_is_numbered() -> None:
    assert stage("id", "!!", "??") == {"id": "id", "!!": "column_2", "??": "column_3"}
