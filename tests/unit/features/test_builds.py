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


BUILD = "dbt.dbt_producer_watcher"


def test_a_failed_test_is_a_finding_and_a_model_that_failed_is_not_built() -> None:
    ended: dict[str, str | None] = {
        BUILD: "failed", f"{BUILD}_done": "upstream_failed", "dbt.days": "success", "dbt.orders": "failed",
        "dbt.visits": "skipped", "publish_orders": "upstream_failed", "record": "running",
    }  # fmt: skip
    tested = {"dbt.orders", BUILD}
    assert find_unbuilt(ended, tested) == []
    assert find_unbuilt(ended, {}) == ["dbt.orders"]
    assert find_unbuilt({**ended, "publish_orders": "failed"}, tested) == ["publish_orders"]


def test_a_build_that_ended_before_its_models_is_not_done() -> None:
    ended: dict[str, str | None] = {BUILD: "failed", "dbt.days": "skipped", "dbt.orders": "skipped"}
    assert find_unbuilt(ended, {}) == [BUILD]
    assert find_unbuilt({**ended, "dbt.days": "failed"}, {"dbt.days"}) == [BUILD], "more than a test has failed"


def test_a_red_model_that_was_cleared_and_built_makes_the_run_good() -> None:
    ended: dict[str, str | None] = {BUILD: "failed", f"{BUILD}_done": "upstream_failed", "dbt.days": "success",
                                    "dbt.orders": "success", "publish_orders": "success"}  # fmt: skip
    assert find_unbuilt(ended, {}) == []
    assert find_unbuilt(ended, {BUILD}) == []


def test_what_was_left_out_is_not_done_once_its_cause_is_mended() -> None:
    cleared: dict[str, str | None] = {BUILD: "success", "dbt.days": "success", "dbt.orders": "skipped",
                                      "publish_orders": "skipped"}  # fmt: skip
    assert find_unbuilt(cleared, {}) == ["dbt.orders", "publish_orders"]
    assert find_unbuilt({**cleared, BUILD: "failed"}, {BUILD}) == ["dbt.orders", "publish_orders"]
