"""An HTTP API as a source: its pages, its faults, and credentials that go nowhere else; against real servers."""

from __future__ import annotations

import base64
import json
import logging
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from email.utils import format_datetime
from itertools import pairwise
from pathlib import Path
from typing import Any, ClassVar

import pytest

from include.errors import SourceAwayError, SourceError
from include.settings.http_source import HttpSource
from include.settings.section import check_section
from include.sources import http_client
from include.sources.files import is_bad_file
from include.sources.http_api import HttpDeliveries, open_api
from include.sources.http_client import is_loopback
from include.sources.http_credentials import find_base_url, read_credentials
from include.sources.source import Deliveries, SourceAccess
from tests.unit.sources.api_server import ApiServer, Clock, Reply, Request, serve_api
from tests.unit.sources.whole import read_file

DAY = date(2026, 3, 9)
TOKEN = "s3cret-t0ken"
PAGES = [[{"id": 1, "name": "a"}, {"id": 2, "name": "b"}], [{"id": 3, "name": "c"}], []]
RECORDS = PAGES[0] + PAGES[1]
NUMBERED = {"by": "page", "parameter": "page"}


@pytest.fixture(scope="module")
def servers() -> Iterator[tuple[ApiServer, ApiServer]]:
    """Two servers: that of the connection, and another one."""
    with serve_api() as one, serve_api() as other:
        yield one, other


@pytest.fixture
def api(servers: tuple[ApiServer, ApiServer]) -> ApiServer:
    """The connection's server."""
    servers[0].begin()
    return servers[0]


@pytest.fixture
def other(servers: tuple[ApiServer, ApiServer]) -> ApiServer:
    """A server to which the connection's credentials do not belong."""
    servers[1].begin()
    return servers[1]


@pytest.fixture
def clock() -> Clock:
    """Time that passes only while the client waits."""
    return Clock()


def declare(**changes: Any) -> HttpSource:
    """What sources.yml would say, with changes; a change to None takes a key away."""
    content = {
        "kind": "http", "grain": "daily", "connection": "orders_api", "path": "orders", "parameters": {"day": "{day}"},
        "key": ["id"], "event_column": "at", "columns": {"id": {"type": "int64"}, "at": {"type": "date"}}, **changes,
    }  # fmt: skip
    return check_section(
        {key: value for key, value in content.items() if value is not None}, HttpSource, "development", "sources.yml"
    )


def deliver(api: ApiServer, clock: Clock, **changes: Any) -> HttpDeliveries:
    """The deliveries of a server, asked with a bearer token."""
    opened = open_api("orders", declare(**changes), SourceAccess(api.url, password=TOKEN), "America/New_York")
    return replace(opened, timing=clock.timing)


def fetch(api: ApiServer, clock: Clock, folder: Path, **changes: Any) -> list[dict[str, Any]]:
    """The records of a day as the file holds them."""
    path = deliver(api, clock, **changes).fetch(DAY, folder)
    assert [one.name for one in folder.iterdir()] == [path.name]
    return [json.loads(line) for line in path.read_text().splitlines() if line]


def refuse(api: ApiServer, clock: Clock, folder: Path, **changes: Any) -> str:
    """The message of a day that cannot be fetched, of which nothing is left."""
    with pytest.raises(SourceError) as caught:
        deliver(api, clock, **changes).fetch(DAY, folder)
    assert list(folder.iterdir()) == []
    message = str(caught.value)
    assert "Source 'orders', http://127.0.0.1:" in message
    assert "run again" in message.lower()
    assert TOKEN not in message
    assert is_bad_file(caught.value) is not isinstance(caught.value, SourceAwayError)
    return f"{type(caught.value).__name__}: {message}"


def count_up(request: Request) -> Reply:
    """An API with three pages, the last of them empty."""
    return Reply(PAGES[int(request.query["page"]) - 1])


