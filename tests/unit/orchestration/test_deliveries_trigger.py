"""How the triggerer waits for deliveries."""

from __future__ import annotations

import asyncio
import json
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from airflow.sdk.module_loading import import_string

from include.orchestration.deliveries_trigger import DeliveriesTrigger
from include.settings import CONFIG_DIR
from include.settings.section import read_yaml
from tests.unit.ingestion import conftest as ingestion
from tests.unit.ingestion.conftest import DAY, Plant

LATER = (datetime.now(UTC) + timedelta(days=1)).isoformat()
DAILY = ["readings", "repairs"]


@pytest.fixture
def config(tmp_path: Path, airflow_home: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of settings with the plant's sources, which the triggerer reads."""
    shutil.copytree(CONFIG_DIR, tmp_path / "config")
    shutil.copy(Path(ingestion.__file__).with_name("sources.yml"), tmp_path / "config")
    monkeypatch.setenv("ORRERY_CONFIG_DIR", str(tmp_path / "config"))
    monkeypatch.setenv("ORRERY_SOURCES_DIR", str(tmp_path))
    return tmp_path / "config"


class Delivered(DeliveriesTrigger):
    """One of its files more comes after each look."""

    looks = 0

    async def _list_missing(self) -> list[str]:
        missing = await super()._list_missing()
        self.looks += 1
        for path in missing[:1]:
            Path(path).parent.mkdir(exist_ok=True)
            Path(path).touch()
        return missing


def finish(trigger: DeliveriesTrigger) -> list[str]:
    """What the one event of the trigger says."""

    async def collect() -> list[list[str]]:
        return [event.payload async for event in trigger.run()]

    (payload,) = asyncio.run(collect())
    return payload


def test_it_looks_until_every_source_has_delivered(config: Path) -> None:
    trigger = Delivered(DAILY, str(DAY), LATER, 0.001)

    assert finish(trigger) == []
    assert trigger.looks == 3


def test_it_names_what_is_missing_when_the_time_is_up(config: Path, tmp_path: Path) -> None:
    (tmp_path / "readings").mkdir()
    (tmp_path / "readings" / f"{DAY}.parquet").touch()
    trigger = DeliveriesTrigger(DAILY, str(DAY), datetime.now(UTC).isoformat(), 60)

    assert finish(trigger) == [str(tmp_path / "repairs" / f"{DAY}.csv")]


def test_it_waits_for_a_bucket_that_is_away_and_reads_the_connection_itself(
    config: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Plant(tmp_path).write_day(DAY)
    bucket = {"kind": "object_store", "store": "s3", "bucket": "plant", "connection": "plant_bucket"}
    content = read_yaml(config / "sources.yml")
    content["sources"]["readings"] |= bucket
    (config / "sources.yml").write_text(json.dumps(content))
    secret = {"login": "key", "password": "very secret", "extra": {"endpoint_url": "http://127.0.0.1:9"}}
    monkeypatch.setenv("AIRFLOW_CONN_PLANT_BUCKET", json.dumps({"conn_type": "aws", **secret}))
    trigger = DeliveriesTrigger(DAILY, str(DAY), datetime.now(UTC).isoformat(), 60)

    assert finish(trigger) == [f"s3://plant/readings/{DAY}.parquet"]
    assert "secret" not in json.dumps(trigger.serialize())

    # Without a connection there is nothing to wait for: planning says what is wrong.
    monkeypatch.delenv("AIRFLOW_CONN_PLANT_BUCKET")
    assert finish(trigger) == []


def test_the_triggerer_can_make_it_anew() -> None:
    path, arguments = DeliveriesTrigger(["a"], "2026-03-09", LATER, 300.0).serialize()

    again = import_string(path)(**json.loads(json.dumps(arguments)))
    assert again.serialize() == (path, arguments)
