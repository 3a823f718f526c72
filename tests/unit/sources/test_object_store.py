"""Objects of buckets: what is delivered, what has changed, and what goes wrong, against servers on loopback."""

from __future__ import annotations

import gzip
import io
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from include.errors import SourceAwayError, SourceError
from include.settings.section import parse_section
from include.settings.sources import SourceSettings
from include.sources.dated_names import DatedName
from include.sources.deliveries import find_missing_days, find_snapshots, open_deliveries
from include.sources.files import is_bad_file
from include.sources.object_store import ObjectStoreDeliveries, list_prefixes
from include.sources.source import SourceAccess
from tests.unit.sources.buckets import (
    BUCKET,
    SECRET,
    BucketServer,
    Proxy,
    is_download,
    require_credentials,
    run_gcs,
    run_proxy,
    run_s3,
)
from tests.unit.sources.whole import read_source

DAY = date(2026, 3, 9)
ONE = timedelta(days=1)
Open = Callable[..., ObjectStoreDeliveries]


@pytest.fixture(scope="module")
def servers() -> Iterator[dict[str, BucketServer]]:
    """A server of each protocol."""
    with run_s3() as s3, run_gcs() as gcs:
        yield {"s3": s3, "gcs": gcs}


@pytest.fixture(params=["s3", "gcs"])
def server(servers: dict[str, BucketServer], request: pytest.FixtureRequest) -> BucketServer:
    """A server without objects."""
    found = servers[request.param]
    found.empty()
    return found


@pytest.fixture
def s3(servers: dict[str, BucketServer]) -> BucketServer:
    """The server of S3, without objects."""
    servers["s3"].empty()
    return servers["s3"]


@pytest.fixture
def proxy(server: BucketServer) -> Iterator[Proxy]:
    """A proxy before the server."""
    with run_proxy(server.url) as found:
        yield found


@pytest.fixture
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """The GCS library waits half a minute in all between its own tries."""
    import gcsfs.retry

    async def pause(_: float) -> None:
        return None

    monkeypatch.setattr(gcsfs.retry, "asyncio", SimpleNamespace(sleep=pause))


def settings_of(store: str, **changed: Any) -> SourceSettings:
    source = {
        "kind": "object_store", "store": store, "bucket": BUCKET, "connection": "exports",
        "path": "in/readings-{day}.csv.gz", "format": "csv", "grain": "daily", "key": ["id"],
        "event_column": "at", "columns": {"id": {"type": "int64"}, "at": {"type": "date"}}, **changed,
    }  # fmt: skip
    return parse_section({"sources": {"readings": source}}, SourceSettings, "development", "sources.yml")


def open_readings(server: BucketServer, access: SourceAccess | None = None, **changed: Any) -> ObjectStoreDeliveries:
    found = open_deliveries(settings_of(server.store, **changed), "readings", Path("none"), access or server.access())
    assert isinstance(found, ObjectStoreDeliveries)
    return found


def csv_gz(day: date, rows: int = 2) -> bytes:
    return gzip.compress(("id,at\n" + "".join(f"{number},{day}\n" for number in range(rows))).encode())


def parquet(day: date, rows: int = 2) -> bytes:
    content = io.BytesIO()
    pq.write_table(pa.table({"id": list(range(rows)), "at": pa.array([day] * rows, pa.date32())}), content)
    return content.getvalue()


def read_ids(server: BucketServer, deliveries: ObjectStoreDeliveries, **changed: Any) -> list[int]:
    settings = settings_of(server.store, **changed)
    found: list[int] = read_source(settings, "readings", deliveries, DAY, DAY).table.column("id").to_pylist()
    return found


def refusal(call: Callable[[], object], kind: type[SourceError] = SourceError) -> str:
    with pytest.raises(SourceError) as caught:
        call()
    assert type(caught.value) is kind
    assert "Source 'readings'" in str(caught.value)
    assert SECRET not in str(caught.value)
    assert "run again" in str(caught.value).lower()
    return str(caught.value)


