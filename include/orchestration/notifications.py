"""Says what happened, from within a task: into the event log, and to the channels that hear of it.

Nothing here fails a task, or delays it by more than ``delivery.task_budget_s`` and one attempt. What a channel has not
taken by then waits in the warehouse for the next event, or for ``maintain``.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final, TypeVar

from include.errors import NotificationError, WarehouseError
from include.orchestration.connections import read_connection, read_warehouse_uri
from include.settings import load_settings

if TYPE_CHECKING:
    from include.notifications.message import Message
    from include.notifications.target import Target
    from include.settings.notifications import NotificationSettings

log = logging.getLogger(__name__)

HOUSE_OWNER: Final = "ml-platform"
"""Owner of the DAGs that all models share, and of what happens in them."""
_TOLD: Final = "_orrery_is_told"

ErrorT = TypeVar("ErrorT", bound=BaseException)


def notify(uri: str, *messages: Message) -> None:
    """Record events and tell whoever hears of them; whatever goes wrong is a warning in the log."""
    for message in messages:
        try:
            tell(uri, message)
        except Exception as error:
            log.warning("A notification was not sent (%s): %s", message.title, error)


def tell(uri: str, message: Message) -> None:
    """Record an event, unless it was before, and attempt what is due of it and then of others.

    While the warehouse is away the channels are told at once: there is nothing that could remember it until later.
    """
    from include.notifications.deliver import deliver_due, open_briefly
    from include.notifications.ledger import record_message
    from include.notifications.routes import find_channels

    settings, owner, approvers = find_audience(message.model_name)
    channels = find_channels(message, settings, owner, approvers)
    log.info("%s: %s (to %s)", message.event, message.title, ", ".join(channels) or "the event log alone")
    try:
        with open_briefly(uri) as session:
            number = record_message(session, message, channels, settings.delivery.window_hours * 3600)
    except WarehouseError as error:
        log.warning("The event log cannot be written: %s", error)
        tell_directly(message, channels, settings.delivery.attempt_timeout_s)
        return
    if number is not None and channels:
        deliver_due(uri, settings.delivery, resolve_channel, settings.delivery.task_budget_s, number)


def tell_directly(message: Message, channels: Sequence[str], timeout_s: float) -> None:
    """Attempt each channel once, without the event log."""
    from include.notifications.deliver import attempt_all
    from include.notifications.ledger import Delivery

    for delivery, answer in attempt_all([Delivery(0, name, 1, message) for name in channels], timeout_s,
                                        resolve_channel):  # fmt: skip
        said = answer.detail if answer else "not declared"
        log.warning("Without the event log, %s was told once: %s", delivery.channel, said)


def find_audience(model_name: str | None) -> tuple[NotificationSettings, str, tuple[str, ...]]:
    """The settings, the owner and the approvers of what a message is about."""
    settings = load_settings()
    model = settings.models.get(model_name or "")
    if model is None:
        return settings.notifications, HOUSE_OWNER, ()
    return model.notifications, model.owner, model.governance.all_approvers


def resolve_channel(name: str, model_name: str | None) -> Target | None:
    """Where a channel's messages go; None if nobody declares it.

    Raises:
        NotificationError: its connection is not there, or lacks what the channel needs.
    """
    from airflow.sdk.exceptions import AirflowNotFoundException

    from include.notifications.target import Login, find_target

    channel = find_audience(model_name)[0].channels.get(name)
    if channel is None:
        return None
    try:
        conn = read_connection(channel.conn_id)
    except AirflowNotFoundException as error:
        raise NotificationError(
            f"Airflow has no connection {channel.conn_id!r}, which the channel {name!r} names. Add it."
        ) from error
    login = Login(
        conn.host or "", conn.port, conn.schema or "", conn.login or "", conn.password or "", conn.extra_dejson
    )
    return find_target(channel, login)


def deliver_pending(uri: str) -> dict[str, int]:
    """Attempt what is due of all that is not delivered yet; the number of attempts by outcome."""
    from include.notifications.deliver import deliver_due

    delivery = load_settings().notifications.delivery
    return deliver_due(uri, delivery, resolve_channel, delivery.maintain_budget_s)


def notify_failure(context: Any) -> None:
    """Airflow's callback of a task that has failed for good; an error that an event tells already is not told twice."""
    try:
        error = context.get("exception")
        if getattr(error, _TOLD, False):
            return
        notify(read_warehouse_uri(), _describe_failure(context, error))
    except Exception as problem:
        log.warning("The failure of this task was not told: %s", problem)


def _describe_failure(context: Any, error: object) -> Message:
    from airflow.sdk.log import redact

    from include.notifications.events import describe_failure

    ti = context["ti"]
    index = getattr(ti, "map_index", -1)
    task = ti.task_id if index is None or index < 0 else f"{ti.task_id}[{index}]"
    model = ti.dag_id.rpartition(".")[0]
    known = model if model in load_settings().models else None
    said = None if error is None else redact(f"{type(error).__name__}: {error}")
    return describe_failure(ti.dag_id, task, ti.run_id, ti.try_number, said, known, find_task_page(ti))


def mark_told(error: ErrorT) -> ErrorT:
    """Say of an error that an event has told it; returns the error."""
    setattr(error, _TOLD, True)
    return error


def find_task_page(ti: Any) -> str | None:
    """The address of a task in Airflow; None where Airflow's own is not known."""
    from airflow.configuration import conf

    return str(ti.log_url) if conf.get("api", "base_url", fallback="") else None
