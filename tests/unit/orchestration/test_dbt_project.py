"""A test of several models belongs to the last of them."""

from __future__ import annotations

import pytest

from include.errors import SettingsError
from include.orchestration.dbt_project import assign_tests, check_owners

DEPENDS_ON = {
    "orders": ("source.orders",), "days": ("orders",), "totals": ("days",), "labels": ("days",),
    "orders_unique": ("orders",), "totals_ignore_the_future": ("orders", "totals"),
    "totals_and_labels_agree": ("totals", "labels"), "three": ("orders", "days", "labels"),
}  # fmt: skip


def test_a_model_keeps_the_tests_that_dbt_runs_before_its_descendants() -> None:
    tests_of = {
        "orders": ["orders_unique", "totals_ignore_the_future", "three"], "days": ["three"],
        "totals": ["totals_ignore_the_future", "totals_and_labels_agree"],
        "labels": ["totals_and_labels_agree", "three"],
    }  # fmt: skip

    assert assign_tests(tests_of, DEPENDS_ON) == {
        "orders": ["orders_unique"], "days": [],
        "totals": ["totals_ignore_the_future", "totals_and_labels_agree"],
        "labels": ["totals_and_labels_agree", "three"],
    }  # fmt: skip


def test_every_test_still_belongs_to_a_model() -> None:
    tests_of = {model: [t for t, models in DEPENDS_ON.items() if model in models] for model in ("orders", "totals")}

    assigned = assign_tests(tests_of, DEPENDS_ON)

    assert {test for tests in assigned.values() for test in tests} >= {"orders_unique", "totals_ignore_the_future"}


def test_a_test_that_no_model_has_is_refused_by_name() -> None:
    check_owners({"orders": ["test.shop.one.1f"]}, ["test.shop.one.1f"])
    with pytest.raises(SettingsError, match="No dbt model has the tests source_orders"):
        check_owners({"orders": ["test.shop.one.1f"]}, ["test.shop.one.1f", "test.shop.source_orders.2e"])
