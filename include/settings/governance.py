"""Settings of lineage and approvals (``include/config/governance.yml``)."""

from __future__ import annotations

from include.settings.section import Section


class GovernanceSettings(Section):
    """Settings of lineage and approvals."""
