"""Fixtures: a registry."""

from __future__ import annotations

from tests.unit.scoring.registered_models import mlflow_uri

__all__ = ["mlflow_uri"]