class TestListing:
    def test_days_are_found_by_prefix_among_other_keys(self, server: BucketServer) -> None:
        for key in (
            "in/readings-2026-03-09.csv.gz", "in/readings-2026-03-01.csv.gz", "in/readings-2025-12-31.csv.gz",
            "in/readings-2026-03-10.csv.gz.part", "in/readings-2026-02-30.csv.gz", "in/repairs-2026-03-08.csv.gz",
            "in/deeper/readings-2026-03-07.csv.gz", "in/readings-2026-03-06.csv.gz/part-0",
            "readings-2026-03-05.csv.gz", "indoor/readings-2026-03-04.csv.gz",
        ):  # fmt: skip
            server.put(key, b"x")
        deliveries = open_readings(server)

        assert deliveries.find_days(date.min, date.max) == [date(2025, 12, 31), date(2026, 3, 1), DAY]
        assert deliveries.find_days(DAY, DAY) == [DAY]
        assert deliveries.find_days(date(2026, 1, 1), date(2026, 3, 8)) == [date(2026, 3, 1)]
        assert find_snapshots(deliveries, date(2026, 2, 1), DAY) == [date(2025, 12, 31), date(2026, 3, 1), DAY]
        assert find_missing_days(deliveries, DAY - ONE, DAY) == [DAY - ONE]

    def test_names_without_a_beginning_are_found_in_the_root_of_a_bucket(self, server: BucketServer) -> None:
        server.put("2026-03-09.csv.gz", csv_gz(DAY))
        server.put("2026-03-09.csv", b"x")
        deliveries = open_readings(server, path="{day}.csv.gz")

        assert deliveries.find_days(date.min, date.max) == [DAY]
        assert read_ids(server, deliveries) == [0, 1]

    def test_a_prefix_asks_for_no_more_than_the_window(self) -> None:
        name = DatedName("readings-{day}.csv")
        assert list_prefixes(name, DAY, DAY) == ["readings-2026-03-09"]
        assert list_prefixes(name, DAY, DAY + ONE) == ["readings-2026-03-"]
        assert list_prefixes(DatedName("{day}.csv"), date(1000, 1, 1), date(2999, 12, 31)) == ["1", "2"]
        assert list_prefixes(name, DAY, DAY - ONE) == []

    def test_a_prefix_without_objects_has_delivered_nothing(self, server: BucketServer) -> None:
        deliveries = open_readings(server)

        assert deliveries.find_days(date.min, date.max) == []
        message = str(deliveries.explain_missing([DAY]))
        assert "1 day(s) missing, for 2026-03-09" in message
        assert "There is no object named like readings-{day}.csv.gz" in message
        scheme = {"s3": "s3", "gcs": "gs"}[server.store]
        assert f"expected {scheme}://{BUCKET}/in/readings-2026-03-09.csv.gz" in message

    def test_what_is_missing_is_said_with_what_is_there(self, server: BucketServer) -> None:
        for name in ("readings-2026-03-01.csv.gz", "readings-2026-03-09.csv.gz.tmp"):
            server.put(f"in/{name}", b"x")

        message = str(open_readings(server).explain_missing([DAY]))

        assert (
            "Its objects are of 2026-03-01 to 2026-03-01. Nearest name there: readings-2026-03-09.csv.gz.tmp" in message
        )

    @pytest.mark.parametrize(
        "folder", ["in/a b", "in/#1", "in/'; drop table readings; --", "in/é", "in/50%", "in/%20", "in/a+b", "in/[x]*?"]
    )
    def test_odd_names_are_names(self, server: BucketServer, folder: str) -> None:
        if server.store == "gcs" and any(mark in folder for mark in "%;"):
            pytest.skip("the emulator itself loses such names: it decodes them twice, and ends them at a semicolon")
        server.put(f"{folder}/readings {{}}-{DAY}.csv.gz".replace("{}", "x"), csv_gz(DAY))
        path = f"{folder}/readings x-{{day}}.csv.gz"
        deliveries = open_readings(server, path=path)

        assert deliveries.find_days(DAY, DAY) == [DAY]
        assert read_ids(server, deliveries, path=path) == [0, 1]


