"""Parts of the stack that a module of the project brings: the systems that sources are read from on this machine."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Protocol, cast

from include.errors import StackError
from include.settings import load_settings

if TYPE_CHECKING:
    from include.local.layout import Stack


class StackExtra(Protocol):
    """What such a module has. ``PORTS`` are the preferred ones by name; the chosen ones are in ``stack.ports``."""

    PORTS: Mapping[str, int]

    def build_components(self, stack: Stack, environment: Mapping[str, str]) -> list[Any]:
        """The components to start besides; ``environment`` is that of the stack's own services."""

    def list_connections(self, stack: Stack) -> Mapping[str, Mapping[str, Any]]:
        """The Airflow connections that lead to them, by name, in the keys of Airflow's JSON form."""


def load_extra() -> StackExtra | None:
    """The module that ``local_systems`` in sources.yml names, if it names one.

    Raises:
        StackError: there is no such module, or it has not what it needs.
    """
    name = load_settings().sources.local_systems
    if name is None:
        return None
    try:
        module = importlib.import_module(name)
    except ImportError as error:
        raise StackError(
            f"local_systems in sources.yml names {name!r}, which cannot be imported: {error}. Correct it, or set null."
        ) from error
    lacking = [part for part in ("PORTS", "build_components", "list_connections") if not hasattr(module, part)]
    if lacking:
        raise StackError(f"{name}, which local_systems in sources.yml names, lacks {', '.join(lacking)}.")
    return cast("StackExtra", module)
