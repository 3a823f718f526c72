"""What a model was trained with: the installed packages with their licences, and the lock that pins them."""

from __future__ import annotations

import hashlib
from functools import cache
from importlib.metadata import Distribution, distributions
from typing import Any, Final

from include.settings import PROJECT_ROOT

LOCK: Final = PROJECT_ROOT / "requirements.lock"
_CLASSIFIER: Final = "License :: "
_LONGEST: Final = 100
"""Characters of a licence's name; what is longer is its text."""


@cache
def describe_packages() -> dict[str, Any]:
    """The installed distributions as a bill of materials (CycloneDX 1.6), by name."""
    found = {str(one.name).lower(): one for one in distributions() if one.name}
    return {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "components": [_describe_package(name, found[name]) for name in sorted(found)],
    }


def _describe_package(name: str, distribution: Distribution) -> dict[str, Any]:
    purl = f"pkg:pypi/{name.replace('_', '-')}@{distribution.version}"
    licence = find_licence(distribution)
    known = {"licenses": [{"license": {"name": licence}}]} if licence else {}
    return {"type": "library", "name": name, "version": distribution.version, "purl": purl, **known}


def find_licence(distribution: Distribution) -> str:
    """What a distribution says of its licence: its expression, name or classifiers; empty where it is silent."""
    metadata = distribution.metadata
    fields = [text for name in ("License-Expression", "License") for text in metadata.get_all(name) or []]
    named = str(next(iter(fields), "")).strip()
    if named and len(named) <= _LONGEST and "\n" not in named and named != "UNKNOWN":
        return named
    classifiers = [str(text) for text in metadata.get_all("Classifier") or []]
    return ", ".join(text.rpartition(" :: ")[2] for text in classifiers if text.startswith(_CLASSIFIER))


def hash_lock() -> str:
    """The SHA-256 of the lock; 'absent' where the project was installed without one."""
    return hashlib.sha256(LOCK.read_bytes()).hexdigest() if LOCK.is_file() else "absent"
