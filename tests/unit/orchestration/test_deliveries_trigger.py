"""How the triggerer waits for deliveries."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from airflow.sdk.module_loading import import_string

from include.orchestration.deliveries_trigger import DeliveriesTrigger
from include.settings import CONFIG_DIR
from include.settings.section import read_yaml
from include.sources.deliveries import Look
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

    async def _look(self) -> Look:
        look = await super()._look()
        self.looks += 1
        for path in look.missing[:1]:
            Path(path).parent.mkdir(exist_ok=True)
            Path(path).touch()
        return look


class Written(DeliveriesTrigger):
    """Its first file is written on after each of the first three looks; it is always young, by its server's clock."""

    looks = 0

    async def _look(self) -> Look:
        look = await super()._look()
        self.looks += 1
        path = Path(next(iter(look.changed_at)))
        if self.looks <= 3:
            os.utime(path, (time.time() + 3600 + self.looks,) * 2)
        return look


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


def test_it_waits_for_a_file_that_is_written_until_two_looks_find_the_same(config: Path, tmp_path: Path) -> None:
    Plant(tmp_path).write_day(DAY)
    os.utime(tmp_path / "readings" / f"{DAY}.parquet", (time.time() + 3600,) * 2)
    trigger = Written(DAILY, str(DAY), LATER, 0.001)

    assert finish(trigger) == []
    assert trigger.looks == 5


def test_it_names_a_file_that_is_written_still_when_the_time_is_up(config: Path, tmp_path: Path) -> None:
    Plant(tmp_path).write_day(DAY)
    young = tmp_path / "readings" / f"{DAY}.parquet"
    os.utime(young, (time.time() + 3600,) * 2)
    trigger = DeliveriesTrigger(DAILY, str(DAY), datetime.now(UTC).isoformat(), 0.001)

    assert finish(trigger) == [str(young)]


def test_it_names_what_is_missing_when_the_time_is_up(config: Path, tmp_path: Path) -> None:
    (tmp_path / "readings").mkdir()
    (tmp_path / "readings" / f"{DAY}.parquet").touch()
    trigger = DeliveriesTrigger(DAILY, str(DAY), datetime.now(UTC).isoformat(), 0)

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
    trigger = DeliveriesTrigger(DAILY, str(DAY), datetime.now(UTC).isoformat(), 0)

    assert finish(trigger) == [f"s3://plant/readings/{DAY}.parquet"]
    assert "secret" not in json.dumps(trigger.serialize())

    # Without a connection there is nothing to wait for: planning says what is wrong.
    monkeypatch.delenv("AIRFLOW_CONN_PLANT_BUCKET")
    assert finish(trigger) == []


def test_the_triggerer_can_make_it_anew() -> None:
    path, arguments = DeliveriesTrigger(["a"], "2026-03-09", LATER, 300.0).serialize()

    again = import_string(path)(**json.loads(json.dumps(arguments)))
    assert again.serialize() == (path, arguments)
