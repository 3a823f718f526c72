"""The address of an HTTP source's server and what it is asked with; which requests get it, and how it stays hidden."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import urlsplit

from include.errors import SourceError
from include.sources.source import SourceAccess

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


def read_credentials(connection: str, access: SourceAccess) -> HttpCredentials:
    """The credentials of a connection: with a login basic authentication, with a password alone a bearer token.

    Its host is a URL or a name, to which schema (``https`` by default) and port are added; ``headers`` in its extra
    are sent with each request.

    Raises:
        SourceError: the address is no URL of a server, or what is sent as a header cannot be one.
    """
    where = f"Connection {connection!r}"
    url = find_base_url(access)
    parts = urlsplit(url)
    if parts.username is not None or parts.password is not None:
        raise SourceError(f"{where}: its host holds a user. Put it into login and password, and run again.")
    if not all(find_origin(url)) or parts.query or parts.fragment:
        shape = "https://api.example.com/v2, or api.example.com with the schema https"
        raise SourceError(f"{where}: its host is no address such as {shape}. Correct it, and run again.")
    headers = access.extra.get("headers", {})
    if not isinstance(headers, Mapping) or not all(isinstance(one, str) for pair in headers.items() for one in pair):
        raise SourceError(f"{where}: 'headers' in its extra is no mapping of names to texts. Correct it and run again.")
    sent = {**headers}
    if access.password and not access.login:
        sent["Authorization"] = f"Bearer {access.password}"
    for name, value in sent.items():
        if not (name + value).isascii() or not (name + value).isprintable() or not name:
            raise SourceError(
                f"{where}: the header {name!r} holds a line break or another character that no header has. "
                "Correct the connection, and run again."
            )
    return HttpCredentials(url.rstrip("/"), (access.login, access.password) if access.login else None, sent)


def find_base_url(access: SourceAccess) -> str:
    """The URL of a connection's server."""
    url = access.host if "://" in access.host else f"{access.schema or 'https'}://{access.host}"
    scheme, _, rest = url.partition("://")
    server, slash, path = rest.partition("/")
    return f"{scheme}://{server}:{access.port}{slash}{path}" if access.port else url


def find_origin(url: str) -> tuple[str, str, int]:
    """The protocol, host and port of a URL (RFC 6454); empty and 0 where it has none that HTTP knows."""
    try:
        parts = urlsplit(url)
        default = _PORTS.get(parts.scheme, 0)
        return parts.scheme, (parts.hostname or "").rstrip("."), (parts.port or default) if default else 0
    except ValueError:
        return "", "", 0
