"""The named assets of ``include/assets.py`` as Airflow assets."""

from __future__ import annotations

from typing import Final

from airflow.sdk import Asset

from include import assets

# A scheme in x- is nobody's: for any other, Airflow looks through all providers, in each parse.
_ASSETS: Final = {name: Asset(name=name, uri=f"x-orrery://{name}") for name in assets.FLOW}


def asset(name: str) -> Asset:
    """The Airflow asset with one of the names of ``include.assets``."""
    return _ASSETS[name]
