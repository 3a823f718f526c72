"""``python -m include.example.system_server``: the shop's API, bucket and database, served from its source files.

What a shop would have in systems of its own comes from the newest files in the folder of the sources: campaigns by an
HTTP API, which says when they were last changed, the products in an S3 bucket (moto's server, in memory), the
households in a PostgreSQL database. Files are taken in at the start and at ``POST /take-in``.

Environment: ``ORRERY_SOURCES_DIR``, ``ORRERY_WAREHOUSE_URI`` (the server that gets the database), and
``ORRERY_SHOP_SECRET`` (the token of the API and the secret key of the bucket).
"""

from __future__ import annotations

import argparse
import csv
import hmac
import os
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time
from email.utils import format_datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from zoneinfo import ZoneInfo

from include.example.shift import TIME_ZONE
from include.warehouse.session import open_session

if TYPE_CHECKING:
    from starlette.applications import Starlette
    from starlette.requests import Request

BUCKET: Final = "shop"
DATABASE: Final = "shop"
SECRET_VARIABLE: Final = "ORRERY_SHOP_SECRET"  # noqa: S105 - the variable's name
_NUMBERS: Final = ("campaign_id", "household_id")


@dataclass
class ShopSystems:
    """What was taken in from the files. ``bucket_address`` is that of the S3 server."""

    folder: Path
    server_uri: str
    bucket_address: str
    secret: str
    campaigns: list[dict[str, Any]] = field(default_factory=list)
    campaigns_day: date | None = None

    def take_in(self) -> None:
        """Make every system hold what the files say; what they already hold stays as it is."""
        self._take_in_campaigns()
        self._take_in_products()
        self._take_in_households()

    def _take_in_campaigns(self) -> None:
        path = find_newest(self.folder / "campaigns")
        self.campaigns = [read_campaign(row) for row in read_rows(path)] if path else []
        self.campaigns_day = date.fromisoformat(path.stem) if path else None

    def _take_in_products(self) -> None:
        import boto3

        client = boto3.client(
            "s3", endpoint_url=self.bucket_address, aws_access_key_id="shop", aws_secret_access_key=self.secret,
            region_name="us-east-1",
        )  # fmt: skip
        client.create_bucket(Bucket=BUCKET)
        held = {item["Key"]: item["Size"] for item in client.list_objects_v2(Bucket=BUCKET).get("Contents", [])}
        files = {f"products/{path.name}": path for path in sorted((self.folder / "products").glob("*.parquet"))}
        for key, path in files.items():
            if held.get(key) != path.stat().st_size:
                client.put_object(Bucket=BUCKET, Key=key, Body=path.read_bytes())
        for key in held.keys() - files.keys():
            client.delete_object(Bucket=BUCKET, Key=key)

    def _take_in_households(self) -> None:
        path = find_newest(self.folder / "households")
        ensure_database(self.server_uri)
        with open_session(replace_database(self.server_uri)) as session:
            session.execute("drop table if exists households")
            if path is None:
                return
            rows = read_rows(path)
            columns = list(rows[0]) if rows else []
            definitions = [f"{name} {'bigint primary key' if name == 'household_id' else 'text'}" for name in columns]
            session.execute(f"create table households ({', '.join(definitions)}, changed_on date not null)")
            places = ", ".join(["%s"] * (len(columns) + 1))
            session.execute_many(
                f"insert into households values ({places})",
                [(*(row[name] or None for name in columns), date.fromisoformat(path.stem)) for row in rows],
            )


def find_newest(folder: Path) -> Path | None:
    """The newest file of a folder whose files are named by days."""
    return max(folder.glob("*.csv"), default=None, key=lambda path: path.stem)


def read_rows(path: Path) -> list[dict[str, str]]:
    """The rows of a CSV file, all values as text."""
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def read_campaign(row: dict[str, str]) -> dict[str, Any]:
    """A row as the API answers it: numbers are numbers."""
    return {name: int(value) if name in _NUMBERS else value for name, value in row.items()}


def replace_database(uri: str) -> str:
    """The URI of the shop's database on the same server."""
    return f"{uri.rsplit('/', 1)[0]}/{DATABASE}"


def ensure_database(uri: str) -> None:
    """Create the shop's database unless it is there."""
    import psycopg

    with psycopg.connect(uri, autocommit=True) as connection:
        if not connection.execute("select 1 from pg_database where datname = %s", (DATABASE,)).fetchone():
            connection.execute(f'create database "{DATABASE}"')


def build_app(systems: ShopSystems) -> Starlette:
    """The API: ``GET /campaigns``, ``GET /health``, ``POST /take-in``."""
    from starlette.applications import Starlette
    from starlette.responses import JSONResponse
    from starlette.routing import Route

    def is_authorized(request: Request) -> bool:
        given = request.headers.get("authorization", "").removeprefix("Bearer ")
        return hmac.compare_digest(given.encode(), systems.secret.encode())

    def refuse() -> JSONResponse:
        return JSONResponse({"detail": "Send the shop's token: Authorization: Bearer ..."}, 401)

    def say_health(_: Request) -> JSONResponse:
        return JSONResponse({"campaigns": len(systems.campaigns)})

    def take_in(request: Request) -> JSONResponse:
        if not is_authorized(request):
            return refuse()
        systems.take_in()
        return say_health(request)

    def list_campaigns(request: Request) -> JSONResponse:
        if not is_authorized(request):
            return refuse()
        headers = {}
        if systems.campaigns_day:
            noon = datetime.combine(systems.campaigns_day, time(12), ZoneInfo(TIME_ZONE))
            headers["Last-Modified"] = format_datetime(noon.astimezone(UTC), usegmt=True)
        return JSONResponse(systems.campaigns, headers=headers)

    return Starlette(
        routes=[
            Route("/health", say_health),
            Route("/take-in", take_in, methods=["POST"]),
            Route("/campaigns", list_campaigns),
        ]
    )


def main() -> None:
    """Serve until told to stop."""
    parser = argparse.ArgumentParser(prog="python -m include.example.system_server", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--api-port", type=int, default=18090)
    parser.add_argument("--bucket-port", type=int, default=18091)
    options = parser.parse_args()
    import uvicorn
    from moto.server import ThreadedMotoServer

    ThreadedMotoServer(options.host, options.bucket_port, verbose=False).start()
    systems = ShopSystems(
        Path(os.environ["ORRERY_SOURCES_DIR"]), os.environ["ORRERY_WAREHOUSE_URI"],
        f"http://127.0.0.1:{options.bucket_port}", os.environ[SECRET_VARIABLE],
    )  # fmt: skip
    systems.take_in()
    uvicorn.run(build_app(systems), host=options.host, port=options.api_port, access_log=False)


if __name__ == "__main__":
    main()
