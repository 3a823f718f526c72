"""Fixtures: a registry, and each of the models."""

from __future__ import annotations

from tests.unit.scoring.registered_models import case, mlflow_uri

__all__ = ["case", "mlflow_uri"]
