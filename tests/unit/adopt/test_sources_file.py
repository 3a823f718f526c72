"""An entry is added to sources.yml as text: all else stays as it was, byte for byte."""

from __future__ import annotations

import stat

import pytest
import yaml

from include.adopt.sources_file import add_entry, insert_entry, render_entry
from include.errors import SettingsError
from include.settings import CONFIG_DIR
from include.settings.section import load_section
from include.settings.sources import SourceSettings
from tests.unit.adopt.conftest import SOURCES

ENTRY = {
    "kind": "files",
    "path": "orders/{day}.csv",
    "format": "csv",
    "csv": {"delimiter": ";", "decimal": ","},
    "grain": "snapshot",
    "key": ["no"],
    "columns": {
        "no": {"type": "int64"},
        "Größe: #1, [x]": {"type": "string", "allowed": ["yes", "1", "a, b", "x: y", "#", "", "null", "{day}"]},
    },
}


def load(path) -> SourceSettings:
    return load_section(path, SourceSettings, "development")


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(SOURCES, id="another section follows"),
        pytest.param(SOURCES.partition("\nenvironments")[0], id="the sources are the end"),
        pytest.param(SOURCES.partition("\nenvironments")[0].rstrip(), id="without a line end at the end"),
        pytest.param(SOURCES.replace("\n", "\r\n"), id="line ends of Windows"),
        pytest.param(SOURCES.replace("\n  ", "\n     "), id="deeper"),
        pytest.param("\ufeff" + SOURCES, id="a byte-order mark"),
        pytest.param(SOURCES.replace("kind: files", "kind: files\n    description: |\n      A\n      B"), id="a text"),
        pytest.param((CONFIG_DIR / "sources.yml").read_text(), id="the file as shipped"),
    ],
)  # fmt: skip
def test_everything_else_stays_byte_for_byte(inbox, text: str) -> None:
    inbox.config.write_bytes(text.encode())
    before = load(inbox.config)

    add_entry(inbox.config, "an_added_one", ENTRY, "development")

    after = inbox.config.read_bytes().decode()
    written = load(inbox.config)
    start = after.index("  an_added_one:")
    end = len(after) - len(text) + len(after[:start].rstrip())
    added = after[len(after[:start].rstrip()) : end]
    assert after.replace(added, "", 1) == text
    assert yaml.safe_load(added) == {"an_added_one": ENTRY}
    assert {name: one for name, one in written.sources.items() if name != "an_added_one"} == before.sources
    assert written.sources["an_added_one"].columns["Größe: #1, [x]"].allowed[0] == "yes"
    assert written.time_zone == before.time_zone


def test_comments_below_the_last_source_stay_with_it(inbox) -> None:
    text = insert_entry(SOURCES, "an_added_one", ENTRY)

    assert text.index("# No more columns.") < text.index("  an_added_one:") < text.index("environments:")


def test_an_alias_at_the_end_is_no_hindrance(inbox) -> None:
    text = """\
sources:
  machines:
    columns: &columns
      id: {type: int64}
    kind: files
    path: a/{day}.csv
    format: csv
    grain: snapshot
    key: [id]
  parts:
    kind: files
    path: b/{day}.csv
    format: csv
    grain: snapshot
    key: [id]
    columns: *columns
# The end.
"""
    inbox.config.write_text(text)

    add_entry(inbox.config, "an_added_one", ENTRY, "development")

    assert list(load(inbox.config).sources) == ["machines", "parts", "an_added_one"]
    assert inbox.config.read_text().endswith("\n# The end.\n")


def test_a_text_that_keeps_its_blank_lines_is_not_changed(inbox) -> None:
    text = SOURCES.replace("      # No more columns.\n", "    description: |+\n      Kept.\n\n\n")
    inbox.config.write_text(text)

    with pytest.raises(SettingsError, match="add it by hand"):
        add_entry(inbox.config, "an_added_one", ENTRY, "development")

    assert inbox.config.read_text() == text


def test_the_first_source_of_a_project_that_has_none(inbox) -> None:
    inbox.config.write_text("time_zone: Europe/Berlin\nsources:\nkeep_days: 90\n")

    add_entry(inbox.config, "an_added_one", ENTRY, "development")

    assert list(load(inbox.config).sources) == ["an_added_one"]
    assert inbox.config.read_text().startswith("time_zone: Europe/Berlin\nsources:\n  an_added_one:\n")
    assert inbox.config.read_text().endswith("\nkeep_days: 90\n")


@pytest.mark.parametrize("text", ["time_zone: UTC\n", "sources: {}\n", "sources: []\n"])
def test_a_file_without_a_place_says_what_to_do(text: str) -> None:
    with pytest.raises(SettingsError, match="run again"):
        insert_entry(text, "an_added_one", ENTRY)


@pytest.mark.parametrize(
    ("name", "changes", "reason"),
    [
        ("machines", {}, "is declared in sources.yml already"),
        ("an_added_one", {"grain": "weekly"}, "sources.an_added_one"),
        ("an_added_one", {"key": ["nothing"]}, "nothing is none of them"),
        ("Orders", {}, "lower-case letters"),
        ("arrivals", {}, "a table of ingestion's own"),
    ],
)
def test_what_is_refused_leaves_the_file_as_it_was(inbox, name: str, changes: dict, reason: str) -> None:
    with pytest.raises(SettingsError, match=reason) as caught:
        add_entry(inbox.config, name, {**ENTRY, **changes}, "development")

    assert inbox.config.read_text() == SOURCES
    assert [path.name for path in inbox.config.parent.iterdir()] == ["sources.yml"]
    assert ".sources.yml." not in str(caught.value)


def test_a_mistake_of_another_environment_is_found_too(inbox) -> None:
    inbox.config.write_text(SOURCES + "  staging:\n    keep_days: 9\n    catch_up_days: 2\n")
    before = inbox.config.read_bytes()

    with pytest.raises(SettingsError, match="keep_days"):
        add_entry(inbox.config, "an_added_one", {**ENTRY, "allowed_lateness_days": 7}, "development")

    assert inbox.config.read_bytes() == before


def test_the_permissions_stay(inbox) -> None:
    inbox.config.chmod(0o640)

    add_entry(inbox.config, "an_added_one", ENTRY, "development")

    assert stat.S_IMODE(inbox.config.stat().st_mode) == 0o640


def test_a_link_stays_a_link(inbox, tmp_path) -> None:
    real = tmp_path / "real.yml"
    inbox.config.rename(real)
    inbox.config.symlink_to(real)

    add_entry(inbox.config, "an_added_one", ENTRY, "development")

    assert inbox.config.is_symlink()
    assert "an_added_one" in load(real).sources


def test_an_entry_is_what_it_was_when_it_is_read_again() -> None:
    assert yaml.safe_load(render_entry("an_added_one", ENTRY)) == {"an_added_one": ENTRY}
