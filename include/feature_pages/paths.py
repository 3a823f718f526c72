"""Where the pages of the feature store are in Airflow."""

from __future__ import annotations

from typing import Final
from urllib.parse import quote

ROOT: Final = "/features"


def group_path(group: str, root: str = ROOT) -> str:
    """The page of a feature group."""
    return f"{root}/groups/{quote(group, safe='')}"


def label_path(label: str, root: str = ROOT) -> str:
    """The page of a label table."""
    return f"{root}/labels/{quote(label, safe='')}"
