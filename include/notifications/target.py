"""Where a channel's messages go: an address and what lets one in, as plain values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal
from urllib.parse import quote, urlsplit

from include.errors import NotificationError
from include.settings.notifications import Channel, EmailChannel, ServiceKind

SLACK: Final = "https://hooks.slack.com/services"
PAGERDUTY: Final = "https://events.pagerduty.com"
_PORTS: Final = {"ssl": 465, "starttls": 587, "none": 25}
_MIN_SECRET: Final = 4


@dataclass(frozen=True)
class Login:
    """The fields of an Airflow connection."""

    host: str = ""
    port: int | None = None
    schema: str = ""
    login: str = ""
    password: str = field(default="", repr=False)
    extra: Mapping[str, Any] = field(default_factory=dict, repr=False)


@dataclass(frozen=True)
class HttpTarget:
    """A service that takes messages over HTTP.

    Attributes:
        secret: the routing key of PagerDuty, the token or password of a webhook; of Slack it is in the address.
    """

    kind: ServiceKind
    url: str = field(repr=False)
    login: str = ""
    secret: str = field(default="", repr=False)

    @property
    def secrets(self) -> tuple[str, ...]:
        """What no log may show."""
        parts = urlsplit(self.url)
        hidden = [self.secret]
        if self.kind != "pagerduty":
            hidden += [self.url, f"{parts.path}?{parts.query}", parts.path, parts.query]
        return keep_secrets(hidden)


@dataclass(frozen=True)
class MailTarget:
    """A mail server, and between whom the mails go."""

    host: str
    port: int
    security: Literal["ssl", "starttls", "none"]
    login: str
    secret: str = field(repr=False)
    sender: str
    recipients: tuple[str, ...]

    @property
    def secrets(self) -> tuple[str, ...]:
        """What no log may show."""
        return keep_secrets([self.secret])


Target = HttpTarget | MailTarget


def keep_secrets(texts: list[str]) -> tuple[str, ...]:
    """The texts that say something by themselves, the longest first; a single slash is no secret."""
    return tuple(sorted({text for text in texts if len(text) >= _MIN_SECRET}, key=len, reverse=True))


def hide_secrets(text: str, target: Target) -> str:
    """A text in which whatever lets one in is replaced by stars, also where it is percent-encoded."""
    for secret in target.secrets:
        text = text.replace(secret, "***").replace(quote(secret, safe=""), "***")
    return text


def find_target(channel: Channel, login: Login) -> Target:
    """Where the messages of a channel go, by the fields of its connection.

    Raises:
        NotificationError: the connection lacks what a channel of its kind needs.
    """
    if isinstance(channel, EmailChannel):
        return _find_mail(channel, login)
    if channel.kind == "pagerduty":
        return HttpTarget("pagerduty", f"{find_address(login) or PAGERDUTY}/v2/enqueue", secret=_need(channel, login))
    if login.password.startswith(("http://", "https://")):
        return HttpTarget(channel.kind, login.password)
    if channel.kind == "slack":
        path = _need(channel, login).strip("/")
        return HttpTarget("slack", f"{find_address(login) or SLACK}/{path}")
    if not (address := find_address(login)):
        raise NotificationError(
            f"Connection {channel.conn_id!r} names no address. Put the webhook's into its host, or as a whole into its "
            "password."
        )
    return HttpTarget("webhook", address, login.login, login.password)


def find_address(login: Login) -> str:
    """``https://host:port/path`` of a connection whose host may already carry the scheme; empty without a host."""
    if not login.host:
        return ""
    host = login.host if "://" in login.host else f"{login.schema or 'https'}://{login.host}"
    parts = urlsplit(host)
    place = f"{parts.netloc}:{login.port}" if login.port else parts.netloc
    return parts._replace(netloc=place).geturl().rstrip("/")


def _need(channel: Channel, login: Login) -> str:
    if not login.password:
        raise NotificationError(
            f"Connection {channel.conn_id!r} has no password; a channel of kind {channel.kind!r} has its secret there."
        )
    return login.password


def _find_mail(channel: EmailChannel, login: Login) -> MailTarget:
    if not login.host:
        raise NotificationError(f"Connection {channel.conn_id!r} names no host. Put the mail server's there.")
    is_plain = _is_set(login, "disable_ssl")
    security: Literal["ssl", "starttls", "none"] = (
        "ssl" if not is_plain else "none" if _is_set(login, "disable_tls") else "starttls"
    )
    port = login.port or _PORTS[security]
    return MailTarget(login.host, port, security, login.login, login.password, channel.sender, channel.recipients)


def _is_set(login: Login, key: str) -> bool:
    """Whether an extra is true, be it written as JSON or in the URI of a connection."""
    return str(login.extra.get(key, "")).lower() in ("true", "1")
