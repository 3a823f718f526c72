"""Settings of an HTTP source: what cannot be asked for is named when they are loaded."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from include.errors import SettingsError
from include.settings.http_source import HttpSource, fill_day
from include.settings.section import check_section

SOURCE: dict[str, Any] = {
    "kind": "http", "connection": "readings_api", "path": "v2/readings", "parameters": {"on": "{day}"},
    "grain": "daily", "key": ["id"], "event_column": "at",
    "columns": {"id": {"type": "int64"}, "at": {"type": "timestamp"}},
}  # fmt: skip


def load(**changes: Any) -> HttpSource:
    """A source with changes."""
    return check_section({**SOURCE, **changes}, HttpSource, "development", "sources.yml")


def refuse(**changes: Any) -> str:
    """What is said about a source with changes."""
    with pytest.raises(SettingsError) as caught:
        load(**changes)
    return str(caught.value)


def test_the_defaults() -> None:
    source = load()

    assert (source.retries, source.timeout_s, source.max_wait_s, source.requests_per_second) == (5, 30, 300, None)
    assert (source.pages, source.records, source.max_pages) == (None, None, 10_000)
    assert source.file_options.format == "jsonl"
    assert not source.is_live
    assert load(grain="snapshot", parameters={}).is_live


@pytest.mark.parametrize(
    "pages",
    [
        {"by": "page", "parameter": "page"},
        {"by": "page", "parameter": "page", "first": 0, "size_parameter": "size", "size": 500},
        {"by": "cursor", "parameter": "after", "cursor": "meta.next"},
        {"by": "link"},
        {"by": "link", "next": "links.next"},
    ],
)
def test_every_kind_of_pages(pages: dict[str, Any]) -> None:
    found = load(pages=pages).pages

    assert found is not None
    assert found.model_dump(exclude_unset=True) == pages


@pytest.mark.parametrize(
    ("pages", "problem"),
    [
        (
            {"by": "pages", "parameter": "page"},
            "key 'pages.by': expected one of 'page', 'cursor', 'link', found 'pages'",
        ),
        ({"parameter": "page"}, "key 'pages.by' is missing"),
        ({"by": "page"}, "key 'pages.parameter' is missing"),
        (
            {"by": "page", "paramter": "page", "parameter": "p"},
            "unknown key 'pages.paramter'; did you mean 'parameter'?",
        ),
        ({"by": "cursor", "parameter": "after"}, "key 'pages.cursor' is missing"),
        ({"by": "cursor", "parameter": "after", "cursor": "meta..next"}, "key 'pages.cursor'"),
        ({"by": "link", "cursor": "x"}, "unknown key 'pages.cursor'"),
        ({"by": "page", "parameter": "page", "size": 10}, "size and size_parameter both, or neither"),
        ({"by": "page", "parameter": "page", "size_parameter": "n"}, "size and size_parameter both, or neither"),
        (
            {"by": "page", "parameter": "n", "size_parameter": "n", "size": 1},
            "a size_parameter that is not the parameter",
        ),
        ({"by": "page", "parameter": "on"}, "parameters without those of pages; on is in both"),
        ({"by": "cursor", "parameter": "on", "cursor": "x"}, "parameters without those of pages; on is in both"),
        ({"by": "page", "parameter": "page", "first": -1}, "key 'pages.first'"),
    ],
)
def test_pages_that_cannot_be(pages: dict[str, Any], problem: str) -> None:
    assert problem in refuse(pages=pages)


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"path": "https://other.example.com/v2"}, "a path below the connection's address"),
        ({"path": "v2/readings?on={day}"}, "without '?' and '#'; parameters has what follows"),
        ({"path": "v2/read ings"}, "a path below the connection's address"),
        ({"parameters": {}}, "{day} in path or parameters of a daily source"),
        ({"parameters": {"until": "{next_day}"}}, "{day} in path or parameters of a daily source"),
        (
            {"parameters": {"on": "{day}", "x": "{month}"}},
            "only {day} and {next_day} in braces, in path and parameters",
        ),
        ({"path": "v2/{day"}, "only {day} and {next_day} in braces"),
        ({"grain": "snapshot"}, "no {day} in a snapshot source, which is the live copy"),
        ({"parameters": {"on": "{day}", "x": ["a"]}}, "key 'parameters.x"),
        ({"records": ".rows"}, "key 'records'"),
        ({"retries": -1}, "key 'retries'"),
        ({"timeout_s": 0}, "key 'timeout_s'"),
        ({"max_wait_s": 1e9}, "key 'max_wait_s'"),
        ({"requests_per_second": 0}, "key 'requests_per_second'"),
        ({"max_pages": 0}, "key 'max_pages'"),
        ({"connection": ""}, "key 'connection'"),
        ({"allow_empty": "if_declared"}, "allow_empty: true or false for jsonl"),
        ({"pathh": "x"}, "unknown key 'pathh'; did you mean 'path'?"),
    ],
)
def test_requests_that_cannot_be(changes: dict[str, Any], problem: str) -> None:
    assert problem in refuse(**changes)


def test_days_are_filled_in() -> None:
    assert fill_day("from {day} to {next_day}", date(2026, 2, 28)) == "from 2026-02-28 to 2026-03-01"