class TestPages:
    def test_an_answer_without_pages_is_asked_for_once(self, api, clock, tmp_path) -> None:
        api.reply_with(Reply(RECORDS))

        assert fetch(api, clock, tmp_path) == RECORDS
        assert [(one.path, one.query) for one in api.requests] == [("/orders", {"day": "2026-03-09"})]

    def test_days_stand_in_path_and_parameters(self, api, clock, tmp_path) -> None:
        api.reply_with(Reply(RECORDS))

        fetch(api, clock, tmp_path, path="/v1/{day}", parameters={"until": "{next_day}", "limit": 5, "all": True})

        assert api.requests[0].path == "/v1/2026-03-09"
        assert api.requests[0].query == {"until": "2026-03-10", "limit": "5", "all": "true"}

    def test_numbers_go_on_to_the_page_without_records(self, api, clock, tmp_path) -> None:
        api.answer = count_up

        assert fetch(api, clock, tmp_path, pages={**NUMBERED, "size_parameter": "size", "size": 2}) == RECORDS
        assert [one.query for one in api.requests] == [
            {"day": "2026-03-09", "size": "2", "page": str(page)} for page in (1, 2, 3)
        ]

    def test_numbers_begin_where_the_settings_say(self, api, clock, tmp_path) -> None:
        api.answer = lambda request: Reply(PAGES[int(request.query["page"])])

        assert fetch(api, clock, tmp_path, pages={**NUMBERED, "first": 0}) == RECORDS

    def test_a_page_that_is_not_full_is_not_the_last(self, api, clock, tmp_path) -> None:
        # given a server that answers with two records at most, whatever it is asked for
        api.answer = count_up

        assert fetch(api, clock, tmp_path, pages={**NUMBERED, "size_parameter": "size", "size": 100}) == RECORDS

    def test_cursors_go_on_to_the_answer_without_one(self, api, clock, tmp_path) -> None:
        # given a page without records in between, as filters make them
        following = {None: "b", "b": 3, "3": ""}
        pages = {None: PAGES[0], "b": [], "3": PAGES[1]}
        api.answer = lambda request: Reply(
            {
                "data": {"rows": pages[request.query.get("after")]},
                "meta": {"next": following[request.query.get("after")]},
            }
        )
        cursors = {"by": "cursor", "parameter": "after", "cursor": "meta.next"}

        assert fetch(api, clock, tmp_path, pages=cursors, records="data.rows") == RECORDS
        assert [one.query for one in api.requests] == [
            {"day": "2026-03-09"},
            {"day": "2026-03-09", "after": "b"},
            {"day": "2026-03-09", "after": "3"},
        ]

    @pytest.mark.parametrize("is_whole", [True, False])
    @pytest.mark.parametrize("place", ["header", "body"])
    def test_links_are_followed(self, api, clock, tmp_path, place: str, is_whole: bool) -> None:
        def answer(request: Request) -> Reply:
            page = int(request.query.get("page", "1"))
            link = f"{api.url if is_whole else ''}/orders?page={page + 1}&mark=a%2Cb%3D"
            if place == "body":
                return Reply({"rows": PAGES[page - 1], "next": link if page < 3 else None})
            header = f'</orders?page=1>; rel="prev first", <{link}>; rel="next last"' if page < 3 else ""
            return Reply(PAGES[page - 1], headers={"Link": header} if header else {})

        api.answer = answer
        changes = {"pages": {"by": "link", "next": "next"}, "records": "rows"} if place == "body" else {}

        assert fetch(api, clock, tmp_path, **{"pages": {"by": "link"}, **changes}) == RECORDS
        assert api.requests[1].query == {"page": "2", "mark": "a,b="}

    def test_no_records_are_a_file_of_no_rows(self, api, clock, tmp_path) -> None:
        api.reply_with(Reply(b"", 204))

        path = deliver(api, clock).fetch(DAY, tmp_path)

        assert path.read_bytes() == b"\n"

    def test_the_same_records_are_the_same_file(self, api, clock, tmp_path) -> None:
        api.reply_with(Reply('[{"id": 1, "name": "é", "rate": 0.1, "gone": null}]'))
        first = deliver(api, clock).fetch(DAY, tmp_path).read_bytes()
        api.reply_with(Reply('[ {"rate":0.10,"gone":null,"name":"\\u00e9","id":1} ]'))

        assert deliver(api, clock).fetch(DAY, tmp_path).read_bytes() == first
        assert json.loads(first) == {"id": 1, "name": "é", "rate": 0.1, "gone": None}

    def test_records_may_have_different_fields(self, api, clock, tmp_path) -> None:
        api.reply_with(Reply([{"id": 1}, {"id": 2, "note": "x"}, {"note": None}]))

        assert fetch(api, clock, tmp_path) == [{"id": 1}, {"id": 2, "note": "x"}, {"note": None}]

    def test_whole_numbers_keep_all_digits(self, api, clock, tmp_path) -> None:
        api.reply_with(Reply([{"id": 9007199254740993}]))

        assert fetch(api, clock, tmp_path) == [{"id": 9007199254740993}]


