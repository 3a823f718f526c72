"""Settings of staging, canary and promotion (``include/config/rollout.yml``)."""

from __future__ import annotations

from include.settings.section import Section


class RolloutSettings(Section):
    """Settings of staging, canary and promotion."""
