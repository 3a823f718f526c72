"""Is a component doing its work? One short, real question to each."""

from __future__ import annotations

import json
import time
import urllib.request
from datetime import datetime
from http.client import HTTPException

from include.local.components import Component

_TIMEOUT_S = 2.0
_SETTLING_S = 1.0
# Loopback is never behind a proxy, whatever the environment says.
_OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def is_healthy(component: Component, started_at: float) -> bool:
    """Whether it answers as it should. Never raises.

    Args:
        started_at: when its process started, in seconds since the epoch.
    """
    if component.heartbeat:
        return beats_in_airflow(component.urls[0], component.heartbeat, started_at)
    if component.urls:
        return all(answers_at(url) for url in component.urls)
    return time.time() - started_at >= _SETTLING_S


def answers_at(url: str) -> bool:
    """Whether a web server answers with a success status, or a database lets us in."""
    return accepts_at(url) if url.startswith("postgresql:") else read_answer(url) is not None


def accepts_at(uri: str) -> bool:
    """Whether a database answers a query."""
    import psycopg

    try:
        with psycopg.connect(uri, connect_timeout=3) as connection:
            return connection.execute("select 1").fetchone() == (1,)
    except psycopg.Error:
        return False


def read_answer(url: str) -> bytes | None:
    """What ``url`` answers with, or None: no answer, or an error status."""
    try:
        with _OPENER.open(url, timeout=_TIMEOUT_S) as response:
            return bytes(response.read())
    except (OSError, HTTPException):
        return None


def beats_in_airflow(report_url: str, part: str, started_at: float) -> bool:
    """Whether Airflow's own report calls a part healthy, from a heartbeat of this very process.

    Args:
        part: ``scheduler``, ``triggerer`` or ``dag_processor``, as the report calls it.
    """
    try:
        health = json.loads(read_answer(report_url) or b"{}")[part]
        beat = datetime.fromisoformat(health[f"latest_{part}_heartbeat"])
        return bool(health["status"] == "healthy") and beat.timestamp() >= started_at - 1
    except (ValueError, KeyError, TypeError):
        return False