class TestWhatIsNoPage:
    def test_html(self, api, clock, tmp_path) -> None:
        api.reply_with(Reply("<!doctype html><title>Sign in</title>", headers={"Content-Type": "text/html"}))

        message = refuse(api, clock, tmp_path)

        assert "/orders, page 1: the answer is HTML or XML; it begins: <!doctype html><title>Sign in" in message
        assert len(api.requests) == 1

    def test_half_a_document(self, api, clock, tmp_path) -> None:
        api.answer = lambda request: Reply(PAGES[0]) if request.query["page"] == "1" else Reply('[{"id": 3}, {"i')

        message = refuse(api, clock, tmp_path, pages=NUMBERED)

        assert message.startswith("SourceError")
        assert "page 2: the answer is no JSON, or a part of it" in message

    def test_half_a_page_that_stays_half(self, api, clock, tmp_path) -> None:
        api.reply_with(Reply('[{"id": 3}]', length=4000))

        message = refuse(api, clock, tmp_path, retries=2)

        assert message.startswith("SourceAwayError")
        assert "the connection failed (peer closed connection without sending complete message body" in message
        assert "the last of 3 tries" in message
        assert len(api.requests) == 3

    def test_half_a_page_that_comes_whole(self, api, clock, tmp_path) -> None:
        api.reply_with(Reply('[{"id": 1}]', length=4000), Reply(RECORDS))

        assert fetch(api, clock, tmp_path) == RECORDS

    @pytest.mark.parametrize(
        ("body", "problem"),
        [
            ({"rows": []}, "the answer is no list of records but an object with rows, and records in sources.yml"),
            ("12", "the answer is no list of records but a number"),
            ("", "the answer is no JSON, or a part of it"),
            ([1], "record 1 is no object but a number"),
            (
                [{"id": 1}, {"id": 2, "place": {"x": 1}}],
                "field 'place' of record 2 is not one value but holds an object",
            ),
            ([{"id": 1, "tags": ["a"]}], "field 'tags' of record 1 is not one value but holds a list"),
            ('[{"id": NaN}]', "NaN is no number"),
            ('[{"id": 1, "rate": 1e999}]', "field 'rate' of record 1 holds a number that is too large"),
        ],
    )
    def test_other_json(self, api, clock, tmp_path, body: object, problem: str) -> None:
        api.reply_with(Reply(body))

        assert problem in refuse(api, clock, tmp_path)

    def test_a_first_page_of_more(self, api, clock, tmp_path) -> None:
        # given a source without pages in its settings
        api.reply_with(Reply(RECORDS, headers={"Link": '</orders?page=2>; rel="next"'}))

        assert "its Link header names a next page, and pages in sources.yml is not set" in refuse(api, clock, tmp_path)

    def test_more_than_can_be_read_at_once(self, api, clock, tmp_path, monkeypatch) -> None:
        monkeypatch.setattr(http_client, "_MAX_BODY_BYTES", 1 << 20)
        api.reply_with(Reply([{"id": 1, "text": "x" * (1 << 20)}]))

        assert "the answer has more than 1 MB. Have the server deliver it in pages" in refuse(api, clock, tmp_path)

    @pytest.mark.parametrize(
        ("records", "problem"),
        [
            ("data.row", "'data' in it holds no 'row' but an object with rows, total"),
            ("date.rows", "it holds no 'date' but an object with data"),
            ("data.total", "'data.total' in it is no list of records but a number"),
        ],
    )
    def test_records_in_another_place(self, api, clock, tmp_path, records: str, problem: str) -> None:
        api.reply_with(Reply({"data": {"rows": RECORDS, "total": 3}}))

        assert problem in refuse(api, clock, tmp_path, records=records)


