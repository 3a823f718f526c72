"""Whether the features have to be built although no event asks for it."""

from __future__ import annotations

import pytest

from include.features import builds
from include.features.builds import UNDONE, find_changes, find_unbuilt, read_published_version, record_build
from include.warehouse.session import open_session


@pytest.fixture
def published_uri(warehouse_uri: str) -> str:
    """A warehouse with one published day."""
    publish(warehouse_uri, "2026-03-09")
    return warehouse_uri


def publish(uri: str, day: str) -> None:
    with open_session(uri) as session:
        session.execute(
            "insert into raw.partitions (source, batch_day, row_count, content_hash) values ('readings', %s, 1, 'a')",
            (day,),
        )


def test_without_data_there_is_nothing_to_build(warehouse_uri: str) -> None:
    assert find_changes(warehouse_uri) is None


def test_data_that_was_never_built_is_caught_up(published_uri: str) -> None:
    assert "no features were built yet" in str(find_changes(published_uri))


def test_after_a_build_there_is_nothing_to_do_until_something_changes(
    published_uri: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    record_build(published_uri, read_published_version(published_uri))
    assert find_changes(published_uri) is None

    publish(published_uri, "2026-03-10")
    assert "data was published" in str(find_changes(published_uri))

    record_build(published_uri, read_published_version(published_uri))
    record_build(published_uri, UNDONE)
    assert "left something undone" in str(find_changes(published_uri))

    record_build(published_uri, read_published_version(published_uri))
    monkeypatch.setattr(builds, "hash_project", lambda: "another project")
    assert "dbt project has changed" in str(find_changes(published_uri))


def test_data_that_arrives_during_a_build_counts_as_new(published_uri: str) -> None:
    began_with = read_published_version(published_uri)
    publish(published_uri, "2026-03-10")
    record_build(published_uri, began_with)
    assert find_changes(published_uri) is not None


def test_a_failed_test_is_a_finding_and_a_model_that_failed_is_not_built() -> None:
    ended: dict[str, str | None] = {
        "dbt.dbt_producer_watcher": "failed", "dbt.days": "success", "dbt.orders": "failed",
        "dbt.visits": "upstream_failed", "publish_orders": "upstream_failed", "record": "running",
        "end_orphaned_canaries": None,
    }  # fmt: skip
    tested = {"dbt.orders", "dbt.dbt_producer_watcher"}
    assert find_unbuilt(ended, tested) == []
    assert find_unbuilt(ended, {}) == ["dbt.dbt_producer_watcher", "dbt.orders"]
    assert find_unbuilt({**ended, "publish_orders": "failed"}, tested) == ["publish_orders"]


def test_a_build_that_ended_before_its_models_is_not_done() -> None:
    ended: dict[str, str | None] = {
        "dbt.dbt_producer_watcher": "failed",
        "dbt.days": "skipped",
        "dbt.orders": "skipped",
    }
    assert find_unbuilt(ended, {}) == ["dbt.dbt_producer_watcher"]
