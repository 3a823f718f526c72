"""Settings of point-in-time features (``include/config/features.yml``)."""

from __future__ import annotations

from include.settings.section import Section


class FeatureSettings(Section):
    """Settings of point-in-time features."""