class TestPagesForEver:
    def test_the_same_page(self, api, clock, tmp_path) -> None:
        api.reply_with(Reply(RECORDS))

        assert "page 2: it has the records of an earlier page" in refuse(
            api, clock, tmp_path, pages=NUMBERED, max_pages=9
        )
        assert len(api.requests) == 2

    def test_two_pages_in_turns(self, api, clock, tmp_path) -> None:
        api.answer = lambda request: Reply(PAGES[int(request.query["page"]) % 2])

        assert "page 3: it has the records of an earlier page" in refuse(
            api, clock, tmp_path, pages=NUMBERED, max_pages=9
        )

    def test_the_same_cursor(self, api, clock, tmp_path) -> None:
        api.answer = lambda request: Reply({"rows": [{"id": len(api.requests)}], "next": "again"})
        cursors = {"by": "cursor", "parameter": "after", "cursor": "next"}

        assert "page 2: the cursor 'again' comes again" in refuse(
            api, clock, tmp_path, pages=cursors, records="rows", max_pages=9
        )

    def test_a_link_to_itself(self, api, clock, tmp_path) -> None:
        api.answer = lambda request: Reply([{"id": 1}], headers={"Link": '</orders?day=2026-03-09>; rel="next"'})

        assert "page 1: the link to the next page leads to one" in refuse(
            api, clock, tmp_path, pages={"by": "link"}, max_pages=9
        )

    def test_new_records_for_ever(self, api, clock, tmp_path) -> None:
        api.answer = lambda request: Reply([{"id": len(api.requests)}])

        message = refuse(api, clock, tmp_path, pages=NUMBERED, max_pages=4)

        assert "page 4: it is not the last page" in message
        assert "max_pages" in message
        assert len(api.requests) == 4

    def test_the_last_page_may_be_the_last_that_is_allowed(self, api, clock, tmp_path) -> None:
        api.answer = count_up

        assert fetch(api, clock, tmp_path, pages=NUMBERED, max_pages=3) == RECORDS


