"""The one interface of all kinds of sources: dated deliveries, each of which is fetched into a local file."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path
from typing import Any, Final, Protocol

from include.errors import DeliveryMissingError

_DAYS_LISTED: Final = 5


@dataclass(frozen=True)
class SourceAccess:
    """Address and secrets of a source, as its connection has them; what holds secrets is not printed.

    Attributes:
        host: a name or address, or a URL that holds more.
        schema: of an HTTP connection ``https``, of a database connection the name of the database.
        extra: what else the connection says, by name.
    """

    host: str = ""
    port: int | None = None
    schema: str = ""
    login: str = ""
    password: str = field(default="", repr=False)
    extra: Mapping[str, Any] = field(default_factory=dict, repr=False)

    @property
    def address(self) -> str:
        """``scheme://host:port`` of a server that speaks HTTP; empty where the connection names no host."""
        if not self.host:
            return ""
        host = self.host if "://" in self.host else f"{self.schema or 'https'}://{self.host}"
        return f"{host.rstrip('/')}:{self.port}" if self.port else host.rstrip("/")


class Deliveries(Protocol):
    """The dated deliveries of one source.

    Every method raises :class:`include.errors.SourceError` that names the source, the place and the remedy, and its
    :class:`include.errors.SourceAwayError` where another try may succeed: not reached, timed out, broken off.
    No message holds a secret.
    """

    def find_days(self, from_day: date, to_day: date) -> list[date]:
        """The days from ``from_day`` to ``to_day``, both included, of which there is a delivery now, oldest first.

        Of a snapshot source it is called with ``date.min`` too. A live copy has one day: the one that it is of now.
        """
        ...

    def describe(self, day: date) -> str:
        """Where a person looks for a delivery: a path, a URL, a table and its column; never a secret."""
        ...

    def explain_missing(self, days: Sequence[date]) -> DeliveryMissingError:
        """The error for deliveries that should be there and are not, with what is there instead."""
        ...

    def find_version(self, day: date) -> str | None:
        """What changes with the content of a delivery, got without reading all of it.

        None: there is no such thing, or the delivery is gone; it is then fetched and its file is hashed.
        """
        ...

    def find_changed_at(self, day: date) -> datetime | None:
        """When a delivery was put in its place or changed last, with its zone; None: nobody knows."""
        ...

    def fetch(self, day: date, folder: Path) -> Path:
        """A local file of a delivery, written as ``source.file_options`` says.

        It is new in ``folder``, whose files are removed after reading, but for files that were local anyway. Content
        that changes while it is read is read again or refused, and so is a live copy that is of another day by then.
        """
        ...


def explain_missing_days(
    name: str, days: Sequence[date], expected: str, found: str, remedy: str
) -> DeliveryMissingError:
    """The error for missing deliveries, in the same words for each kind of source.

    Args:
        expected: where the first of them should be.
        found: what is there instead, as a sentence.
        remedy: what to do, as a sentence.
    """
    listed = ", ".join(str(day) for day in days[:_DAYS_LISTED]) + (" ..." if len(days) > _DAYS_LISTED else "")
    return DeliveryMissingError(
        f"Source {name!r}: {len(days)} day(s) missing, for {listed}; expected {expected}. {found} {remedy}"
    )


def hash_file(path: Path) -> str | None:
    """SHA-256 of a file's bytes in hexadecimal digits; None where it cannot be read, of which reading it says why."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        return None
