"""The OpenLineage transport of this project: keep the event on disk, return at once.

Set with ``AIRFLOW__OPENLINEAGE__TRANSPORT='{"type": "include.governance.transport.SpoolTransport"}'``.
A pipeline never waits for the receiver of its lineage and never fails because of it. The shipper
(``python -m include.governance.shipper``) carries the events to the warehouse; where none runs, as
under plain ``astro dev``, whoever emits carries a bounded batch itself.

To send events to another receiver too (Marquez, a catalogue), put OpenLineage's own transports beside
this one; the spool comes first, so that a dead receiver loses nothing::

    {"type": "composite", "continue_on_failure": true, "transports": [
        {"type": "include.governance.transport.SpoolTransport"},
        {"type": "http", "url": "http://marquez:5000", "timeout": 2, "retry": {"total": 0}}]}
"""

from __future__ import annotations

import logging
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from openlineage.client.serde import Serde
from openlineage.client.transport.transport import Config, Transport

from include.errors import SettingsError
from include.governance.carrier import carry_inline
from include.governance.connection import find_warehouse_uri
from include.governance.spool import Spool
from include.settings import PROJECT_ROOT, load_settings

if TYPE_CHECKING:
    from openlineage.client.client import Event

    from include.settings.governance import LineageSettings

log = logging.getLogger(__name__)

SPOOL_VARIABLE: Final = "ORRERY_LINEAGE_SPOOL"
_DEFAULT_SPOOL: Final = ".local/lineage-spool"


def resolve_spool(configured: str | None = None) -> Spool:
    """The spool: ``ORRERY_LINEAGE_SPOOL``, else ``configured``, else the default; relative to the project."""
    folder = os.environ.get(SPOOL_VARIABLE) or configured or _DEFAULT_SPOOL
    return Spool(PROJECT_ROOT / folder)


@dataclass
class SpoolConfig(Config):  # type: ignore[misc]
    """The transport's options: ``spool``, a folder, in place of the one in ``governance.yml``."""

    spool: str | None = None

    @classmethod
    def from_dict(cls, params: dict[str, Any]) -> SpoolConfig:
        """Read the options of ``AIRFLOW__OPENLINEAGE__TRANSPORT``."""
        return cls(spool=params.get("spool"))


class SpoolTransport(Transport):  # type: ignore[misc]
    """Appends every event to the spool; carries some to the warehouse where no shipper does."""

    kind = "spool"
    config_class = SpoolConfig

    def __init__(self, config: SpoolConfig) -> None:
        self._settings = _read_settings()
        self._spool = resolve_spool(config.spool or (self._settings.spool if self._settings else None))

    def emit(self, event: Event) -> None:
        """Keep one event. Whatever goes wrong is logged, never raised: the pipeline comes first."""
        try:
            self._spool.append(Serde.to_json(event).encode())
        except Exception as error:
            log.warning("A lineage event is lost, %s cannot keep it: %s", self._spool.folder, error)
            return
        try:
            self._carry()
        except Exception as error:
            log.warning("Lineage waits in %s: %s", self._spool.folder, error)

    def _carry(self) -> None:
        uri = find_warehouse_uri(os.environ)
        if uri and self._settings:
            carry_inline(self._spool, uri, self._settings)


def _read_settings() -> LineageSettings | None:
    try:
        return load_settings().lineage
    except SettingsError as error:
        log.warning("Lineage is kept, but not carried, until the settings are correct: %s", error)
        return None