class TestOtherTries:
    def test_throttled_without_a_time(self, api, clock, tmp_path) -> None:
        api.reply_with(*[Reply(status=429)] * 3, Reply(RECORDS))

        assert fetch(api, clock, tmp_path) == RECORDS
        # Each wait is twice the last one, and up to a second longer.
        assert [1 <= clock.waits[0] <= 2, 2 <= clock.waits[1] <= 3, 4 <= clock.waits[2] <= 5] == [True] * 3
        assert len(clock.waits) == 3

    def test_throttled_for_seconds(self, api, clock, tmp_path) -> None:
        api.reply_with(Reply(status=429, headers={"Retry-After": "17"}), Reply(RECORDS))

        assert fetch(api, clock, tmp_path) == RECORDS
        assert clock.waits == [17]

    @pytest.mark.parametrize(("offset", "expected"), [(90, 90), (-90, 0)])
    def test_throttled_until_a_date(self, api, clock, tmp_path, offset: int, expected: int) -> None:
        # given a server whose clock is another one than ours
        now = datetime(2031, 1, 1, tzinfo=UTC)
        headers = {
            "Date": format_datetime(now, usegmt=True),
            "Retry-After": format_datetime(now + timedelta(seconds=offset), usegmt=True),
        }
        api.reply_with(Reply(status=429, headers=headers), Reply(RECORDS))

        assert fetch(api, clock, tmp_path) == RECORDS
        assert clock.waits == [expected]

    def test_throttled_until_a_date_by_our_clock(self, api, clock, tmp_path) -> None:
        later = format_datetime(datetime.now(UTC) + timedelta(seconds=250), usegmt=True)
        api.reply_with(Reply(status=503, headers={"Retry-After": later}), Reply(RECORDS))

        assert fetch(api, clock, tmp_path) == RECORDS
        assert 0 < clock.waits[0] <= 250

    def test_throttled_for_what_is_no_time(self, api, clock, tmp_path) -> None:
        api.reply_with(Reply(status=429, headers={"Retry-After": "soon"}), Reply(RECORDS))

        assert fetch(api, clock, tmp_path) == RECORDS
        assert 1 <= clock.waits[0] <= 2

    def test_throttled_for_longer_than_the_settings_allow(self, api, clock, tmp_path) -> None:
        api.reply_with(Reply(status=429, headers={"Retry-After": "3600"}))

        message = refuse(api, clock, tmp_path, max_wait_s=60)

        assert message.startswith("SourceAwayError")
        assert (
            "it answered 429 Too Many Requests and asks to wait 3600 s, which is longer than max_wait_s (60)" in message
        )
        assert clock.waits == []

    def test_throttled_for_ever(self, api, clock, tmp_path) -> None:
        api.reply_with(Reply(status=429))

        message = refuse(api, clock, tmp_path, retries=10, max_wait_s=30)

        assert message.startswith("SourceAwayError")
        assert "it answered 429 Too Many Requests, also at the last of 11 tries" in message
        assert len(api.requests) == 11
        assert max(clock.waits) == 30

    @pytest.mark.parametrize("status", [408, 500, 502, 503, 504, 520])
    def test_an_error_that_passes(self, api, clock, tmp_path, status: int) -> None:
        api.reply_with(Reply("<html>", status), Reply(RECORDS))

        assert fetch(api, clock, tmp_path) == RECORDS

    def test_a_server_that_hangs(self, api, clock, tmp_path) -> None:
        api.reply_with(Reply(hangs=True))

        message = refuse(api, clock, tmp_path, timeout_s=0.1, retries=1)

        assert message.startswith("SourceAwayError")
        assert "no answer within timeout_s (0.1 s), also at the last of 2 tries" in message

    def test_no_server(self, clock, tmp_path) -> None:
        with serve_api() as gone:
            pass

        message = refuse(gone, clock, tmp_path, retries=1)

        assert message.startswith("SourceAwayError")
        assert "Connection refused), also at the last of 2 tries" in message

    @pytest.mark.parametrize(
        ("status", "kind"),
        [(400, "SourceError"), (401, "SourceAwayError"), (403, "SourceAwayError"), (404, "SourceError")],
    )
    def test_other_errors_are_final(self, api, clock, tmp_path, status: int, kind: str) -> None:
        api.reply_with(Reply(f"no such thing {'x' * 1000}", status))

        message = refuse(api, clock, tmp_path)

        assert message.startswith(f"{kind}:")
        assert f"/orders, page 1: it answered {status} " in message
        assert "(body: no such thing xxx" in message
        assert len(message) < 900
        assert (len(api.requests), clock.waits) == (1, [])


def test_requests_keep_their_distance(api, clock, tmp_path) -> None:
    # given pages, of which one is throttled, and two days
    api.read_clock = lambda: clock.now
    api.answer = lambda request: Reply(status=500) if len(api.requests) == 2 else count_up(request)
    deliveries = deliver(api, clock, pages=NUMBERED, requests_per_second=0.25)

    deliveries.fetch(DAY, tmp_path)
    deliveries.fetch(DAY + timedelta(days=1), tmp_path)

    stamps = [one.at for one in api.requests]
    assert len(stamps) == 7
    assert min(later - earlier for earlier, later in pairwise(stamps)) >= 4


