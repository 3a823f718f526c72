"""Settings of the sources (``include/config/sources.yml``)."""

from __future__ import annotations

from include.settings.section import Section


class SourceSettings(Section):
    """Settings of the sources."""
