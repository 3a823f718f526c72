"""The shop's systems: what stands in the files is what the API, the bucket and the database say."""

from __future__ import annotations

import csv
import threading
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from urllib.parse import urlsplit

import boto3
import httpx
import pyarrow.parquet as pq
import pytest
import uvicorn
from moto.server import ThreadedMotoServer
from starlette.testclient import TestClient

from include.example.deliveries import write_deliveries
from include.example.system_server import BUCKET, ShopSystems, build_app, replace_database
from include.servers.ports import find_free_port
from include.settings import load_settings
from include.sources.deliveries import SourceOpener
from include.sources.source import SourceAccess
from include.warehouse.session import open_session
from tests.unit.sources.whole import read_source

LAST_DAY = date(2026, 3, 1)
SECRET = "a-secret-of-the-test"
AUTHORIZED = {"Authorization": f"Bearer {SECRET}"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The example's files."""
    path = tmp_path_factory.mktemp("sources")
    write_deliveries(path, LAST_DAY, 0, sample=1000)
    return path


@pytest.fixture(scope="module")
def bucket() -> Iterator[str]:
    """The address of an S3 server."""
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def systems(folder: Path, bucket: str, warehouse_uri: str) -> ShopSystems:
    """Systems that have taken in the files."""
    found = ShopSystems(folder, warehouse_uri, bucket, SECRET)
    found.take_in()
    return found


def read_file(folder: Path, name: str) -> list[dict[str, str]]:
    (path,) = (folder / name).iterdir()
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def test_the_api_has_every_campaign_and_the_day_of_the_file(systems: ShopSystems, folder: Path) -> None:
    with TestClient(build_app(systems)) as client:
        answer = client.get("/campaigns", headers=AUTHORIZED)
    rows = answer.raise_for_status().json()
    written = read_file(folder, "campaigns")
    assert [{name: str(value) for name, value in row.items()} for row in rows] == written
    assert len(rows) > 1000
    day = date.fromisoformat(next((folder / "campaigns").iterdir()).stem)
    assert answer.headers["Last-Modified"] == day.strftime("%a, %d %b %Y ") + "17:00:00 GMT"  # noon in New York


@pytest.fixture
def address(systems: ShopSystems) -> Iterator[str]:
    """The address of the running API."""
    server = uvicorn.Server(uvicorn.Config(build_app(systems), port=find_free_port(), log_level="warning"))
    thread = threading.Thread(target=server.run)
    thread.start()
    yield f"http://127.0.0.1:{server.config.port}"
    server.should_exit = True
    thread.join()


def test_the_declared_sources_read_from_the_systems_what_the_files_hold(
    systems: ShopSystems, folder: Path, bucket: str, address: str
) -> None:
    database = urlsplit(replace_database(systems.server_uri))
    accesses = {
        "shop_api": SourceAccess(host=address, password=SECRET),
        "shop_bucket": SourceAccess(login="shop", password=SECRET, extra={"endpoint_url": bucket}),
        "shop_database": SourceAccess(
            host=str(database.hostname), port=database.port, schema="shop", login=str(database.username),
            password=str(database.password),
        ),
    }  # fmt: skip
    settings = load_settings(environment="development").sources
    opener = SourceOpener(settings, folder, accesses.__getitem__)
    first_day = LAST_DAY - timedelta(days=364)
    for name in ("products", "households", "campaigns"):
        read = read_source(settings, name, opener.open(name), first_day, LAST_DAY)
        (path,) = (folder / name).iterdir()
        written = pq.read_table(path).num_rows if path.suffix == ".parquet" else len(read_file(folder, name))
        assert [one.day for one in read.deliveries] == [first_day]
        assert read.table.num_rows == written > 100


@pytest.mark.parametrize("headers", [{}, {"Authorization": "Bearer another"}])
def test_without_the_token_the_api_says_nothing(systems: ShopSystems, headers: dict[str, str]) -> None:
    with TestClient(build_app(systems)) as client:
        assert client.get("/campaigns", headers=headers).status_code == 401
        assert client.post("/take-in", headers=headers).status_code == 401
        assert client.get("/health").status_code == httpx.codes.OK


def test_the_bucket_and_the_database_hold_what_the_files_hold_also_when_taken_in_again(
    systems: ShopSystems, folder: Path, bucket: str, tmp_path: Path
) -> None:
    client = boto3.client(
        "s3", endpoint_url=bucket, aws_access_key_id="shop", aws_secret_access_key=SECRET, region_name="us-east-1"
    )
    client.put_object(Bucket=BUCKET, Key="products/1999-01-01.parquet", Body=b"of an earlier year")
    systems.take_in()

    (path,) = (folder / "products").iterdir()
    (item,) = client.list_objects_v2(Bucket=BUCKET)["Contents"]
    assert item["Key"] == f"products/{path.name}"
    copy = tmp_path / "copy.parquet"
    copy.write_bytes(client.get_object(Bucket=BUCKET, Key=item["Key"])["Body"].read())
    assert pq.read_table(copy).equals(pq.read_table(path))

    written = read_file(folder, "households")
    with open_session(replace_database(systems.server_uri)) as session:
        rows = session.fetch_all("select * from households order by household_id")
    assert {row.pop("changed_on") for row in rows} == {LAST_DAY - timedelta(days=364)}
    expected = [{name: value or None for name, value in row.items()} for row in written]
    assert [{**row, "household_id": str(row["household_id"])} for row in rows] == sorted(
        expected, key=lambda row: int(str(row["household_id"]))
    )
