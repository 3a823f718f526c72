"""A time limit for the body of a request, and an end for connections whose body nobody waits for."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Final

from include.serving.refusal import RequestRefusedError

if TYPE_CHECKING:
    from starlette.types import Message, Receive, Send

_BODILESS: Final = frozenset({"GET", "HEAD"})
_BODY_KEYS: Final = frozenset({b"content-length", b"transfer-encoding"})


def has_body(method: str, headers: Iterable[tuple[bytes, bytes]]) -> bool:
    """Whether a request may have a body."""
    return method not in _BODILESS or any(name in _BODY_KEYS for name, _ in headers)


class BodyTimer:
    """Ends the waiting for bodies that are late: one timer for all of them.

    They have the same limit, so that the first to begin is the first to be late. A timeout of asyncio for each request
    costs as much as all the rest of the access check.
    """

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self._waiting: dict[TimedBody, float] = {}
        self._timer: asyncio.TimerHandle | None = None

    def begin(self, body: TimedBody) -> None:
        """From now on the body has its time."""
        loop = asyncio.get_running_loop()
        ends_at = loop.time() + self.seconds
        self._waiting[body] = ends_at
        if self._timer is None:
            self._timer = loop.call_at(ends_at, self._end_late, loop)

    def end(self, body: TimedBody) -> None:
        """The body has arrived."""
        self._waiting.pop(body, None)

    def _end_late(self, loop: asyncio.AbstractEventLoop) -> None:
        self._timer = None
        for body, ends_at in list(self._waiting.items()):
            if ends_at > loop.time():
                self._timer = loop.call_at(ends_at, self._end_late, loop)
                return
            del self._waiting[body]
            body.give_up()


class TimedBody:
    """Stands between the server and the application for one request that may have a body.

    ``receive`` refuses a body that has not arrived in time with 408. ``send`` closes the connection of a request that
    is answered before its body was read: the rest could go on arriving for ever.
    """

    __slots__ = ("_has_begun", "_is_late", "_is_read", "_receive", "_send", "_timer", "_waiter")

    def __init__(self, receive: Receive, send: Send, timer: BodyTimer) -> None:
        """The time counts from the first look at the body."""
        self._receive, self._send, self._timer = receive, send, timer
        self._has_begun = self._is_read = self._is_late = False
        self._waiter: asyncio.Task[Any] | None = None

    async def receive(self) -> Message:
        """The next part of the body, as ASGI's ``receive``.

        Raises:
            RequestRefusedError: 408 with the limit.
        """
        if self._is_read:
            return await self._receive()
        if not self._has_begun:
            self._has_begun = True
            self._timer.begin(self)
        if self._is_late:
            raise self._refuse()
        waiter = self._waiter = asyncio.current_task()
        try:
            message = await self._receive()
        except asyncio.CancelledError:
            # Somebody else may have cancelled the task as well.
            if not self._is_late or (waiter is not None and waiter.uncancel() > 0):
                raise
            raise self._refuse() from None
        finally:
            self._waiter = None
        if not message.get("more_body", False):
            self._is_read = True
            self._timer.end(self)
        return message

    async def send(self, message: Message) -> None:
        """Pass an answer on, as ASGI's ``send``."""
        if not self._is_read and message["type"] == "http.response.start":
            message = {**message, "headers": [*message.get("headers", ()), (b"connection", b"close")]}
        await self._send(message)

    def give_up(self) -> None:
        """The time is over: who waits for the body is told, or whoever waits for it next."""
        self._is_late = True
        if self._waiter is not None:
            self._waiter.cancel()

    def _refuse(self) -> RequestRefusedError:
        return RequestRefusedError(
            408,
            f"The body did not arrive within {self._timer.seconds:g} seconds. Send it faster, or split the batch.",
        )