class TestCredentials:
    def test_a_password_alone_is_a_token(self, api, clock, tmp_path) -> None:
        api.reply_with(Reply(RECORDS))

        fetch(api, clock, tmp_path)

        assert api.requests[0].headers["Authorization"] == f"Bearer {TOKEN}"

    def test_login_password_and_headers(self, api, clock, tmp_path) -> None:
        api.reply_with(Reply(RECORDS))
        port = int(api.url.rpartition(":")[2])
        access = SourceAccess("127.0.0.1/v2/", port, "http", "ada", "pw", {"headers": {"X-Key": "k"}})

        open_api("orders", declare(), access, "UTC").fetch(DAY, tmp_path)

        assert api.requests[0].path == "/v2/orders"
        assert api.requests[0].headers["X-Key"] == "k"
        assert api.requests[0].headers["Authorization"] == "Basic " + base64.b64encode(b"ada:pw").decode()

    def test_no_proxy_is_asked_for_this_machine(self, api, other, clock, tmp_path, monkeypatch) -> None:
        monkeypatch.setenv("HTTP_PROXY", other.url)
        monkeypatch.setenv("http_proxy", other.url)
        monkeypatch.delenv("NO_PROXY", raising=False)
        monkeypatch.delenv("no_proxy", raising=False)
        api.reply_with(Reply(RECORDS))

        assert fetch(api, clock, tmp_path) == RECORDS
        assert other.requests == []

    @pytest.mark.parametrize(
        ("url", "expected"),
        [
            ("http://127.8.0.1:80", True), ("http://[::1]/x", True), ("https://localhost", True),
            ("https://api.example.com", False), ("https://127.example.com", False), ("http://10.0.0.1", False),
        ],
    )  # fmt: skip
    def test_this_machine(self, url: str, expected: bool) -> None:
        assert is_loopback(url) is expected

    def test_another_server_is_not_asked_for_the_next_page(self, api, other, clock, tmp_path) -> None:
        other.reply_with(Reply(PAGES[1]))
        api.answer = lambda request: Reply(PAGES[0], headers={"Link": f'<{other.url}/orders?page=2>; rel="next"'})

        message = refuse(api, clock, tmp_path, pages={"by": "link"})

        assert "page 1: the next page is on another server (http://127.0.0.1)" in message
        assert other.requests == []

    @pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
    def test_they_do_not_follow_a_redirect_to_another_server(self, api, other, clock, tmp_path, status: int) -> None:
        other.reply_with(Reply(RECORDS))
        headers = {"Location": f"{other.url}/file?sig=abc", "Set-Cookie": "session=mine"}
        api.answer = lambda request: Reply("", status, headers)
        access = SourceAccess(api.url, login="ada", password="pw", extra={"headers": {"X-Key": TOKEN}})

        path = open_api("orders", declare(), access, "UTC").fetch(DAY, tmp_path)

        assert len(path.read_text().splitlines()) == 3
        assert (other.requests[0].path, other.requests[0].query) == ("/file", {"sig": "abc"})
        assert {"Authorization", "X-Key", "Cookie", "authorization", "x-key"} & set(other.requests[0].headers) == set()
        assert "pw" not in str(other.requests[0].headers)

    def test_but_one_within_the_server(self, api, clock, tmp_path) -> None:
        api.answer = lambda request: (
            Reply(RECORDS) if request.path == "/new/orders" else Reply("", 302, {"Location": "/new/orders"})
        )

        assert fetch(api, clock, tmp_path) == RECORDS
        assert [one.headers["Authorization"] for one in api.requests] == [f"Bearer {TOKEN}"] * 2

    def test_the_other_server_wants_some(self, api, other, clock, tmp_path) -> None:
        other.reply_with(Reply("who?", 401))
        api.reply_with(Reply("", 302, {"Location": f"{other.url}/file?sig=abc"}))

        message = refuse(api, clock, tmp_path)

        assert "It was redirected to another server, to which no credentials are sent" in message
        assert "sig" not in message

    def test_redirects_for_ever(self, api, clock, tmp_path) -> None:
        api.reply_with(Reply("", 302, {"Location": "/orders"}))

        assert "more than 5 redirects" in refuse(api, clock, tmp_path)

    @pytest.mark.parametrize("status", [200, 404, 401, 500])
    def test_they_are_in_no_message_and_no_log(self, api, clock, tmp_path, status: int, caplog) -> None:
        # given a server that says what it was sent, and what it would be sent
        caplog.set_level(logging.DEBUG)
        basic = base64.b64encode(b"ada:pa55word").decode()
        api.answer = lambda request: Reply(
            f"you sent {json.dumps(dict(request.headers))} and pa55word", status, {"X-Next": "sig=abc"}
        )
        access = SourceAccess(api.url, login="ada", password="pa55word", extra={"headers": {"X-Key": TOKEN}})
        deliveries = replace(open_api("orders", declare(retries=1), access, "UTC"), timing=clock.timing)

        with pytest.raises(SourceError) as caught:
            deliveries.fetch(DAY, tmp_path)

        told = "\n".join([str(caught.value), caplog.text, repr(deliveries), deliveries.describe(DAY)])
        assert api.requests[0].headers["X-Key"] == TOKEN
        assert "you sent" in told or status == 500
        for secret in (TOKEN, "pa55word", basic):
            assert secret not in told

    def test_links_are_in_no_log(self, api, clock, tmp_path, caplog) -> None:
        caplog.set_level(logging.INFO)
        api.reply_with(Reply(PAGES[0], headers={"Link": '</orders?sig=abc123>; rel="next"'}), Reply(PAGES[1]))

        assert fetch(api, clock, tmp_path, pages={"by": "link"}) == RECORDS
        assert "Source 'orders': 2 page(s)" in caplog.text
        assert "abc123" not in caplog.text

    @pytest.mark.parametrize(
        ("access", "url"),
        [
            (SourceAccess("api.example.com"), "https://api.example.com"),
            (SourceAccess("api.example.com/v2", 8443), "https://api.example.com:8443/v2"),
            (SourceAccess("http://api.example.com/v2", 81, "https"), "http://api.example.com:81/v2"),
        ],
    )
    def test_the_address_of_a_connection(self, access: SourceAccess, url: str) -> None:
        assert find_base_url(access) == url

    @pytest.mark.parametrize(
        ("url", "password", "headers", "problem"),
        [
            ("", "x", {}, "its host is no address such as https://api.example.com"),
            ("ftp://api.example.com", "x", {}, "its host is no address"),
            ("https://", "x", {}, "its host is no address"),
            ("https://api.example.com:123456", "x", {}, "its host is no address"),
            ("https://api.example.com?key=abc", "x", {}, "its host is no address"),
            ("https://ada:pw@api.example.com", "x", {}, "its host holds a user"),
            ("https://api.example.com", "to\nken", {}, "the header 'Authorization' holds a line break"),
            ("https://api.example.com", "x", {"X-Key": "ü"}, "the header 'X-Key' holds a line break or another"),
            ("https://api.example.com", "x", {"X-Key": 5}, "'headers' in its extra is no mapping"),
            ("https://api.example.com", "x", ["X-Key"], "'headers' in its extra is no mapping"),
        ],
    )
    def test_a_connection_that_cannot_be_used(self, url: str, password: str, headers: object, problem: str) -> None:
        with pytest.raises(SourceError) as caught:
            read_credentials("orders_api", SourceAccess(url, password=password, extra={"headers": headers}))

        assert str(caught.value).startswith(f"Connection 'orders_api': {problem}")
        assert "pw" not in str(caught.value)
        assert "ken" not in str(caught.value)


