"""Task instances in words."""

from __future__ import annotations

from include.commands.airflow_api import format_log_line
from include.operate.tasks import describe_tasks, find_reason, has_run, name_task
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


def write_log(*exceptions: tuple[str, str]) -> str:
    """A log in which a task fails by exceptions, the outermost last, and more is said afterwards."""
    frames = [{"filename": "/house/include/training/fit.py", "lineno": 7, "name": "fit"}]
    details = [{"exc_type": kind, "exc_value": text, "frames": frames} for kind, text in exceptions]
    lines = [
        {"timestamp": "2026-11-30T10:00:00Z", "level": "info", "event": "Done: 3"},
        {"timestamp": "2026-11-30T10:00:01Z", "level": "error", "event": "Task failed", "error_detail": details},
        {"timestamp": "2026-11-30T10:00:02Z", "level": "info", "event": "Task instance in failure state"},
    ]
    return "\n".join(format_log_line(line) for line in lines)


def test_an_error_of_ours_says_all_that_a_person_needs() -> None:
    said = "Too few rows: 12.\n  - of members\nLoad older days."
    assert find_reason(write_log(("KeyError", "'x'"), ("TrainingError", said))) == said


def test_of_another_error_the_log_is_needed() -> None:
    assert find_reason(write_log(("TrainingError", "Too few rows."), ("KeyError", "'x'"))) is None
    assert find_reason("no exception at all") is None
