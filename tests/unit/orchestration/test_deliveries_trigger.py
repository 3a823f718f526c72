"""How the triggerer waits for files."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

from airflow.sdk.module_loading import import_string

from include.orchestration.files_trigger import FilesTrigger

LATER = (datetime.now(UTC) + timedelta(days=1)).isoformat()


class Delivered(FilesTrigger):
    """One of its files more comes after each look."""

    looks = 0

    def _list_missing(self) -> list[str]:
        missing = super()._list_missing()
        self.looks += 1
        Path(missing[0]).touch() if missing else None
        return missing


def finish(trigger: FilesTrigger) -> list[str]:
    """What the one event of the trigger says."""

    async def collect() -> list[list[str]]:
        return [event.payload async for event in trigger.run()]

    (payload,) = asyncio.run(collect())
    return payload


def test_it_looks_until_every_file_is_there(tmp_path: Path) -> None:
    trigger = Delivered([str(tmp_path / "a"), str(tmp_path / "b")], LATER, 0.001)

    assert finish(trigger) == []
    assert trigger.looks == 3


def test_it_names_what_is_missing_when_the_time_is_up(tmp_path: Path) -> None:
    (tmp_path / "a").touch()
    trigger = FilesTrigger([str(tmp_path / "a"), str(tmp_path / "b")], datetime.now(UTC).isoformat(), 60)

    assert finish(trigger) == [str(tmp_path / "b")]


def test_the_triggerer_can_make_it_anew() -> None:
    path, arguments = FilesTrigger(["a"], LATER, 300.0).serialize()

    again = import_string(path)(**json.loads(json.dumps(arguments)))
    assert again.serialize() == (path, arguments)
