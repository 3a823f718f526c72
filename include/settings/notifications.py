"""Settings of who hears what, by which channel (``include/config/notifications.yml``)."""

from __future__ import annotations

import difflib
from collections.abc import Collection
from typing import Annotated, Final, Literal, Self

from pydantic import Field, model_validator

from include.settings.section import Section

EventKind = Literal[
    "candidate_refused", "approval_waiting", "approval_refused", "approval_timed_out",
    "canary_started", "canary_rolled_back", "champion_promoted", "champion_restored",
    "retraining_requested", "drift_alert", "decay_alert", "source_quarantined", "task_failed",
    "channel_test",
]  # fmt: skip
Severity = Literal["info", "warning", "error", "critical"]
ServiceKind = Literal["slack", "pagerduty", "webhook"]

OWNER: Final = "owner"
APPROVERS: Final = "approvers"
_ROLES: Final = (OWNER, APPROVERS)
"""What a route may name instead of a channel: whoever that is of the model, by ``people``."""

Seconds = Annotated[float, Field(gt=0)]
_Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,30}$")]
_Text = Annotated[str, Field(min_length=1)]
_Address = Annotated[str, Field(pattern=r"^[^@\s,;<>]+@[^@\s,;<>]+$")]


class ServiceChannel(Section):
    """A service that takes messages over HTTP; its address and its secrets are in the Airflow connection."""

    kind: ServiceKind
    conn_id: _Text


class EmailChannel(Section):
    """A mail server, which the Airflow connection names, and between whom its mails go."""

    kind: Literal["email"]
    conn_id: _Text
    sender: _Address
    recipients: Annotated[tuple[_Address, ...], Field(min_length=1)]


Channel = Annotated[ServiceChannel | EmailChannel, Field(discriminator="kind")]


class Route(Section):
    """Which events go where; a list that is empty leaves nothing out.

    Attributes:
        to: names of channels, ``owner`` or ``approvers``; none switches the route off.
    """

    events: tuple[EventKind, ...] = ()
    severities: tuple[Severity, ...] = ()
    models: tuple[str, ...] = ()
    to: tuple[str, ...]


class DeliverySettings(Section):
    """How often and how long a message is tried.

    Attributes:
        window_hours: an event with the same key is the same event for so long.
        attempt_timeout_s: whatever a channel does, an attempt has failed after it.
        task_budget_s: no attempt is begun later than this after the event; what is left is sent by ``maintain``.
        maintain_budget_s: the same for one run of ``maintain``.
    """

    window_hours: Annotated[float, Field(gt=0)]
    attempt_timeout_s: Seconds
    task_budget_s: Seconds
    maintain_budget_s: Seconds
    max_attempts: Annotated[int, Field(ge=1)]
    retry_first_s: Seconds
    retry_max_s: Seconds


class NotificationSettings(Section):
    """Channels by name, the channels of persons and teams, routes by name, and how delivery is tried."""

    channels: dict[_Name, Channel]
    people: dict[_Text, tuple[str, ...]]
    routes: dict[_Name, Route]
    delivery: DeliverySettings

    @model_validator(mode="after")
    def _check_channels(self) -> Self:
        for role in _ROLES:
            if role in self.channels:
                raise ValueError(f"another name than channels.{role}: in a route {role!r} is the model's {role}")
        for name, route in self.routes.items():
            refuse_unknown(route.to, [*self.channels, *_ROLES], f"routes.{name}.to")
        for person, channels in self.people.items():
            refuse_unknown(channels, self.channels, f"people.{person}")
        return self


def refuse_unknown(named: Collection[str], known: Collection[str], key: str) -> None:
    """Raise a ValueError for a channel that a key names and nobody declares."""
    for name in named:
        if name not in known:
            near = difflib.get_close_matches(name, known, n=1)
            hint = f"did you mean {near[0]!r}?" if near else f"declared are {', '.join(known) or 'none'}."
            raise ValueError(f"{key} to name declared channels; no channel is called {name!r}: {hint}")