class TestContent:
    @pytest.mark.parametrize(
        ("changed", "write"),
        [({}, csv_gz), ({"path": "in/readings-{day}.parquet", "format": "parquet"}, parquet)],
        ids=["csv.gz", "parquet"],
    )
    def test_an_object_is_read_and_its_local_file_goes(
        self, server: BucketServer, changed: dict[str, Any], write: Callable[[date], bytes], tmp_path: Path,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:  # fmt: skip
        monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
        deliveries = open_readings(server, **changed)
        server.put(deliveries.source.path.format(day=DAY), write(DAY))

        assert read_ids(server, deliveries, **changed) == [0, 1]
        assert list(tmp_path.iterdir()) == []

    def test_a_bad_object_is_named_by_its_address(self, server: BucketServer) -> None:
        server.put(f"in/readings-{DAY}.csv.gz", gzip.compress(b"id,when\n1,2026-03-09\n"))
        deliveries = open_readings(server)

        with pytest.raises(SourceError, match="'at' is missing") as caught:
            read_ids(server, deliveries)
        assert f"file {deliveries.describe(DAY)}: " in str(caught.value)
        assert is_bad_file(caught.value)

    def test_the_version_changes_with_the_content_only(self, server: BucketServer) -> None:
        key = f"in/readings-{DAY}.csv.gz"
        server.put(key, csv_gz(DAY))
        first = open_readings(server).find_version(DAY)
        listed = open_readings(server)
        listed.find_days(DAY, DAY)

        assert first is not None
        assert listed.find_version(DAY) == open_readings(server).find_version(DAY) == first

        server.put(key, csv_gz(DAY, rows=3))
        again = open_readings(server)
        assert again.find_version(DAY) != first
        changed_at = again.find_changed_at(DAY)
        assert changed_at is not None
        assert abs(changed_at - datetime.now(UTC)) < timedelta(minutes=1)

        server.remove(key)
        assert open_readings(server).find_version(DAY) is None
        assert open_readings(server).find_changed_at(DAY) is None


class TestChangesMeanwhile:
    """The proxy lets the source's owner write the object after its content was read and before it is on its way."""

    def rewrite(self, server: BucketServer, proxy: Proxy, times: int) -> None:
        left = list(range(times))

        def spoil(method: str, path: str, status: int, body: bytes) -> tuple[int, bytes]:
            if method == "GET" and is_download(path) and left:
                server.put(f"in/readings-{DAY}.csv.gz", csv_gz(DAY, rows=10 + left.pop()))
            return status, body

        proxy.spoil = spoil

    def test_an_object_that_changes_while_it_is_read_is_read_again(
        self, server: BucketServer, proxy: Proxy, tmp_path: Path
    ) -> None:
        server.put(f"in/readings-{DAY}.csv.gz", csv_gz(DAY))
        self.rewrite(server, proxy, times=1)

        path = open_readings(server, server.access(proxy.url)).fetch(DAY, tmp_path)

        assert gzip.decompress(path.read_bytes()) == gzip.decompress(csv_gz(DAY, rows=10))
        assert proxy.downloads("readings") >= 2  # the emulator of GCS breaks off now and then by itself

    def test_one_that_does_not_stay_the_same_is_refused(
        self, server: BucketServer, proxy: Proxy, tmp_path: Path
    ) -> None:
        server.put(f"in/readings-{DAY}.csv.gz", csv_gz(DAY))
        deliveries = open_readings(server, server.access(proxy.url))
        self.rewrite(server, proxy, times=100)

        message = refusal(lambda: deliveries.fetch(DAY, tmp_path), SourceAwayError)

        assert f"{deliveries.describe(DAY)}: it changed each of the 3 times" in message

    def test_one_that_is_gone_since_it_was_listed_is_missing(self, server: BucketServer, tmp_path: Path) -> None:
        server.put(f"in/readings-{DAY}.csv.gz", csv_gz(DAY))
        deliveries = open_readings(server)
        assert deliveries.find_days(DAY, DAY) == [DAY]
        server.remove(f"in/readings-{DAY}.csv.gz")

        assert "it is missing" in refusal(lambda: deliveries.fetch(DAY, tmp_path))


class TestServersThatFail:
    @pytest.mark.usefixtures("no_pauses")
    def test_a_server_that_is_down_names_itself(self, server: BucketServer, tmp_path: Path) -> None:
        deliveries = open_readings(server, server.access("http://user:hidden@127.0.0.1:9"))

        for call in (
            lambda: deliveries.find_days(DAY, DAY),
            lambda: deliveries.fetch(DAY, tmp_path),
        ):
            message = refusal(call, SourceAwayError)
            assert "cannot be reached or broke off at http://127.0.0.1:9 (" in message
            assert "hidden" not in message

    @pytest.mark.usefixtures("no_pauses")
    def test_half_an_object_is_none(self, server: BucketServer, proxy: Proxy, tmp_path: Path) -> None:
        server.put(f"in/readings-{DAY}.csv.gz", csv_gz(DAY, rows=5000))
        deliveries = open_readings(server, server.access(proxy.url))
        proxy.cuts = 100

        message = refusal(lambda: deliveries.fetch(DAY, tmp_path), SourceAwayError)

        assert deliveries.describe(DAY) in message

    @pytest.mark.usefixtures("no_pauses")
    def test_a_download_that_breaks_off_once_is_completed(
        self, server: BucketServer, proxy: Proxy, tmp_path: Path
    ) -> None:
        content = csv_gz(DAY, rows=5000)
        server.put(f"in/readings-{DAY}.csv.gz", content)
        proxy.cuts = 1

        path = open_readings(server, server.access(proxy.url)).fetch(DAY, tmp_path)

        assert proxy.cuts == 0
        assert proxy.downloads("readings") >= 2
        assert path.read_bytes() == content

    @pytest.mark.parametrize(("status", "kind"), [(503, SourceAwayError), (403, SourceAwayError), (400, SourceError)])
    @pytest.mark.usefixtures("no_pauses")
    def test_a_status_says_whether_another_try_may_help(
        self, server: BucketServer, proxy: Proxy, status: int, kind: type[SourceError]
    ) -> None:
        body = (
            b"<Error><Code>Nonsense</Code><Message>no way</Message></Error>"
            if server.store == "s3"
            else b'{"error": {"message": "no way"}}'
        )
        proxy.spoil = lambda *_: (status, body)

        message = refusal(lambda: open_readings(server, server.access(proxy.url)).find_days(DAY, DAY), kind)

        assert ("connection 'exports'" in message) == (status != 503)

    def test_a_bucket_that_does_not_exist_is_named_with_a_near_one(self, server: BucketServer) -> None:
        deliveries = open_readings(server, bucket="plant-export")

        message = refusal(lambda: deliveries.find_days(DAY, DAY))

        assert f"there is no bucket 'plant-export'. Did you mean {BUCKET!r}?" in message

    def test_wrong_credentials_are_refused_by_the_server(self, s3: BucketServer) -> None:
        deliveries = open_readings(s3)
        with require_credentials(s3):
            message = refusal(lambda: deliveries.find_days(DAY, DAY), SourceAwayError)

        assert "the server refuses the credentials of connection 'exports'" in message
        assert "InvalidAccessKeyId" in message or "does not exist in our records" in message


class TestCredentials:
    def test_without_any_nothing_is_taken_from_the_machine(
        self, server: BucketServer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", "ambient")
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "ambient")
        access = server.access(login="", password="", extra={"endpoint_url": server.url})

        with pytest.raises(SourceError) as caught:
            open_readings(server, access).find_days(DAY, DAY)
        message = str(caught.value)

        assert "Source 'readings': connection 'exports' has no " in message
        assert "ambient_credentials: true" in message

    def test_those_of_the_machine_are_taken_where_the_connection_says_so(
        self, s3: BucketServer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", "ambient-id")
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "ambient")
        s3.put(f"in/readings-{DAY}.csv.gz", csv_gz(DAY))
        extra = {**s3.access().extra, "ambient_credentials": True}
        access = replace(s3.access(), login="", password="", extra=extra)

        assert open_readings(s3, access).find_days(DAY, DAY) == [DAY]

    @pytest.mark.parametrize("key", ["{no json", '{"type": "service_account"}', {"type": "nonsense"}])
    def test_a_key_of_gcs_that_is_none_is_refused_without_its_text(
        self, servers: dict[str, BucketServer], key: Any
    ) -> None:
        access = SourceAccess(extra={"keyfile_dict": key, "endpoint_url": servers["gcs"].url})

        with pytest.raises(SourceError) as caught:
            open_readings(servers["gcs"], access).find_days(DAY, DAY)
        message = str(caught.value)

        assert "connection 'exports' holds a key that cannot be used" in message
        assert "service_account" not in message

    def test_secrets_are_not_printed(self, s3: BucketServer) -> None:
        assert SECRET not in repr(s3.access())
        assert SECRET not in repr(open_readings(s3))
