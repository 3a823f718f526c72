"""Reads what a label is to say: a sentence such as ``no orders in 28 days``."""

from __future__ import annotations

import difflib
import re
from dataclasses import dataclass
from typing import Final, Literal

from include.adopt.event_features import LOOKBACKS
from include.errors import SettingsError
from include.settings.models import TaskName

LabelKind = Literal["absence", "presence", "sum", "count"]

MAX_HORIZON_DAYS: Final = 365
_WINDOW: Final = r" in (?:the )?(?:next )?(?P<days>\S+) days?"
# The first one that fits counts.
_SENTENCES: Final[dict[LabelKind, re.Pattern[str]]] = {
    "absence": re.compile(rf"no (?P<events>.+?){_WINDOW}", re.IGNORECASE),
    "sum": re.compile(rf"sum of (?P<column>.+?){_WINDOW}", re.IGNORECASE),
    "count": re.compile(rf"count(?: of (?P<column>.+?))?{_WINDOW}", re.IGNORECASE),
    "presence": re.compile(rf"(?P<events>.+?){_WINDOW}", re.IGNORECASE),
}
_TASKS: Final[dict[LabelKind, TaskName]] = {
    "absence": "binary", "presence": "binary", "sum": "regression", "count": "regression",
}  # fmt: skip


@dataclass(frozen=True)
class LabelSentence:
    """What a label says of the ``days`` from an as-of date on.

    Attributes:
        column: the one that is summed, or whose known values are counted; None: events are.
        lookback_days: the longest window of the features.
    """

    kind: LabelKind
    days: int
    column: str | None = None
    lookback_days: int = LOOKBACKS[0]

    @property
    def task(self) -> TaskName:
        """The kind of model that learns it."""
        return _TASKS[self.kind]

    @property
    def active_days(self) -> int:
        """An entity has a label when it had events in so many days before the as-of date."""
        return min(2 * self.days, self.lookback_days)


def read_label(text: str, source: str) -> LabelSentence:
    """Read a sentence about the events of a source.

    Raises:
        SettingsError: it is none of the sentences that can be read, speaks of other events, or its days are not
            1 to 365.
    """
    plain = " ".join(text.split())
    for kind, pattern in _SENTENCES.items():
        if found := pattern.fullmatch(plain):
            parts = found.groupdict()
            if "events" in parts:
                _check_events(text, parts["events"], source)
            column = parts.get("column")
            if kind == "count" and column and _name_source(column) == source:
                column = None
            return LabelSentence(kind, _read_days(text, parts["days"]), column)
    raise SettingsError(f"The label {text!r} cannot be read. {list_sentences(source)}")


def list_sentences(source: str) -> str:
    """The sentences that can be read, as one sentence."""
    return (
        f"Write LABEL as one of: 'no {source} in 28 days', '{source} in 28 days', 'sum of COLUMN in 28 days', "
        f"'count in 28 days', 'count of COLUMN in 28 days', with 1 to {MAX_HORIZON_DAYS} days."
    )


def _check_events(text: str, events: str, source: str) -> None:
    found = _name_source(events)
    if found != source:
        near = difflib.get_close_matches(found, [source])
        hint = f" Did you mean {source!r}?" if near else ""
        raise SettingsError(
            f"The label {text!r} speaks of {events!r}, and the events are those of the source {source!r}.{hint} "
            f"{list_sentences(source)}"
        )


def _name_source(events: str) -> str:
    return re.sub(r"[\s-]+", "_", events.lower())


def _read_days(text: str, days: str) -> int:
    if not re.fullmatch(r"[0-9]{1,9}", days) or not 1 <= int(days) <= MAX_HORIZON_DAYS:
        raise SettingsError(
            f"The label {text!r} looks at {days} days; a label looks at 1 to {MAX_HORIZON_DAYS} whole days. "
            "Change them."
        )
    return int(days)
