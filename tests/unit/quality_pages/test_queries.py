"""What the pages read, from a real warehouse."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import psycopg
import pytest

from include.quality_pages import queries
from include.quality_pages.queries import PAGE_SIZE, TREND_SIZE
from include.warehouse.session import open_session

DAY = date(2026, 3, 9)


def write_audit(uri: str, audit_id: str, source: str, offset: int, passed: bool = True) -> None:
    day = DAY + timedelta(days=offset)
    with open_session(uri) as session:
        session.execute(
            "insert into quality.audits (audit_id, source, from_day, to_day, row_count, rule_count, score, passed, "
            "failures, audited_at) values (%s, %s, %s, %s, 1, 1, 1, %s, '[]'::jsonb, %s)",
            (audit_id, source, day, day, passed, datetime(2026, 3, 10, tzinfo=UTC) + timedelta(days=offset)),
        )


def test_a_history_is_read_page_by_page_and_the_index_keeps_to_its_end(warehouse_uri: str) -> None:
    count = PAGE_SIZE + 2
    for offset in range(count):
        write_audit(warehouse_uri, f"run{offset}", "readings", offset)
    write_audit(warehouse_uri, "run0", "parts", 0, passed=False)

    with open_session(warehouse_uri) as session:
        queries.prepare_reading(session)
        first, second = (queries.read_source(session, "readings", page) for page in (1, 2))
        audits, published = queries.read_index(session)

    assert (first.total, first.page_count, len(first.audits), len(second.audits)) == (count, 2, PAGE_SIZE, 2)
    assert [one["audit_id"] for one in second.audits] == ["run0", "run1"]
    assert [first.audits[0]["audit_id"], first.audits[-1]["audit_id"]] == ["run2", f"run{count - 1}"]
    own = [one for one in audits if one["source"] == "readings"]
    assert len(own) == TREND_SIZE
    assert own[-1]["audit_id"] == f"run{count - 1}"
    assert [one["state"] for one in audits if one["source"] == "parts"] == ["refused"]
    assert published == []


def test_a_run_has_its_late_days_and_no_other_runs(warehouse_uri: str) -> None:
    for audit_id in ("run", "run.2026-03-07", "run.later", "run.2026-03-07.more", "other", "r_n.2026-03-07"):
        write_audit(warehouse_uri, audit_id, "readings", 0)

    with open_session(warehouse_uri) as session:
        found = [one["audit_id"] for one in queries.read_run(session, "run")]

    assert sorted(found) == ["run", "run.2026-03-07"]


def test_an_audit_that_is_not_known(warehouse_uri: str) -> None:
    with open_session(warehouse_uri) as session:
        assert queries.read_audit(session, "readings", "x' or '1'='1") is None


def test_reading_a_page_can_change_nothing(warehouse_uri: str) -> None:
    with pytest.raises(psycopg.errors.ReadOnlySqlTransaction), open_session(warehouse_uri) as session:
        queries.prepare_reading(session)
        session.execute("delete from quality.audits")


def test_profiles_of_earlier_releases_are_on_the_pages_of_their_audits(postgres: object, warehouse_uri: str) -> None:
    """The migration moves what quality.profiles holds to the audits."""
    from include.warehouse.migrate import MIGRATIONS_DIR

    write_audit(warehouse_uri, "old", "readings", 0)
    migration = (MIGRATIONS_DIR / "0009_quality_pages.sql").read_text(encoding="utf-8")
    update = migration[migration.index("update quality.audits") : migration.index("create table quality.releases")]
    with open_session(warehouse_uri) as session:
        session.execute(
            "insert into quality.profiles (source, from_day, to_day, column_name, row_count, null_count, "
            "distinct_count, mean, audit_id) values ('readings', %s, %s, 'heat', 5, 1, 3, 2.5, 'old')",
            (DAY, DAY),
        )
        session.execute(update)
        audit = queries.read_audit(session, "readings", "old")

    assert audit is not None
    assert [(one["column_name"], one["mean"]) for one in audit["profile"]] == [("heat", 2.5)]
