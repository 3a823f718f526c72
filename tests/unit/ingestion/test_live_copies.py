"""Live copies: a source that has its newest copy only, here a table of a database, which dates itself."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from psycopg.conninfo import conninfo_to_dict

from include.ingestion.plan import LoadItem, plan_load
from include.settings.section import parse_section, read_yaml
from include.settings.sources import SourceSettings
from include.sources.deliveries import SourceOpener
from include.sources.source import SourceAccess
from include.warehouse.session import open_session
from tests.unit.ingestion import conftest
from tests.unit.ingestion.conftest import Pipeline, Plant

ONE = timedelta(days=1)
TODAY = datetime.now(UTC).date()


class LivePipeline(Pipeline):
    """The steps with a list of parts that is a table of the test's own database."""

    @property
    def opener(self) -> SourceOpener:
        """Opens the sources as Airflow's connection would."""
        parts = conninfo_to_dict(self.uri)
        access = SourceAccess(
            str(parts["host"]),
            int(str(parts["port"])),
            str(parts["dbname"]),
            str(parts["user"]),
            str(parts["password"]),
        )
        return SourceOpener(self.settings, self.root, lambda _: access)

    def plan_run(self, day: date) -> dict[str, LoadItem]:
        """What a run without parameters plans, by source."""
        items = plan_load(self.uri, self.opener, day, day, catch_up_from=day)
        return {item["source"]: item for item in items}

    def touch(self, at: datetime, grade: str = "Fine") -> None:
        """Change every row of the table at a moment."""
        with open_session(self.uri) as session:
            session.execute("update public.parts set grade = %s, changed_at = %s", (grade, at))


@pytest.fixture
def live(warehouse_uri: str, plant: Plant) -> LivePipeline:
    """Parts changed last three days ago."""
    content: dict[str, Any] = read_yaml(conftest.SOURCES)
    content["time_zone"] = "UTC"
    parts = content["sources"]["parts"]
    columns = {**parts["columns"], "changed_at": {"type": "timestamp"}}
    common = {key: value for key, value in parts.items() if key not in ("kind", "path", "format")}
    here = {"kind": "postgres", "connection": "plant", "table": "public.parts", "watermark": "changed_at"}
    content["sources"] = {"parts": {**common, **here, "columns": columns}}
    pipeline = LivePipeline(warehouse_uri, parse_section(content, SourceSettings, "development", "x"), plant.root)
    with open_session(warehouse_uri) as session:
        session.execute(
            "create table public.parts as select 1::bigint as part_id, 9::bigint as maker_id, 'NORTH'::text as hall, "
            "'Fine'::text as grade, 'PUMP'::text as category, 'P1'::text as model, null::text as size, "
            "now() - interval '3 days' as changed_at"
        )
    return pipeline


def test_a_run_without_parameters_loads_a_copy_that_is_newer_than_its_day(
    live: LivePipeline, caplog: pytest.LogCaptureFixture
) -> None:
    live.touch(datetime.now(UTC))

    assert live.plan(TODAY - 2 * ONE, TODAY - ONE) == []
    assert f"The live copy of parts is of {TODAY}, after the window" in caplog.text

    item = live.plan_run(TODAY - ONE)["parts"]
    assert (item["from_day"], item["to_day"]) == (str(TODAY), str(TODAY))
    live.land([item])
    live.approve()
    assert live.publish([item])["rows"] == {"parts": 1}
    # It was not known before.
    assert live.fetch("select valid_from from raw.parts") == [{"valid_from": TODAY + ONE}]
    assert live.plan_run(TODAY - ONE) == {}


def test_a_copy_that_changes_between_plan_and_landing_has_its_new_day(live: LivePipeline) -> None:
    item = live.plan_run(TODAY - ONE)["parts"]
    assert item["from_day"] == str(TODAY - 3 * ONE)
    live.touch(datetime.now(UTC) - ONE, grade="Coarse")

    (landed,) = live.land([item])

    assert (landed["from_day"], landed["to_day"]) == (str(TODAY - ONE), str(TODAY - ONE))
    assert (landed["fence"], landed["token"]) == (item["fence"], item["token"])
    live.approve()
    assert live.publish([landed])["rows"] == {"parts": 1}
    assert live.fetch("select grade, valid_from from raw.parts") == [{"grade": "Coarse", "valid_from": TODAY}]
