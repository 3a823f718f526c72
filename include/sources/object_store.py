"""Deliveries that are objects of a bucket in S3 or GCS."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from functools import cached_property
from os.path import commonprefix
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from include.errors import DeliveryMissingError, SourceAwayError, SourceError
from include.settings.source_kinds import ObjectStoreSource
from include.sources.buckets import ONE_STREAM, CredentialsError, explain_errors, open_gcs, open_s3
from include.sources.dated_names import DatedName
from include.sources.source import SourceAccess, explain_missing_days

if TYPE_CHECKING:
    from fsspec import AbstractFileSystem

_PROTOCOLS: Final = {"s3": "s3", "gcs": "gs"}
# Names hold days of these years.
_FIRST: Final = date(1000, 1, 1)
_LAST: Final = date(2999, 12, 31)
_TRIES: Final = 3


@dataclass(frozen=True)
class ObjectState:
    """What a bucket says of an object; another content has another state."""

    version: str
    changed_at: datetime | None
    size: int | None

    @classmethod
    def from_info(cls, info: Mapping[str, Any]) -> ObjectState:
        """Of what fsspec says: S3 has a tag of the content, GCS a number of the version."""
        changed = info.get("LastModified") or info.get("updated")
        return cls(
            version=str(info["generation"] if "generation" in info else info["ETag"]).strip('"'),
            changed_at=datetime.fromisoformat(changed) if isinstance(changed, str) else changed,
            # What is packed for the way only has another size when it has come.
            size=None if info.get("contentEncoding") else info["size"],
        )


@dataclass(frozen=True)
class ObjectStoreDeliveries:
    """The objects of one source; see :class:`include.sources.source.Deliveries`."""

    name: str
    source: ObjectStoreSource
    access: SourceAccess
    _listed: dict[date, ObjectState] = field(default_factory=dict, repr=False, compare=False)

    def find_days(self, from_day: date, to_day: date) -> list[date]:
        """The days of which there is an object, by one listing of what begins like them."""
        states = self._list_objects(from_day, to_day)
        days = self._pattern.find_days(states, from_day, to_day)
        self._listed.update({day: state for name, state in states.items() if (day := self._pattern.find_day(name))})
        return days

    def describe(self, day: date) -> str:
        """The object's address."""
        return f"{_PROTOCOLS[self.source.store]}://{self._key(day)}"

    def explain_missing(self, days: Sequence[date]) -> DeliveryMissingError:
        """Says which objects there are instead."""
        names = list(self._list_objects(_FIRST, _LAST))
        delivered = self._pattern.find_days(names, _FIRST, _LAST)
        folder = self.describe(days[0]).rsplit("/", 1)[0]
        if delivered:
            found = f"Its objects are of {delivered[0]} to {delivered[-1]}."
        else:
            found = f"There is no object named like {self._pattern.pattern} in {folder}."
        near = self._pattern.find_near(days[0], names)
        return explain_missing_days(
            self.name, days, self.describe(days[0]), found + (f" Nearest name there: {near}." if near else ""),
            "Have the source deliver the object, or choose a window that was delivered, and run again.",
        )  # fmt: skip

    def find_version(self, day: date) -> str | None:
        """The object's tag or generation, as it was listed last."""
        state = self._find_state(day)
        return state.version if state else None

    def find_changed_at(self, day: date) -> datetime | None:
        """When the object was written; what is told to the second may be of any moment of it."""
        state = self._find_state(day)
        if state is None or state.changed_at is None:
            return None
        changed_at = state.changed_at.astimezone(UTC)
        return changed_at if changed_at.microsecond else changed_at + timedelta(seconds=1)

    def fetch(self, day: date, folder: Path) -> Path:
        """Download one object, again if it was written meanwhile: parts of two contents are none.

        Raises:
            SourceError: it is gone, or the server refuses it.
            SourceAwayError: the server is away, or the object does not stay the same.
        """
        path, before = folder / day.isoformat(), self._read_state(day)
        for _ in range(_TRIES):
            try:
                with self._explain(self.describe(day)):
                    self._bucket.get_file(self._key(day), str(path), **ONE_STREAM[self.source.store])
            except FileNotFoundError:
                raise self._explain_gone(day) from None
            after = self._read_state(day)
            if after == before and after.size in (None, path.stat().st_size):
                return path
            before = after
        raise SourceAwayError(
            f"Source {self.name!r}, object {self.describe(day)}: it changed each of the {_TRIES} times that it was "
            "read. Have the source write it once, and run again."
        )

    @property
    def _pattern(self) -> DatedName:
        return DatedName(self.source.path.rsplit("/", 1)[-1])

    def _key(self, day: date) -> str:
        return f"{self.source.bucket}/{self.source.path.replace('{day}', day.isoformat())}"

    @cached_property
    def _bucket(self) -> AbstractFileSystem:
        try:
            return open_s3(self.access) if self.source.store == "s3" else open_gcs(self.access)
        except CredentialsError as error:
            raise SourceError(f"Source {self.name!r}: connection {self.source.connection!r} {error}.") from None

    def _list_objects(self, from_day: date, to_day: date) -> dict[str, ObjectState]:
        """The objects whose names begin like those of a window, by their names."""
        folder = self._key(_FIRST).rsplit("/", 1)[0]
        found: dict[str, ObjectState] = {}
        try:
            with self._explain(f"{_PROTOCOLS[self.source.store]}://{folder}"):
                for prefix in list_prefixes(self._pattern, max(from_day, _FIRST), min(to_day, _LAST)):
                    infos = self._bucket.find(folder, maxdepth=1, prefix=prefix, detail=True)
                    found |= {key.rsplit("/", 1)[-1]: ObjectState.from_info(info) for key, info in infos.items()}
        except FileNotFoundError:
            raise self._explain_no_bucket() from None
        return found

    def _find_state(self, day: date) -> ObjectState | None:
        try:
            return self._listed.get(day) or self._stat(day)
        except FileNotFoundError:
            return None

    def _read_state(self, day: date) -> ObjectState:
        try:
            return self._stat(day)
        except FileNotFoundError:
            raise self._explain_gone(day) from None

    def _stat(self, day: date) -> ObjectState:
        """The state of an object now.

        Raises:
            FileNotFoundError: it does not exist.
        """
        with self._explain(self.describe(day)):
            return ObjectState.from_info(self._bucket.info(self._key(day)))

    @contextmanager
    def _explain(self, place: str) -> Iterator[None]:
        with explain_errors(f"Source {self.name!r}, {place}", self.source.connection, self.access):
            yield

    def _explain_gone(self, day: date) -> SourceError:
        return SourceError(
            f"Source {self.name!r}, object {self.describe(day)}: it is missing. Have the source deliver it and run "
            "again."
        )

    def _explain_no_bucket(self) -> SourceError:
        bucket = self.source.bucket
        try:
            with self._explain(bucket):
                names = [str(name).strip("/") for name in self._bucket.ls("", detail=False)]
        except (SourceError, FileNotFoundError):  # to list buckets is often not allowed
            names = []
        near = difflib.get_close_matches(bucket, names, n=1)
        return SourceError(
            f"Source {self.name!r}: there is no bucket {bucket!r}."
            + (f" Did you mean {near[0]!r}?" if near else "")
            + f" Correct bucket of {self.name!r} in sources.yml, or the address in connection "
            f"{self.source.connection!r}, and run again."
        )


def list_prefixes(pattern: DatedName, from_day: date, to_day: date) -> list[str]:
    """What the names of a window's days begin with: one prefix, or one for each first digit where there is none."""
    if to_day < from_day:
        return []
    days = from_day.isoformat(), to_day.isoformat()
    prefix = pattern.pattern.split("{day}")[0] + commonprefix(days)  # noqa: RUF071 - characters are meant
    return [prefix] if prefix else [str(digit) for digit in range(int(days[0][0]), int(days[1][0]) + 1)]
