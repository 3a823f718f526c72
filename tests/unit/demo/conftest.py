"""The fixtures of what the demo is made of."""

from __future__ import annotations

from tests.unit.operate.conftest import airflow, airflow_url, api, home, login, models

__all__ = ["airflow", "airflow_url", "api", "home", "login", "models"]
