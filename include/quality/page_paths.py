"""Where the pages of quality are in Airflow, for messages and links that lead there."""

from __future__ import annotations

from typing import Final
from urllib.parse import quote, urlsplit

ROOT: Final = "/quality"


def find_root(base_url: str | None) -> str:
    """The path of the pages under Airflow's own address, such as ``/airflow/quality``."""
    return urlsplit(base_url or "").path.rstrip("/") + ROOT


def source_path(source: str, root: str = ROOT) -> str:
    """The page of a source over time."""
    return f"{root}/sources/{quote(source, safe='')}"


def run_path(audit_id: str, root: str = ROOT) -> str:
    """The page of all that one run has audited."""
    return f"{root}/runs/{quote(audit_id, safe=':+')}"


def audit_path(audit_id: str, source: str, root: str = ROOT) -> str:
    """The page of one batch: what the audit ``audit_id`` found in a source."""
    return f"{source_path(source, root)}/audits/{quote(audit_id, safe=':+')}"


def find_audit(base_url: str | None, audit_id: str, source: str) -> str | None:
    """The whole address of the page of a batch; None where Airflow's own address is not known."""
    parts = urlsplit(base_url or "")
    if not parts.scheme or not parts.netloc:
        return None
    return f"{parts.scheme}://{parts.netloc}{audit_path(audit_id, source, find_root(base_url))}"
