"""Which installed packages are known to be vulnerable, as a database of advisories says (the interface of OSV)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from include.training.environment import describe_packages

_TIMEOUT_S: Final = 5.0
_MOST: Final = 1000
"""Packages of one question: OSV takes no more."""


def list_packages() -> dict[str, str]:
    """The installed distributions with their versions, by name."""
    return {one["name"]: one["version"] for one in describe_packages()["components"]}


def list_advisories(url: str | None, packages: Mapping[str, str] | None = None) -> tuple[str, ...] | None:
    """The advisories about the packages; None where the database was not asked, or does not answer.

    Args:
        url: of OSV's ``querybatch``; None for asking nobody. It learns names and versions of the packages.
        packages: those that are installed when absent.
    """
    import httpx

    if url is None:
        return None
    asked = list((list_packages() if packages is None else packages).items())[:_MOST]
    queries = [{"package": {"name": name, "ecosystem": "PyPI"}, "version": version} for name, version in asked]
    try:
        answer = httpx.post(url, json={"queries": queries}, timeout=_TIMEOUT_S).raise_for_status().json()
        results: list[dict[str, Any]] = answer["results"]
        found = zip(asked, results, strict=True)
        return tuple(
            f"{name} {version}: {', '.join(one['id'] for one in result['vulns'])}"
            for (name, version), result in found
            if result.get("vulns")
        )
    except (httpx.HTTPError, ValueError, KeyError, TypeError):
        return None
