"""Who hears of an event: settings and message in, names of channels out."""

from __future__ import annotations

from collections.abc import Sequence

from include.notifications.message import Message
from include.settings.notifications import APPROVERS, OWNER, NotificationSettings, Route


def find_channels(
    message: Message, settings: NotificationSettings, owner: str, approvers: Sequence[str] = ()
) -> tuple[str, ...]:
    """The channels of every route that takes the message, each once, in the order of the routes.

    Args:
        owner: of the model, or of what the message is about; looked up in ``people``, as the ``approvers`` are.
    """
    people = {OWNER: (owner,), APPROVERS: tuple(approvers)}
    named = [name for route in settings.routes.values() if takes(route, message) for name in route.to]
    channels = [
        channel
        for name in named
        for channel in (
            [channel for person in people[name] for channel in settings.people.get(person, ())]
            if name in people
            else [name]
        )
    ]
    return tuple(dict.fromkeys(channels))


def takes(route: Route, message: Message) -> bool:
    """Whether a route takes a message: an empty list leaves nothing out."""
    return (
        message.event in (route.events or (message.event,))
        and message.severity in (route.severities or (message.severity,))
        and message.model_name in (route.models or (message.model_name,))
    )
