"""When the next request of an HTTP source may start: its rate limit, and what ``Retry-After`` asks for."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime


@dataclass(frozen=True)
class Timing:
    """The clock in seconds and how to wait; tests give others."""

    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep


class RateLimit:
    """Starts of requests are at least ``1 / per_second`` seconds apart; without a number they are not limited."""

    def __init__(self, per_second: float | None, timing: Timing) -> None:
        self._interval_s = 1 / per_second if per_second else 0.0
        self.timing = timing
        self._next_at = float("-inf")

    def wait(self) -> None:
        """Wait until the next request may start."""
        wait_s = self._next_at - self.timing.clock()
        if wait_s > 0:
            self.timing.sleep(wait_s)
        self._next_at = max(self.timing.clock(), self._next_at) + self._interval_s


def read_retry_after(headers: Mapping[str, str], now: datetime) -> float | None:
    """The seconds that ``Retry-After`` asks to wait (RFC 9110, 10.2.3), given as seconds or as a date.

    A date is compared with the server's own, where it gives one. None: there is none that can be read.
    """
    asked = headers.get("retry-after", "").strip()
    if asked.isascii() and asked.isdigit():
        return float(asked)
    at = read_http_date(asked)
    if at is None:
        return None
    return max((at - (read_http_date(headers.get("date", "")) or now)).total_seconds(), 0.0)


def read_http_date(text: str) -> datetime | None:
    """A moment as HTTP headers write it; None if it is none."""
    try:
        moment = parsedate_to_datetime(text)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
