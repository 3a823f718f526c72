"""Settings of monitoring and the retraining decision (``include/config/monitoring.yml``)."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from include.settings.section import Section

Share = Annotated[float, Field(gt=0, lt=1)]


class PerformanceSettings(Section):
    """When the champion's measured performance is a reason to retrain."""

    window_days: Annotated[int, Field(ge=1)]
    min_labels: Annotated[int, Field(ge=1)]
    max_score_drop: Share
    confidence: Share


class DriftSettings(Section):
    """When a column counts as drifted, and how many of them are a reason to retrain."""

    psi_threshold: Annotated[float, Field(gt=0)]
    ks_p_value: Share
    max_drifted_share: Share
    min_rows: Annotated[int, Field(ge=1)]
    score_reference_days: Annotated[int, Field(ge=1)]
    ignored_features: tuple[str, ...]


class RetrainingSettings(Section):
    """How often retraining may be asked for."""

    cooldown_days: Annotated[int, Field(ge=0)]


class MonitoringSettings(Section):
    """Settings of monitoring and the retraining decision."""

    performance: PerformanceSettings
    drift: DriftSettings
    retraining: RetrainingSettings
