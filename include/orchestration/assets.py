"""The named assets of ``include/assets.py`` as Airflow assets."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache

from airflow.sdk import Asset, AssetAll


@cache
def asset(name: str) -> Asset:
    """The Airflow asset with a name of ``include.assets``."""
    # A scheme in x- is nobody's: for any other, Airflow looks through all providers, in each parse.
    return Asset(name=name, uri=f"x-orrery://{name}")


def all_assets(names: Iterable[str]) -> AssetAll:
    """A schedule that waits for every one of the assets."""
    return AssetAll(*map(asset, dict.fromkeys(names)))
