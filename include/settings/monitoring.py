"""Settings of monitoring and the retraining decision (``include/config/monitoring.yml``)."""

from __future__ import annotations

from include.settings.section import Section


class MonitoringSettings(Section):
    """Settings of monitoring and the retraining decision."""
