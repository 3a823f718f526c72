"""Task instances in words."""

from __future__ import annotations

from include.operate.tasks import describe_tasks, has_run, name_task
from tests.unit.operate.test_follow import make_task


def test_tasks_are_described_in_a_few_words() -> None:
    tasks = [
        make_task("land", "success"),
        make_task("dbt.staging", "running", name="a"),
        make_task("approve", "awaiting_input"),
        make_task("publish", "up_for_retry"),
        make_task("score", None),
    ]
    assert describe_tasks(tasks) == "1/5 tasks · staging[a], approve · 1 waiting to retry"
    assert describe_tasks([make_task(state, state) for state in ("skipped", "failed", "upstream_failed")]) == (
        "3/3 tasks"
    )
    assert describe_tasks([make_task(str(n), "running") for n in range(5)]) == "0/5 tasks · 0, 1, 2"
    assert describe_tasks([]) == "0/0 tasks"


def test_a_mapped_task_carries_its_name_and_no_group() -> None:
    assert name_task(make_task("fit", "running", name="ridge")) == "fit[ridge]"
    assert name_task(make_task("dbt.machine_state_run", "running")) == "machine_state_run"
    assert name_task({"task_id": "fit"}) == "fit"


def test_only_success_counts_as_having_run() -> None:
    tasks = [make_task("land", "skipped"), make_task("publish_units", "success")]
    assert has_run(tasks, "publish_units")
    assert has_run(tasks, "publish_*")
    assert not has_run(tasks, "publish")
    assert not has_run(tasks, "land*")
    assert not has_run(tasks, "absent")
