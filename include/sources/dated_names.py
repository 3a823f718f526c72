"""Names of files that hold a day."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final

_DAY: Final = r"(\d{4}-\d{2}-\d{2})"


@dataclass(frozen=True)
class DatedName:
    """The last part of a source's ``path``, in which ``{day}`` stands for a day."""

    pattern: str

    def find_day(self, name: str) -> date | None:
        """The day that a file's name holds; None where it is no name of a delivery."""
        before, after = self.pattern.split("{day}")
        match = re.fullmatch(re.escape(before) + _DAY + re.escape(after), name)
        try:
            return date.fromisoformat(match[1]) if match else None
        except ValueError:
            return None

    def find_days(self, names: Iterable[str], from_day: date, to_day: date) -> list[date]:
        """The days of a window that names hold, oldest first."""
        return sorted(day for name in names if (day := self.find_day(name)) and from_day <= day <= to_day)

    def find_near(self, day: date, names: Sequence[str]) -> str | None:
        """A name that was probably meant to be the one of a day, and is the one of no other."""
        others = [name for name in names if self.find_day(name) is None]
        near = difflib.get_close_matches(self.pattern.replace("{day}", str(day)), others, n=1, cutoff=0.8)
        return near[0] if near else None
