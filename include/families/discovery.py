"""Finds the model families: the modules of this room that hold a ``FAMILY``, under their own names."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from include.families.family import Family


def discover_families(folder: Path, package: str) -> dict[str, Family]:
    """The families among the modules of a package, by the module's name.

    Raises:
        TypeError: a module's ``FAMILY`` is none.
    """
    found = {}
    for module in pkgutil.iter_modules([str(folder)]):
        name = f"{package}.{module.name}"
        if name == __name__:
            continue
        family = getattr(importlib.import_module(name), "FAMILY", None)
        if family is None:
            continue
        if not isinstance(family, Family):
            raise TypeError(f"{name}.FAMILY is {family!r}. Make it an include.families.family.Family.")
        found[module.name] = family
    return found


FAMILIES: Final[Mapping[str, Family]] = discover_families(Path(__file__).parent, __package__ or "include.families")
