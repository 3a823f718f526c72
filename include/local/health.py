"""Is a component doing its work? One short, real question to each."""

from __future__ import annotations

import json
import time
import urllib.request
from collections.abc import Callable
from datetime import datetime
from http.client import HTTPException
from typing import Any

from include.local.processes import ProcessRecord

HealthCheck = Callable[[ProcessRecord], bool]
"""Takes the component's process; whether it is healthy. Never raises."""

_TIMEOUT_S = 2.0
_SETTLING_S = 1.0
# Loopback is never behind a proxy, whatever the environment says.
_OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def read_json(url: str) -> Any:
    """The JSON that ``url`` answers with, or None: no answer, an error status, or no JSON."""
    try:
        with _OPENER.open(url, timeout=_TIMEOUT_S) as response:
            return json.load(response)
    except (OSError, HTTPException, ValueError):
        return None


def answers_at(*urls: str) -> HealthCheck:
    """Healthy when every one of ``urls`` answers with a success status."""

    def is_healthy(_: ProcessRecord) -> bool:
        try:
            for url in urls:
                with _OPENER.open(url, timeout=_TIMEOUT_S):
                    pass
        except (OSError, HTTPException):
            return False
        return True

    return is_healthy


def beats_in_airflow(api_url: str, part: str) -> HealthCheck:
    """Healthy when Airflow's own health report says so, from a heartbeat of this very process.

    Args:
        part: ``scheduler``, ``triggerer`` or ``dag_processor``, as the report calls it.
    """

    def is_healthy(process: ProcessRecord) -> bool:
        report = read_json(f"{api_url}/api/v2/monitor/health")
        health = report.get(part) if isinstance(report, dict) else None
        if not health or health.get("status") != "healthy":
            return False
        beat = health.get(f"latest_{part}_heartbeat")
        return bool(beat) and datetime.fromisoformat(beat).timestamp() >= process.created_at - 1

    return is_healthy


def has_settled(process: ProcessRecord) -> bool:
    """Healthy when it has lived for a second: for a component that nobody can ask."""
    return time.time() - process.created_at >= _SETTLING_S