class TestDays:
    @pytest.fixture(autouse=True)
    def _today(self, monkeypatch) -> None:
        monkeypatch.setenv("ORRERY_TODAY", "2026-03-09")

    def test_every_day_that_is_over_is_delivered(self, api, clock) -> None:
        days = deliver(api, clock).find_days(date(2026, 3, 7), date(2026, 3, 12))

        assert days == [date(2026, 3, 7), date(2026, 3, 8)]
        assert api.requests == []

    def test_no_day_is(self, api, clock) -> None:
        assert deliver(api, clock).find_days(DAY, DAY) == []

    @pytest.mark.parametrize(
        ("changed", "expected"),
        [
            ("Fri, 06 Mar 2026 04:59:59 GMT", date(2026, 3, 5)),
            ("Fri, 06 Mar 2026 05:00:00 GMT", date(2026, 3, 6)),
            ("Fri, 06 Mar 2027 05:00:00 GMT", DAY),
            ("long ago", DAY),
            (None, DAY),
        ],
    )
    def test_a_live_copy_is_of_the_day_of_its_last_change(self, api, clock, changed, expected) -> None:
        api.reply_with(Reply(RECORDS, headers={"Last-Modified": changed} if changed else {}))
        deliveries = deliver(api, clock, grain="snapshot", parameters={})

        assert deliveries.find_days(date(2026, 1, 1), date(2026, 12, 31)) == [expected]
        assert deliveries.find_days(expected + timedelta(days=1), date(2026, 12, 31)) == []
        assert deliveries.find_days(date(2026, 1, 1), expected - timedelta(days=1)) == []

    def test_one_in_pages_is_of_today(self, api, clock) -> None:
        api.reply_with(Reply(RECORDS, headers={"Last-Modified": "Fri, 06 Mar 2026 05:00:00 GMT", "ETag": '"a"'}))
        deliveries = deliver(api, clock, grain="snapshot", parameters={}, pages=NUMBERED)

        assert deliveries.find_days(date(2026, 1, 1), DAY) == [DAY]
        assert deliveries.find_version(DAY) is None

    @pytest.mark.parametrize(
        ("headers", "expected"),
        [({"ETag": '"a"', "Last-Modified": "x"}, '"a"'), ({"Last-Modified": "x"}, "x"), ({}, None)],
    )
    def test_its_version_is_what_the_server_says(self, api, clock, headers, expected) -> None:
        api.reply_with(Reply(RECORDS, headers=headers))

        assert deliver(api, clock, grain="snapshot", parameters={}).find_version(DAY) == expected

    def test_a_younger_copy_is_not_dated_back(self, api, clock, tmp_path) -> None:
        api.reply_with(Reply(RECORDS, headers={"Last-Modified": "Sun, 08 Mar 2026 12:00:00 GMT"}))
        deliveries = deliver(api, clock, grain="snapshot", parameters={})

        with pytest.raises(SourceError, match="the live copy is that of 2026-03-08 by now"):
            deliveries.fetch(date(2026, 3, 7), tmp_path)

        assert list(tmp_path.iterdir()) == []
        assert deliveries.fetch(date(2026, 3, 8), tmp_path).exists()

    @pytest.mark.parametrize("text", ["Sun, 08 Mar 2026 12:00:00 GMT", None])
    def test_a_change_is_when_the_server_says(self, api, clock, text: str | None) -> None:
        api.reply_with(Reply(RECORDS, headers={"Last-Modified": text} if text else {}))

        assert deliver(api, clock).find_changed_at(DAY) == (datetime(2026, 3, 8, 12, tzinfo=UTC) if text else None)

    def test_missing_days_are_explained(self, api, clock) -> None:
        message = str(deliver(api, clock).explain_missing([DAY]))

        assert f"expected {api.url}/orders?day=2026-03-09. A day counts as delivered when it is over." in message

    def test_it_has_the_interface_of_all_kinds(self, api, clock) -> None:
        deliveries: Deliveries = deliver(api, clock)

        assert all(hasattr(deliveries, name) for name in dir(Deliveries) if not name.startswith("_"))

    def test_a_person_is_told_the_url(self, api, clock) -> None:
        assert deliver(api, clock, path="/v1/orders").describe(DAY) == f"{api.url}/v1/orders?day=2026-03-09"


