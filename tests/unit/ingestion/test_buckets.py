"""A plant that delivers to a bucket: what is fetched, what is not fetched again, and what happens when it is away."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta

import pytest

from include.errors import SourceAwayError
from include.ingestion.audit import audit_run
from include.ingestion.plan import LoadItem, split_items
from include.settings.section import parse_section, read_yaml
from include.settings.sources import SourceSettings
from include.sources.deliveries import SourceOpener
from include.sources.source import SourceAccess
from tests.unit.ingestion import conftest
from tests.unit.ingestion.conftest import DAY, Pipeline, Plant
from tests.unit.sources.buckets import BUCKET, BucketServer, Proxy, run_proxy, run_s3

ONE = timedelta(days=1)
PATHS = {
    "readings": "in/readings/{day}.parquet",
    "repairs": "in/repairs/{day}.csv.gz",
    "parts": "in/parts/{day}.parquet",
}


@dataclass
class BucketPipeline(Pipeline):
    """The steps with sources in a bucket; ``urls`` gives each connection its address."""

    server: BucketServer
    urls: dict[str, str]

    @property
    def opener(self) -> SourceOpener:
        """Opens the sources as Airflow's connections would."""

        def read_access(connection: str) -> SourceAccess:
            return self.server.access(self.urls[connection])

        return SourceOpener(self.settings, self.root, read_access)

    def upload(self, *days: date) -> None:
        """Put what the plant has written into the bucket."""
        for name, path in PATHS.items():
            for day in days:
                local = self.root / name / f"{day}{'.csv' if name == 'repairs' else '.parquet'}"
                if local.exists():
                    content = local.read_bytes()
                    packed = gzip.compress(content, mtime=0) if name == "repairs" else content
                    self.server.put(path.format(day=day), packed)


@pytest.fixture(scope="module")
def server() -> Iterator[BucketServer]:
    """A server of S3."""
    with run_s3() as found:
        yield found


@pytest.fixture
def proxy(server: BucketServer) -> Iterator[Proxy]:
    """Counts what is asked of the server, which holds no objects."""
    server.empty()
    with run_proxy(server.url) as found:
        yield found


@pytest.fixture
def bucket(warehouse_uri: str, plant: Plant, server: BucketServer, proxy: Proxy) -> BucketPipeline:
    """Readings, repairs and parts come from a bucket, machines and contracts from files; two days are there."""
    content = read_yaml(conftest.SOURCES)
    for name, path in PATHS.items():
        there = {"kind": "object_store", "store": "s3", "bucket": BUCKET, "path": path, "connection": f"{name}_bucket"}
        content["sources"][name] |= there
    settings = parse_section(content, SourceSettings, "development", "sources.yml")
    plant.write_snapshots(DAY)
    plant.write_days(DAY, 2)
    urls = {f"{name}_bucket": proxy.url for name in PATHS}
    found = BucketPipeline(warehouse_uri, settings, plant.root, server, urls)
    found.upload(DAY, DAY + ONE)
    return found


def downloads(proxy: Proxy) -> int:
    """How many objects were fetched since the last question."""
    count = proxy.downloads("/in/")
    proxy.seen.clear()
    return count


def windows(items: list[LoadItem]) -> dict[str, tuple[str, str]]:
    return {item["source"]: (item["from_day"], item["to_day"]) for item in items}


def test_a_bucket_goes_through_all_steps_and_a_rerun_fetches_and_changes_nothing(
    bucket: BucketPipeline, proxy: Proxy
) -> None:
    items = json.loads(json.dumps(bucket.land(bucket.plan(DAY, DAY + ONE))))
    result = bucket.publish(audit_run(bucket.uri, bucket.settings, items, "run"))

    assert result["rows"] == {"readings": 24, "repairs": 2, "parts": 3, "machines": 2, "contracts": 2}
    assert (result["refused"], downloads(proxy)) == ([], 5)
    landed = bucket.fetch(
        "select path, file_hash, version from landing.deliveries where source = 'readings' order by 1"
    )
    assert [row["path"] for row in landed] == [f"s3://{BUCKET}/in/readings/{day}.parquet" for day in (DAY, DAY + ONE)]
    assert all(len(row["file_hash"]) == 64 and row["version"] for row in landed)

    before = bucket.hash_tables()
    assert bucket.plan(DAY, DAY + ONE) == []
    assert downloads(proxy) == 0
    assert bucket.hash_tables() == before


