"""What a real dbt run wrote down, as facts about nodes and tests."""

from __future__ import annotations

from pathlib import Path

import pytest

from include.governance.dbt_artifacts import DbtRun, load_run
from include.warehouse.names import parse_table


@pytest.fixture
def run(dbt_target: Path) -> DbtRun:
    return load_run(dbt_target)


def test_every_node_that_ran_has_its_inputs_and_nothing_else(run: DbtRun) -> None:
    builds = {build.unique_id.rpartition(".")[2]: build for build in run.list_builds()}

    assert {name: [str(table) for table in build.inputs] for name, build in builds.items()} == {
        "regions": [],
        "stg_sales": ["raw.sales"],
        "customers": ["staging.stg_sales", "raw.regions"],
        "broken": ["staging.stg_sales"],
    }
    assert builds["customers"].table == parse_table("features.customers")
    assert builds["customers"].rows == 3
    assert builds["customers"].description == "Spend of each household."
    assert builds["stg_sales"].started_at < builds["stg_sales"].ended_at


def test_a_node_that_failed_says_why(run: DbtRun) -> None:
    failures = {build.unique_id: build.failure for build in run.list_builds() if build.failure}

    assert list(failures) == ["model.shop.broken"]
    assert "division by zero" in str(failures["model.shop.broken"])


def test_tests_name_their_table_column_and_result(run: DbtRun) -> None:
    checks = {check.name: check for check in run.list_checks()}
    facts = {(check.kind, check.column, check.is_passed, check.severity, check.failures) for check in checks.values()}

    assert facts == {
        ("unique", "household_id", True, "error", 0),
        ("not_null", "household_id", False, "error", 1),
        ("not_null", "spend", False, "warn", 1),
        ("custom_sql", None, True, "error", 0),
    }
    assert {str(table) for check in checks.values() for table in check.tables} == {"features.customers"}


def test_without_artifacts_there_is_nothing_to_load(tmp_path: Path) -> None:
    with pytest.raises(OSError, match=r"manifest\.json"):
        load_run(tmp_path)


def test_half_written_artifacts_are_refused(tmp_path: Path) -> None:
    (tmp_path / "manifest.json").write_text('{"nodes": {')

    with pytest.raises(ValueError, match="Expecting"):
        load_run(tmp_path)


@pytest.mark.parametrize(("columns", "named"), [(["spend"], "spend"), (["spend", "units"], None)])
def test_a_test_of_a_list_of_columns_names_its_only_one(columns: list[str], named: str | None) -> None:
    test = {
        "unique_id": "test.shop.range", "name": "range", "resource_type": "test", "column_name": None, "config": {},
        "test_metadata": {"name": "accepted_range", "kwargs": {"columns": columns}},
        "attached_node": "model.shop.sales",
    }  # fmt: skip
    results = [{"unique_id": test["unique_id"], "status": "pass", "failures": 0}]
    metadata = {"generated_at": "2026-03-09T00:00:00+00:00"}
    sales = {"resource_type": "model", "schema": "staging", "alias": "sales", "config": {"materialized": "view"}}
    nodes = {"test.shop.range": test, "model.shop.sales": sales}
    run = DbtRun({"nodes": nodes, "sources": {}}, {"results": results, "metadata": metadata})

    assert [check.column for check in run.list_checks()] == [named]
