"""Opens S3 and GCS through fsspec, and says what their errors mean."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from include.errors import SourceAwayError, SourceError
from include.sources.source import SourceAccess

if TYPE_CHECKING:
    from fsspec import AbstractFileSystem

_GCS_ADDRESS: Final = "https://storage.googleapis.com"
_NO_CACHE: Final = {"skip_instance_cache": True, "use_listings_cache": False}
_CONNECT_TIMEOUT_S: Final = 10
_READ_TIMEOUT_S: Final = 60
_REASON_LENGTH: Final = 300
# Statuses of a server that may answer another time.
_AGAIN: Final = frozenset({408, 425, 429})
_UNAUTHORIZED: Final = frozenset({401, 403})
_NOT_FOUND: Final = 404


class CredentialsError(Exception):
    """A connection does not say with which credentials; the message says what is missing."""


def open_s3(access: SourceAccess) -> AbstractFileSystem:
    """S3, or what speaks its protocol at the connection's address.

    The connection's login and password are the key's id and secret. Its extra may hold ``endpoint_url`` (or host and
    port are set), ``region_name``, ``aws_session_token``, ``anonymous``, and ``ambient_credentials``, without which
    nothing is taken from the machine.

    Raises:
        CredentialsError: the connection has none.
    """
    from s3fs import S3FileSystem

    is_anonymous, is_ambient = (bool(access.extra.get(name)) for name in ("anonymous", "ambient_credentials"))
    if not (is_anonymous or is_ambient or (access.login and access.password)):
        raise CredentialsError(
            "has no key: set its login (the key's id) and password (the secret), or in its extra anonymous: true, "
            "or ambient_credentials: true for those of the machine"
        )
    has_key = not (is_anonymous or is_ambient)
    return S3FileSystem(
        anon=is_anonymous,
        key=access.login if has_key else None,
        secret=access.password if has_key else None,
        token=access.extra.get("aws_session_token") if has_key else None,
        endpoint_url=find_endpoint(access) or None,
        client_kwargs={"region_name": access.extra.get("region_name")},
        config_kwargs={
            "connect_timeout": _CONNECT_TIMEOUT_S,
            "read_timeout": _READ_TIMEOUT_S,
            "retries": {"mode": "standard", "max_attempts": 2},
            "ignore_configured_endpoint_urls": not is_ambient,
        },
        **_NO_CACHE,
    )


def open_gcs(access: SourceAccess) -> AbstractFileSystem:
    """GCS, or what speaks its protocol at the connection's address.

    The connection's extra holds ``keyfile_dict`` (a service account's key, as JSON), ``key_path`` (a file of it),
    ``anonymous``, or ``ambient_credentials``; or the password is an access token. ``endpoint_url`` is for another
    address than Google's, ``project`` for naming near buckets.

    Raises:
        CredentialsError: the connection has none, or a key that is none.
    """
    from gcsfs.core import GCSFileSystem

    try:
        return GCSFileSystem(
            project=access.extra.get("project") or "",
            access="read_only",
            token=_find_gcs_token(access),
            endpoint_url=find_endpoint(access) or _GCS_ADDRESS,
            requests_timeout=_READ_TIMEOUT_S,
            **_NO_CACHE,
        )
    except (KeyError, ValueError, TypeError, OSError) as error:  # of the key only: nothing is asked for yet
        raise CredentialsError(f"holds a key that cannot be used ({type(error).__name__})") from None


def find_endpoint(access: SourceAccess) -> str:
    """The address of a connection's server; empty for the provider's own."""
    return str(access.extra.get("endpoint_url") or "") or access.address


def _find_gcs_token(access: SourceAccess) -> Any:
    extra = access.extra
    if extra.get("anonymous"):
        return "anon"
    if extra.get("ambient_credentials"):
        return "google_default"
    if key := extra.get("keyfile_dict"):
        return json.loads(key) if isinstance(key, str) else dict(key)
    if path := extra.get("key_path"):
        return json.loads(Path(path).read_text(encoding="utf-8"))
    if access.password:
        from google.oauth2.credentials import Credentials

        return Credentials(access.password)
    raise CredentialsError(
        "has no credentials: set in its extra keyfile_dict, key_path, anonymous: true, or ambient_credentials: true "
        "for those of the machine; or an access token as its password"
    )


@contextmanager
def explain_errors(start: str, connection: str, access: SourceAccess) -> Iterator[None]:
    """Say what an error of a bucket means; what is not found is the caller's to explain.

    Args:
        start: source and place, with which messages begin.

    Raises:
        FileNotFoundError: there is no such object or bucket.
        SourceError: the server refuses the request.
        SourceAwayError: it is not reached, lets nobody in, breaks off, or has a fault of its own.
    """
    try:
        yield
    except FileNotFoundError:
        raise
    except _list_errors() as error:
        status, reason = find_status(error), _hide(str(error).strip() or type(error).__name__, access)
        if status in _UNAUTHORIZED:
            raise SourceAwayError(
                f"{start}: the server refuses the credentials of connection {connection!r} ({reason}). Correct the "
                "connection, or have them allowed to list and read there, and run again."
            ) from None
        if status == _NOT_FOUND:
            raise FileNotFoundError(reason) from None
        if status is not None and status < 500 and status not in _AGAIN:
            raise SourceError(
                f"{start}: the server refuses the request ({reason}). Correct connection {connection!r} (its address, "
                "its region) or the source in sources.yml, and run again."
            ) from None
        address = find_endpoint(access)
        raise SourceAwayError(
            f"{start}: it cannot be reached or broke off{f' at {hide_login(address)}' if address else ''} ({reason}). "
            "Run again when it is back."
        ) from None


def find_status(error: BaseException) -> int | None:
    """The HTTP status that an error stands for; None where there was no answer."""
    from botocore.exceptions import BotoCoreError, HTTPClientError
    from botocore.exceptions import ConnectionError as NoConnection

    response = getattr(error.__cause__, "response", None)
    if isinstance(response, dict):
        status: int = response.get("ResponseMetadata", {}).get("HTTPStatusCode", 400)
        return status
    code = str(getattr(error, "code", ""))
    if code.isdigit():
        return int(code)
    if isinstance(error, PermissionError) or str(error).startswith("Forbidden:"):
        return 403
    # Of a ValueError: gcsfs's word for other bad requests. Of botocore: a region that is none, no credentials ...
    is_refusal = isinstance(error, ValueError) or (
        isinstance(error, BotoCoreError) and not isinstance(error, (NoConnection, HTTPClientError))
    )
    return 400 if is_refusal else None


def _list_errors() -> tuple[type[BaseException], ...]:
    """What the libraries raise when a server does not do what it is asked for."""
    from aiohttp import ClientError
    from botocore.exceptions import BotoCoreError
    from gcsfs.retry import ChecksumError, HttpError
    from google.auth.exceptions import GoogleAuthError

    return (OSError, ValueError, ClientError, BotoCoreError, ChecksumError, HttpError, GoogleAuthError)


def hide_login(address: str) -> str:
    """An address without the user and password that it may hold."""
    scheme, separator, rest = address.partition("://")
    return f"{scheme}{separator}{rest.rpartition('@')[2]}" if separator else address


def _hide(text: str, access: SourceAccess) -> str:
    """The beginning of a text without the secrets of a connection."""
    secrets = [access.password, *(value for value in access.extra.values() if isinstance(value, str))]
    for secret in sorted(secrets, key=len, reverse=True):
        if len(secret) > 3 and "://" not in secret:
            text = text.replace(secret, "***")
    return " ".join(text.split())[:_REASON_LENGTH]
