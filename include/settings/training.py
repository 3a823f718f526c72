"""Settings of training, evaluation and selection (``include/config/training.yml``)."""

from __future__ import annotations

from include.settings.section import Section


class TrainingSettings(Section):
    """Settings of training, evaluation and selection."""
