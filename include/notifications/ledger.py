"""The event log and what is still to be delivered (``governance.notifications`` and its neighbours)."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from include.notifications.message import Message
from include.warehouse.session import Session

Outcome = Literal["delivered", "failed", "given_up"]

LEASE_MARGIN_S: Final = 60.0
"""Whoever has claimed a delivery and has said nothing for so long after its limit has died: another may try."""


@dataclass(frozen=True)
class Delivery:
    """A message that this process alone may now send to a channel, for the ``attempt``-th time."""

    notification_id: int
    channel: str
    attempt: int
    message: Message


def record_message(
    session: Session, message: Message, channels: Sequence[str], window_s: float, *, is_queued: bool = True
) -> int | None:
    """Note an event and for which channels it is, unless the same event was noted within the window.

    Of two processes that note it at once, the second waits for the first's transaction, and finds it noted.

    Args:
        is_queued: it is delivered by whoever asks for what is due; else by the caller, who attempts it once.

    Returns:
        its id in ``governance.notifications``; None if it was noted before.
    """
    claimed = session.fetch_one(
        "insert into governance.notification_keys as known (dedup_key, at) values (%s, clock_timestamp()) "
        "on conflict (dedup_key) do update set at = clock_timestamp() "
        "where known.at < clock_timestamp() - make_interval(secs => %s) returning dedup_key",
        (message.dedup_key, window_s),
    )
    if claimed is None:
        return None
    number: int = session.fetch_value(
        "insert into governance.notifications "
        "(at, event, model_name, model_version, severity, title, body, link, dedup_key, channels) "
        "values (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s) returning id",
        (
            message.at, message.event, message.model_name, message.model_version, message.severity, message.title,
            message.text, message.link, message.dedup_key, list(channels),
        ),
    )  # fmt: skip
    session.execute(
        "insert into governance.notification_outbox (notification_id, channel) select %s, unnest(%s::text[])",
        (number, list(channels) if is_queued else []),
    )
    return number


def claim_deliveries(
    session: Session, timeout_s: float, first: int | None = None, left_out: Collection[str] = ()
) -> list[Delivery]:
    """Take what is due: of each channel one message, the oldest one, or that of ``first``.

    The claim counts as an attempt, and holds when it is committed: nobody else sends the same meanwhile.

    Args:
        timeout_s: how long an attempt may take.
        left_out: channels of which nothing is taken.
    """
    rows = session.fetch_all(
        """
        update governance.notification_outbox as outbox
        set attempts = outbox.attempts + 1, next_attempt_at = clock_timestamp() + make_interval(secs => %s)
        from (
            select notification_id, channel from governance.notification_outbox
            where next_attempt_at <= clock_timestamp() and (notification_id, channel) in (
                select distinct on (channel) notification_id, channel from governance.notification_outbox
                where next_attempt_at <= clock_timestamp() and not channel = any(%s)
                order by channel, (notification_id is not distinct from %s) desc, notification_id
            )
            for update skip locked
        ) as due, governance.notifications as said
        where (outbox.notification_id, outbox.channel) = (due.notification_id, due.channel)
            and said.id = due.notification_id
        returning outbox.channel, outbox.attempts, said.*
        """,
        (timeout_s + LEASE_MARGIN_S, list(left_out), first),
    )
    return [
        Delivery(
            row["id"], row["channel"], row["attempts"],
            Message(
                row["event"], row["severity"], row["title"], row["body"], row["dedup_key"], row["model_name"],
                row["model_version"], row["link"], row["at"],
            ),
        )
        for row in rows
    ]  # fmt: skip


def note_attempt(session: Session, delivery: Delivery, outcome: Outcome, detail: str, wait_s: float = 0.0) -> None:
    """Keep what an attempt led to; what was delivered or given up is attempted no more.

    Args:
        wait_s: of one that failed, until the next attempt.
    """
    key = (delivery.notification_id, delivery.channel)
    next_at = None
    if outcome == "failed":
        next_at = session.fetch_value(
            "update governance.notification_outbox set next_attempt_at = clock_timestamp() + make_interval(secs => %s) "
            "where (notification_id, channel) = (%s, %s) and attempts = %s returning next_attempt_at",
            (wait_s, *key, delivery.attempt),
        )
    else:
        session.execute("delete from governance.notification_outbox where (notification_id, channel) = (%s, %s)", key)
    session.execute(
        "insert into governance.notification_deliveries "
        "(notification_id, channel, attempt, outcome, detail, next_attempt_at) values (%s, %s, %s, %s, %s, %s)",
        (*key, delivery.attempt, outcome, detail.replace("\0", "?"), next_at),
    )
