"""The shared monitoring.yml as a model without changes of its own gets it in production."""

from __future__ import annotations

from include.settings import CONFIG_DIR
from include.settings.models import read_shared
from include.settings.monitoring import MonitoringSettings
from include.settings.section import check_section

FILE = CONFIG_DIR / "monitoring.yml"
SETTINGS = check_section(
    read_shared(FILE).find_values("binary", "production"), MonitoringSettings, "production", str(FILE)
)
