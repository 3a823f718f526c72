"""Delivers what is due, with a limit on how long that may take."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

from include.errors import NotificationError
from include.notifications.answer import Answer
from include.notifications.ledger import Delivery, Outcome, claim_deliveries, note_attempt
from include.notifications.send import Attempt
from include.notifications.target import Target
from include.settings.notifications import DeliverySettings
from include.warehouse.session import Session, open_session

log = logging.getLogger(__name__)

CONNECT_TIMEOUT_S: Final = 3
STATEMENT_TIMEOUT: Final = "5s"
FindTarget = Callable[[str, str | None], Target | None]
"""Where a channel's messages go, by its name and the model's; None if the settings have no such channel any more.

It raises NotificationError where the connection does not have what the channel needs.
"""


@contextmanager
def open_briefly(uri: str) -> Iterator[Session]:
    """A session that waits for nothing for long: neither for the server nor for a lock."""
    with open_session(uri, connect_timeout_s=CONNECT_TIMEOUT_S) as session:
        session.execute("select set_config('statement_timeout', %s, true)", (STATEMENT_TIMEOUT,))
        yield session


def deliver_due(
    uri: str, settings: DeliverySettings, find_target: FindTarget, budget_s: float, first: int | None = None
) -> dict[str, int]:
    """Attempt what is due, channel beside channel; a channel that fails is left alone for the rest of the call.

    Args:
        budget_s: no attempt begins later than this.
        first: the notification that goes before the others.

    Returns:
        the number of attempts by outcome.

    Raises:
        WarehouseError: the warehouse is away; what was claimed is attempted again by a later call.
    """
    ends_at = time.monotonic() + budget_s
    counts: dict[str, int] = {}
    failed: set[str] = set()
    while time.monotonic() < ends_at:
        with open_briefly(uri) as session:
            claimed = claim_deliveries(session, settings.attempt_timeout_s, first, failed)
        if not claimed:
            break
        for delivery, answer in attempt_all(claimed, settings.attempt_timeout_s, find_target):
            outcome = judge_answer(answer, delivery.attempt, settings)
            with open_briefly(uri) as session:
                wait_s = plan_wait(delivery.attempt, settings, answer.retry_after_s if answer else 0.0)
                detail = answer.detail if answer else "no channel of this name is declared any more"
                note_attempt(session, delivery, outcome, detail, wait_s)
            counts[outcome] = counts.get(outcome, 0) + 1
            if outcome != "delivered":
                failed.add(delivery.channel)
                log.warning(
                    "Notification %s has not reached %s, attempt %s (%s): %s",
                    delivery.notification_id, delivery.channel, delivery.attempt, outcome, detail,
                )  # fmt: skip
    return counts


def attempt_all(
    claimed: list[Delivery], timeout_s: float, find_target: FindTarget
) -> list[tuple[Delivery, Answer | None]]:
    """Attempt several deliveries at once; None where the channel is not declared any more."""
    begun: list[tuple[Delivery, Attempt | Answer | None]] = []
    for delivery in claimed:
        try:
            target = find_target(delivery.channel, delivery.message.model_name)
        except NotificationError as error:
            begun.append((delivery, Answer(False, str(error))))
        else:
            begun.append((delivery, Attempt(delivery.message, target, timeout_s) if target else None))
    ends_at = time.monotonic() + timeout_s
    return [
        (delivery, attempt.wait(ends_at - time.monotonic()) if isinstance(attempt, Attempt) else attempt)
        for delivery, attempt in begun
    ]


def judge_answer(answer: Answer | None, attempt: int, settings: DeliverySettings) -> Outcome:
    """What becomes of a delivery: the last attempt, and a channel that is gone, give it up."""
    if answer is not None and answer.is_delivered:
        return "delivered"
    return "given_up" if answer is None or attempt >= settings.max_attempts else "failed"


def plan_wait(attempt: int, settings: DeliverySettings, asked_s: float) -> float:
    """Seconds from one failure to the next attempt: doubled each time, and at least what the service asks for."""
    doubled = settings.retry_first_s * 2.0 ** min(attempt - 1, 60)
    return max(min(doubled, settings.retry_max_s), asked_s)
