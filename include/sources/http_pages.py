"""Reads the pages of an HTTP source, and finds the request for the next one; notices pages that never end."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final, NoReturn
from urllib.parse import urljoin, urlsplit

from include.errors import SourceError
from include.settings.http_source import HttpSource
from include.sources.http_client import Answer, HttpClient, Query

if TYPE_CHECKING:
    import httpx

_NAMES_LISTED: Final = 10
_VALUE_LENGTH: Final = 100


class PageProblem(Exception):  # noqa: N818 - a part of a message, which becomes an error with its place
    """A page is not as it should be; callers add the source, the URL and the number of the page."""


@dataclass(frozen=True)
class Page:
    """The records of one page as JSON lines, and the headers that came with them."""

    lines: bytes
    headers: httpx.Headers


@dataclass(frozen=True)
class _Request:
    url: str
    query: Query | None


class PageReader:
    """Reads the pages of one answer in their order."""

    def __init__(self, client: HttpClient, source: HttpSource, url: str, query: Query) -> None:
        """``url`` is that of the first page; ``query`` are the parameters besides those of the pages."""
        self._client, self._source, self._url, self._query = client, source, url, query
        self._seen: set[object] = set()

    def read(self) -> Iterator[Page]:
        """The pages.

        Raises:
            SourceAwayError: see :meth:`HttpClient.get`.
            SourceError: a page is not JSON or no list of plain records, the same page or cursor comes again, the
                next page is on another server, or there are more pages than ``max_pages``.
        """
        limit, pages = self._source.max_pages, self._source.pages
        first = pages.find_query(0) if pages and pages.by == "page" else {}
        request = _Request(self._url, {**self._query, **first})
        for number in range(1, limit + 1):
            answer = self._client.get(request.url, request.query, f"page {number}")
            try:
                content = parse_json(answer, self._client.quote)
                records = find_records(content, self._source.records)
                lines = write_lines(records)
                if records:
                    self._check_new(hashlib.sha256(lines).digest(), "it has the records of an earlier page")
                yield Page(lines, answer.headers)
                following = self._find_next(request, answer, content, number if records else None)
            except PageProblem as problem:
                raise SourceError(
                    f"{self._client.locate(answer.url, f'page {number}')}: {problem}. Correct the settings of "
                    f"{self._client.name!r} in sources.yml, or have the server corrected, and run again."
                ) from None
            if following is None:
                return
            request = following
        raise SourceError(
            f"{self._client.locate(request.url, f'page {limit}')}: it is not the last page. Check that the pages in "
            "sources.yml are as the server counts them, or raise max_pages, and run again."
        )

    def _find_next(self, request: _Request, answer: Answer, content: object, full_pages: int | None) -> _Request | None:
        """The request for the next page; None after the last. ``full_pages`` is None where this one has no records."""
        pages = self._source.pages
        if pages is None:
            if find_link(answer.headers):
                raise PageProblem("its Link header names a next page, and pages in sources.yml is not set (by: link)")
            return None
        if pages.by == "page":
            # One with few records need not be the last: a server may have a lower limit than what it is asked for.
            return _Request(request.url, {**self._query, **pages.find_query(full_pages)}) if full_pages else None
        if pages.by == "cursor":
            cursor = find_text(content, pages.cursor)
            if cursor is None:
                return None
            self._check_new(cursor, f"the cursor {_shorten(cursor)!r} comes again")
            return _Request(request.url, {**self._query, pages.parameter: cursor})
        return self._follow(answer, find_text(content, pages.next) if pages.next else find_link(answer.headers))

    def _follow(self, answer: Answer, link: str | None) -> _Request | None:
        if link is None:
            return None
        url = urljoin(answer.url, link)
        self._seen.add(answer.url)
        self._check_new(url, "the link to the next page leads to one that was read")
        if not self._client.is_own(url):
            raise PageProblem(
                f"the next page is on another server ({urlsplit(url).scheme}://{urlsplit(url).hostname}), which is "
                "not asked, because the credentials are not for it"
            )
        return _Request(url, None)

    def _check_new(self, what: object, problem: str) -> None:
        if what in self._seen:
            raise PageProblem(f"{problem}: the pages would never end")
        self._seen.add(what)


def find_records(content: object, path: str | None) -> list[Any]:
    """The list of records in an answer.

    Raises:
        PageProblem: there is no such list.
    """
    found = content
    walked: list[str] = []
    for part in path.split(".") if path else ():
        if not isinstance(found, dict) or part not in found:
            place = f"{'.'.join(walked)!r} in it" if walked else "it"
            raise PageProblem(f"records in sources.yml is {path!r}, and {place} holds no {part!r} but {_name(found)}")
        found, walked = found[part], [*walked, part]
    if not isinstance(found, list):
        where = f"{path!r} in it" if path else "the answer"
        hint = "" if path else ", and records in sources.yml, the place of the list, is not set"
        raise PageProblem(f"{where} is no list of records but {_name(found)}{hint}")
    return found


def write_lines(records: list[Any]) -> bytes:
    """Records as JSON lines, with their fields in order of name.

    Raises:
        PageProblem: a record is no object, or a field of it holds another object, a list, or no finite number.
    """
    lines = []
    for number, record in enumerate(records, 1):
        if not isinstance(record, dict):
            raise PageProblem(f"record {number} is no object but {_name(record)}")
        for field, value in record.items():
            if isinstance(value, (dict, list)):
                raise PageProblem(f"field {field!r} of record {number} is not one value but holds {_name(value)}")
        try:
            lines.append(json.dumps(record, sort_keys=True, allow_nan=False) + "\n")
        except ValueError:
            field = next(name for name, value in record.items() if value in (float("inf"), float("-inf")))
            raise PageProblem(f"field {field!r} of record {number} holds a number that is too large") from None
    return "".join(lines).encode()


def parse_json(answer: Answer, quote: Callable[[bytes], str]) -> object:
    """What an answer holds; nothing is an empty list where the status says so (204).

    Args:
        quote: the start of a body for a message.

    Raises:
        PageProblem: it is not JSON.
    """
    if answer.status == HTTPStatus.NO_CONTENT:
        return []
    try:
        return json.loads(answer.body, parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        is_markup = answer.body.lstrip()[:1] == b"<"
        kind = "HTML or XML" if is_markup else f"no JSON, or a part of it ({_shorten(error)})"
        raise PageProblem(f"the answer is {kind}; it begins: {quote(answer.body)}") from None


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no number")


def find_text(content: object, path: str) -> str | None:
    """A cursor or a URL at a dotted path of an answer; None if there is none, which means the last page.

    Raises:
        PageProblem: what is there is neither a text nor a whole number.
    """
    found = content
    for part in path.split("."):
        if not isinstance(found, Mapping):
            return None
        found = found.get(part)
    if found is None or found is False or found == "":
        return None
    if isinstance(found, bool) or not isinstance(found, (str, int)):
        raise PageProblem(f"{path!r} in it is no text but {_name(found)}")
    return str(found)


def find_link(headers: httpx.Headers) -> str | None:
    """The URL of the ``Link`` header with the relation ``next`` (RFC 8288)."""
    import httpx

    links = httpx.Response(200, headers=headers).links.values()
    return next((one["url"] for one in links if "next" in one.get("rel", "").lower().split()), None)


def _name(value: object) -> str:
    """What a JSON value is, for a message; of an object the names that it holds, of a text nothing."""
    if isinstance(value, dict):
        names = ", ".join(_shorten(name) for name in list(value)[:_NAMES_LISTED])
        return f"an object with {names}" if value else "an empty object"
    return {list: "a list", str: "a text", bool: "true or false", type(None): "null"}.get(type(value), "a number")


def _shorten(value: object) -> str:
    text = str(value)
    return text if len(text) <= _VALUE_LENGTH else f"{text[:_VALUE_LENGTH]}..."
