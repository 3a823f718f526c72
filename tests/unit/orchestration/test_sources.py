"""Sources with Airflow's connections: what a connection says arrives, and one that is not there is named."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from include.errors import SourceError
from include.orchestration.sources import open_sources, open_sources_in_triggerer
from include.settings.section import parse_section
from include.settings.sources import SourceSettings
from include.sources.object_store import ObjectStoreDeliveries
from include.sources.source import SourceAccess


@pytest.fixture
def settings(airflow_home: Path) -> SourceSettings:
    """One source in a bucket."""
    source: dict[str, Any] = {
        "kind": "object_store", "store": "s3", "bucket": "exports", "connection": "export_bucket",
        "path": "rows/{day}.parquet", "format": "parquet", "grain": "snapshot", "key": ["id"],
        "columns": {"id": {"type": "int64"}},
    }  # fmt: skip
    return parse_section({"sources": {"rows": source}}, SourceSettings, "development", "sources.yml")


def open_both(settings: SourceSettings) -> list[ObjectStoreDeliveries]:
    """The source as a task opens it, and as the triggerer does."""
    openers = [open_sources(settings), asyncio.run(open_sources_in_triggerer(settings, ["rows"]))]
    return [opener.open("rows") for opener in openers]


def test_everything_that_a_connection_says_arrives(settings: SourceSettings, monkeypatch: pytest.MonkeyPatch) -> None:
    extra = {"region_name": "eu-west-1", "endpoint_url": "http://127.0.0.1:9"}
    fields = {"host": "minio.example", "port": 9000, "schema": "https", "login": "id", "password": "p@ss/#"}
    monkeypatch.setenv("AIRFLOW_CONN_EXPORT_BUCKET", json.dumps({"conn_type": "aws", **fields, "extra": extra}))

    for deliveries in open_both(settings):
        assert deliveries.access == SourceAccess("minio.example", 9000, "https", "id", "p@ss/#", extra)
        assert deliveries.access.address == "https://minio.example:9000"


def test_a_connection_that_is_not_there_is_named_with_its_source(
    settings: SourceSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("AIRFLOW_CONN_EXPORT_BUCKET", raising=False)

    for opener in (open_sources(settings), asyncio.run(open_sources_in_triggerer(settings, ["rows"]))):
        with pytest.raises(SourceError, match="Source 'rows': there is no connection 'export_bucket' in Airflow"):
            opener.open("rows")
