"""Whether the events go back far enough for a first training."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from pathlib import Path

from include.adopt.dialogue import Wishes
from include.adopt.short_history import explain_short_history
from include.errors import AdoptError


def check_history(wishes: Wishes, days: Sequence[date], config: Path, environment: str) -> None:
    """Refuse events from which nothing could be trained, however short the windows of the features.

    Args:
        days: of the events; nothing is refused without any.
        config: the folder of settings.

    Raises:
        AdoptError: says how many days there are and how many are needed, or which ones are missing.
    """
    if wishes.label is None or wishes.events is None:
        return
    if problem := explain_short_history(wishes.label, wishes.events, days, config, environment):
        raise AdoptError(f"{wishes.events} has {problem}")
