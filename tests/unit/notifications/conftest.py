"""Receivers for one test each, and a message for them."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from include.notifications.message import Message
from include.settings.notifications import DeliverySettings
from tests.unit.notifications.receivers import Service, serve

MESSAGE = Message(
    "canary_rolled_back", "error", "failures: the canary of version 4 was rolled back",
    "error_rate: 12 % <of> answers & more", "canary_rolled_back/failures/1", "failures", 4,
    "http://airflow.example/dags/failures.deploy_model", datetime(2026, 3, 9, 12, tzinfo=UTC),
)  # fmt: skip


@pytest.fixture
def message() -> Message:
    """A canary that was rolled back."""
    return MESSAGE


@pytest.fixture
def service() -> Iterator[Service]:
    """A service that says ok to everything."""
    with serve(Service()) as running:
        yield running


@pytest.fixture
def delivery() -> DeliverySettings:
    """Three attempts at most, two minutes apart at first."""
    return DeliverySettings(
        window_hours=24, attempt_timeout_s=20, task_budget_s=30, maintain_budget_s=60, max_attempts=3,
        retry_first_s=120, retry_max_s=200,
    )  # fmt: skip
