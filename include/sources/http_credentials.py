"""The address of an HTTP source's server and what it is asked with; which requests get it, and how it stays hidden."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import urlsplit

from include.errors import SourceError

_PORTS: Final = {"http": 80, "https": 443}


@dataclass(frozen=True)
class HttpCredentials:
    """A base URL; the login and password of basic authentication, or none; headers, among them a token."""

    base_url: str
    basic: tuple[str, str] | None = field(default=None, repr=False)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)

    def is_own(self, url: str) -> bool:
        """Whether a URL is of the connection's own server: the same protocol, host and port."""
        return find_origin(url) == find_origin(self.base_url)

    def hide(self, text: str) -> str:
        """A text with asterisks in place of what is secret."""
        secrets = [*self.headers.values(), *(value.removeprefix("Bearer ") for value in self.headers.values())]
        if self.basic:
            secrets += [self.basic[1], base64.b64encode(":".join(self.basic).encode()).decode()]
        for secret in sorted(filter(None, secrets), key=len, reverse=True):
            text = text.replace(secret, "***")
        return text


def read_credentials(
    connection: str, base_url: str, login: str | None, password: str | None, headers: object
) -> HttpCredentials:
    """The credentials of a connection: with a login basic authentication, with a password alone a bearer token.

    Raises:
        SourceError: the address is no URL of a server, or what is sent as a header cannot be one.
    """
    where = f"Connection {connection!r}"
    parts = urlsplit(base_url)
    if not all(find_origin(base_url)) or parts.query or parts.fragment:
        shape = "https://api.example.com or https://api.example.com/v2"
        raise SourceError(f"{where}: its address is no URL such as {shape}. Correct it, and run again.")
    if parts.username is not None or parts.password is not None:
        raise SourceError(f"{where}: its address holds a user. Put it into login and password, and run again.")
    if not isinstance(headers, Mapping) or not all(isinstance(one, str) for pair in headers.items() for one in pair):
        raise SourceError(f"{where}: 'headers' in its extra is no mapping of names to texts. Correct it and run again.")
    sent = {**headers}
    if password and not login:
        sent["Authorization"] = f"Bearer {password}"
    for name, value in sent.items():
        if not (name + value).isascii() or not (name + value).isprintable() or not name:
            raise SourceError(
                f"{where}: the header {name!r} holds a line break or another character that no header has. "
                "Correct the connection, and run again."
            )
    return HttpCredentials(base_url.rstrip("/"), (login, password or "") if login else None, sent)


def find_origin(url: str) -> tuple[str, str, int]:
    """The protocol, host and port of a URL (RFC 6454); empty and 0 where it has none that HTTP knows."""
    try:
        parts = urlsplit(url)
        default = _PORTS.get(parts.scheme, 0)
        return parts.scheme, (parts.hostname or "").rstrip("."), (parts.port or default) if default else 0
    except ValueError:
        return "", "", 0