class TestFiles:
    """The file is read as every delivered file is."""

    COLUMNS: ClassVar = {
        "id": {"type": "int64"}, "name": {"type": "string", "nullable": True}, "at": {"type": "timestamp"},
        "rate": {"type": "float64", "nullable": True},
    }  # fmt: skip

    def read(self, api: ApiServer, clock: Clock, folder: Path, **changes: Any) -> Any:
        """The records of a day with their declared types."""
        deliveries = deliver(api, clock, columns=self.COLUMNS, **changes)
        return read_file("orders", deliveries.source, deliveries.fetch(DAY, folder), "America/New_York")

    def test_records_become_declared_columns(self, api, clock, tmp_path) -> None:
        api.reply_with(
            Reply(
                [{"at": "2026-03-09T12:00:00Z", "id": 1, "rate": 1}, {"id": 2, "name": "b", "at": "2026-03-09T13:00Z"}]
            )
        )

        table = self.read(api, clock, tmp_path)

        assert table.to_pylist() == [
            {"id": 1, "name": None, "at": datetime(2026, 3, 9, 12, tzinfo=UTC), "rate": 1.0},
            {"id": 2, "name": "b", "at": datetime(2026, 3, 9, 13, tzinfo=UTC), "rate": None},
        ]

    def test_a_field_that_is_not_declared_is_named(self, api, clock, tmp_path) -> None:
        api.reply_with(Reply([{"id": 1, "at": "2026-03-09T12:00:00Z", "name": "a", "rate": 1, "city": "x"}]))

        with pytest.raises(SourceError, match=r"column\(s\) 'city' are not declared"):
            self.read(api, clock, tmp_path)

    def test_no_records_may_be_allowed(self, api, clock, tmp_path) -> None:
        api.reply_with(Reply([]))

        assert self.read(api, clock, tmp_path, allow_empty=True).num_rows == 0
        with pytest.raises(SourceError, match="it has columns but no rows"):
            self.read(api, clock, tmp_path)
