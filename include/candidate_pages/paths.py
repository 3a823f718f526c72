"""Where the pages of the candidates are in Airflow, for messages and links that lead there."""

from __future__ import annotations

from typing import Final
from urllib.parse import quote, urlsplit

ROOT: Final = "/candidates"


def find_root(base_url: str | None) -> str:
    """The path of the pages under Airflow's own address, such as ``/airflow/candidates``."""
    return urlsplit(base_url or "").path.rstrip("/") + ROOT


def model_path(model: str, root: str = ROOT) -> str:
    """The page of all trainings of a model."""
    return f"{root}/models/{quote(model, safe='')}"


def run_path(model: str, run_id: str, root: str = ROOT) -> str:
    """The page of the candidate that was fitted by an MLflow run."""
    return f"{model_path(model, root)}/runs/{quote(run_id, safe='')}"


def find_address(base_url: str | None, model: str, run_id: str) -> str | None:
    """The whole address of the page of a candidate; None where Airflow's own address is not known."""
    parts = urlsplit(base_url or "")
    if not parts.scheme or not parts.netloc:
        return None
    return f"{parts.scheme}://{parts.netloc}{run_path(model, run_id, find_root(base_url))}"
