"""Settings of gates (``include/config/gates.yml``)."""

from __future__ import annotations

from include.settings.section import Section


class GateSettings(Section):
    """Settings of gates."""
