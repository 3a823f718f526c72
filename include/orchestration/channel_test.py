"""A test message to channels, whatever the routes say, and what came back."""

from __future__ import annotations

import logging
from typing import Any, Final

from airflow.sdk.exceptions import AirflowFailException

from include.notifications.deliver import attempt_all
from include.notifications.ledger import Delivery, note_attempt, record_message
from include.notifications.message import Message
from include.orchestration.notifications import find_audience, find_task_page, mark_told, resolve_channel
from include.warehouse.session import open_session

log = logging.getLogger(__name__)

ANSWERS: Final = "answers"
"""XCom of the task: what came back, by channel."""


def send_test(context: Any, uri: str) -> None:
    """Send a test message to the channel that the run names, or to all; each is attempted once.

    Raises:
        AirflowFailException: a channel has not taken it, there is none of this name, or none at all.
    """
    asked, model = context["params"]["channel"], context["params"]["model"]
    settings = find_audience(model)[0]
    names = [asked] if asked else [*settings.channels]
    if not set(names) <= set(settings.channels) or not names:
        declared = ", ".join(settings.channels) or "none"
        raise mark_told(AirflowFailException(f"No channel {asked or 'at all'} is declared; declared are: {declared}."))
    title = f"Test of {', '.join(names)}"
    text = "Somebody tests whether messages arrive here. There is nothing to do."
    key = f"channel_test/{context['run_id']}/{context['ti'].try_number}"
    message = Message("channel_test", "info", title, text, key, model, link=find_task_page(context["ti"]))
    with open_session(uri) as session:
        number = record_message(session, message, names, settings.delivery.window_hours * 3600, is_queued=False) or 0
    answers: dict[str, str] = {}
    failed: list[str] = []
    deliveries = [Delivery(number, name, 1, message) for name in names]
    for delivery, answer in attempt_all(deliveries, settings.delivery.attempt_timeout_s, resolve_channel):
        is_delivered, detail = bool(answer and answer.is_delivered), answer.detail if answer else "not declared"
        answers[delivery.channel] = f"{'delivered' if is_delivered else 'NOT delivered'}: {detail}"
        failed += [] if is_delivered else [delivery.channel]
        with open_session(uri) as session:
            note_attempt(session, delivery, "delivered" if is_delivered else "given_up", detail)
        log.info("%s: %s", delivery.channel, answers[delivery.channel])
    context["ti"].xcom_push(key=ANSWERS, value=answers)
    if failed:
        raise mark_told(AirflowFailException(f"Not delivered to {', '.join(failed)}; the answers stand above."))