def test_only_new_and_changed_objects_are_fetched(bucket: BucketPipeline, plant: Plant, proxy: Proxy) -> None:
    last = DAY + 2 * ONE
    bucket.load(DAY, DAY + ONE)
    downloads(proxy)

    # A new day, and an object of a published one with other content under the same name.
    plant.write_day(last)
    bucket.upload(last)
    plant.write_snapshots(DAY, parts=4)
    bucket.upload(DAY)
    items = bucket.plan(DAY, last)
    assert windows(items) == {name: (str(last),) * 2 for name in ("readings", "repairs")} | {"parts": (str(DAY),) * 2}
    bucket.land(items)
    bucket.approve()
    assert bucket.publish(items)["rows"] == {"readings": 12, "repairs": 1, "parts": 4}
    assert downloads(proxy) == 3

    plant.write_day(DAY + ONE, change=lambda rows: rows[:6])
    bucket.upload(DAY + ONE)
    assert windows(bucket.plan(DAY, last)) == {"readings": (str(DAY + ONE),) * 2}
    assert bucket.load(DAY, last)["rows"] == {"readings": 6}
    assert downloads(proxy) == 1
    assert bucket.fetch("select count(*) as n from raw.readings where batch_day = %s", DAY + ONE) == [{"n": 6}]


def test_an_object_that_is_read_otherwise_since_is_fetched_again(bucket: BucketPipeline) -> None:
    bucket.load(DAY)
    sources = bucket.settings.sources
    columns = sources["repairs"].columns
    changed = {**columns, "order_id": columns["order_id"].model_copy(update={"max": 1000})}
    repairs = sources["repairs"].model_copy(update={"columns": changed})
    bucket.settings = bucket.settings.model_copy(update={"sources": {**sources, "repairs": repairs}})

    assert windows(bucket.plan(DAY)) == {"repairs": (str(DAY),) * 2}


class TestAway:
    def test_an_optional_source_is_left_out_of_the_plan_and_loaded_by_the_next_one(
        self, bucket: BucketPipeline, caplog: pytest.LogCaptureFixture
    ) -> None:
        bucket.urls["repairs_bucket"] = "http://127.0.0.1:9"

        assert "repairs" not in bucket.load(DAY)["rows"]
        assert f"s3://{BUCKET}/in/repairs: it cannot be reached or broke off at http://127.0.0.1:9" in caplog.text
        assert "Source 'repairs'" in caplog.text
        assert "not critical: the run goes on without" in caplog.text

        bucket.urls["repairs_bucket"] = bucket.server.url
        assert bucket.load(DAY)["rows"] == {"repairs": 1}

    def test_one_that_goes_away_before_landing_is_left_out_and_no_file_is_blamed(
        self, bucket: BucketPipeline, caplog: pytest.LogCaptureFixture
    ) -> None:
        items = bucket.plan(DAY)
        bucket.urls["repairs_bucket"] = "http://127.0.0.1:9"

        landed = json.loads(json.dumps(bucket.land(items)))
        bucket.approve()
        parts = audit_parts(landed)
        result = bucket.publish(parts)

        assert result["rows"] == {"readings": 12, "parts": 3, "machines": 2, "contracts": 2}
        assert result["refused"] == []
        assert f"repairs for {DAY} is left out" in caplog.text
        assert bucket.fetch("select 1 from quality.quarantine") == []
        assert bucket.fetch("select 1 from raw.partitions where source = 'repairs'") == []

    def test_a_critical_source_stops_the_run_by_its_name_so_that_it_is_tried_again(
        self, bucket: BucketPipeline
    ) -> None:
        bucket.urls["readings_bucket"] = "http://127.0.0.1:9"
        with pytest.raises(SourceAwayError, match=r"Source 'readings', s3://plant-exports/in/readings: it cannot"):
            bucket.plan(DAY)

        bucket.urls["readings_bucket"] = bucket.server.url
        items = bucket.plan(DAY)
        bucket.urls["readings_bucket"] = "http://127.0.0.1:9"
        with pytest.raises(SourceAwayError, match="Source 'readings'"):
            bucket.land(items)


def audit_parts(items: list[LoadItem]) -> list[LoadItem]:
    """The parts that an audit hands on, without the cost of one."""
    from include.ingestion.plan import drop_away

    return drop_away(split_items(items))
