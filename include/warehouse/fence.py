"""Fencing: of two workers with the same work, the later one wins and the earlier one loses cleanly.

Airflow runs tasks at least once, so a worker that was believed dead may come back and publish. Each
worker takes a token before it starts; publishing checks, in the same transaction, that no newer
token was taken. See Kleppmann, "How to do distributed locking" (2016).
"""

from __future__ import annotations

from contextvars import Context

from include.errors import StaleWriterError
from include.warehouse.session import Session


def take_fence(session: Session, name: str) -> int:
    """Take the next token of the fence ``name``; every token taken before is stale from now on."""
    token = session.fetch_value(
        "insert into governance.fences (name, token) values (%s, 1) "
        "on conflict (name) do update set token = governance.fences.token + 1 returning token",
        (name,),
    )
    return int(token)


def check_fence(session: Session, name: str, token: int) -> None:
    """Hold the fence to the end of this transaction if ``token`` is still the newest.

    Raises:
        StaleWriterError: a newer worker took the fence; nothing may be published.
    """
    _compare(session, "select token from governance.fences where name = %s for update", name, token)


def peek_fence(session: Session, name: str, token: int) -> None:
    """Stop early, in a long transaction, when ``token`` is stale; without holding the fence.

    Raises:
        StaleWriterError: a newer worker took the fence.
    """
    _compare(session, "select token from governance.fences where name = %s", name, token)


def _compare(session: Session, query: str, name: str, token: int) -> None:
    # In a context without a trace: a fence that is only looked at is no input of what is published.
    newest = Context().run(session.fetch_value, query, (name,))
    if newest != token:
        raise StaleWriterError(
            f"Fence {name!r} is held by token {newest}, this worker holds {token}: a newer run of the "
            "same work has started. Nothing was published; let the newer run finish."
        )
