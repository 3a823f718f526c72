"""Adds to an MLflow run that has ended."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from include.errors import RegistryError
from include.registry.rest import describe_outage
from include.registry.tracking import client_environment


def amend_run(
    tracking_uri: str, run_id: str, params: Mapping[str, Any], dictionaries: Mapping[str, Any],
    figures: Mapping[str, Any],
) -> None:  # fmt: skip
    """Add parameters, JSON files and Matplotlib figures, by name, to a run.

    Raises:
        RegistryError: MLflow is away, or refuses.
    """
    with client_environment():
        import requests
        from mlflow import MlflowClient
        from mlflow.exceptions import MlflowException

        client = MlflowClient(tracking_uri)
        try:
            for name, value in params.items():
                client.log_param(run_id, name, value)
            for name, content in dictionaries.items():
                client.log_dict(run_id, content, name)
            for name, figure in figures.items():
                client.log_figure(run_id, figure, name)
        except (MlflowException, requests.RequestException) as error:
            raise RegistryError(describe_outage(tracking_uri, error)) from error
