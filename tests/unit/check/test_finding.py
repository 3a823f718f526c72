"""Findings: one line each, and a check that breaks down is a finding itself."""

from __future__ import annotations

from collections.abc import Iterator

from include.check.finding import Finding, Place, Reporter, suggest
from include.check.places import find_key, find_word
from include.commands.console import list_some

REPORT = Reporter("sources")


def test_a_fault_is_one_line_with_place_reason_and_remedy() -> None:
    found = REPORT.fault("readings", "it is\n  away", "Look for it", Place("sources.yml", "path", 3))

    assert found.describe() == "✘ readings (sources.yml:3, key path): it is away. Look for it."


def test_a_place_says_what_is_known() -> None:
    assert Place().describe() == ""
    assert Place("a.yml").describe() == "a.yml"
    assert Place("", "path", 3).describe() == "key path"
    assert REPORT.fine("a", "is right").describe() == "✔ a: is right."


def test_a_check_that_breaks_down_is_a_fault_and_keeps_what_it_had_found() -> None:
    def check() -> Iterator[Finding]:
        yield REPORT.fine("readings", "is there")
        raise KeyError("a\nb")

    first, second = REPORT.guard("readings", check)

    assert first.mark == "fine"
    assert (second.mark, second.subject) == ("fault", "readings")
    assert second.message.startswith("the check itself failed: KeyError: 'a")
    assert "\n" not in second.describe()


def test_near_names_are_suggested_and_few_are_listed() -> None:
    assert suggest("heet", ["heat", "day"]) == "Did you mean 'heat'?"
    assert suggest("zzz", ["heat", "day"]) == "There are: day, heat."
    assert suggest("zzz", []) == "There are none."
    assert list_some("abcdefg") == "a, b, c, d, e and 2 more"


def test_the_line_of_a_key_is_that_of_its_nearest_parent_that_is_there(tmp_path) -> None:
    path = tmp_path / "a.yml"
    path.write_text("a:\n  b: [1,\n    {c: 2}]\nenvironments:\n  production:\n    a: {d: 3}\n")

    def line(key: str, *under: str) -> int | None:
        return find_key(path, key, under=under).line

    assert [line("a"), line("a.b"), line("a.b.1.c"), line("a.b.x"), line("x")] == [1, 2, 3, 2, None]
    assert line("a.d", "environments.production") == 6
    assert line("a.b", "environments.staging") == 2
    assert line("x", "environments.production") is None
    assert find_key(tmp_path / "none.yml", "a").line is None


def test_a_word_is_found_as_a_whole_one(tmp_path) -> None:
    path = tmp_path / "a.sql"
    path.write_text("heat_max\nheat\n")

    assert find_word(path, "heat") == 2
    assert find_word(path, "cold") is None
    assert find_word(tmp_path / "none", "heat") is None
