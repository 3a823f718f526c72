"""
### Test the notifications

Sends a test message to every channel that `include/config/notifications.yml` declares, or to the one named by the
parameter `channel`, and returns what came back of each (XCom `answers` of `send`). It is in the event log as
`channel_test`. `make notify-test` starts it and shows the answers.

**Parameters**: `channel`; `model`, for a channel that only the file of this model declares.

**When it fails**: at least one channel did not take the message; the log of `send` has the answer of each.
See `docs/runbooks/notification-missing.md`.
"""

from __future__ import annotations

from airflow.sdk import Param, dag, get_current_context, task

from include.orchestration.connections import warehouse_uri
from include.orchestration.defaults import dag_defaults


@dag(
    dag_id="notify_test",
    schedule=None,
    params={
        "channel": Param(None, type=["null", "string"], description="only this one"),
        "model": Param(None, type=["null", "string"], description="with the channels of this model's file"),
    },
    **dag_defaults(__doc__, "maintenance"),
)
def notify_test() -> None:
    """Wire the task."""

    @task
    def send() -> None:
        """Send a test message to each channel, and fail if one has not taken it."""
        from include.orchestration.channel_test import send_test

        send_test(get_current_context(), warehouse_uri())

    send()


notify_test()
