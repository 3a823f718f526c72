"""Settings of batch scoring (``include/config/scoring.yml``)."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from include.settings.section import Section


class ScoringSettings(Section):
    """How the entities of one model are scored.

    Attributes:
        reasons: features named with each score, at most, as what moved it; 0 for none.
        rows_at_once: entities in memory.
    """

    reasons: Annotated[int, Field(ge=0, le=100)] = 3
    rows_at_once: Annotated[int, Field(ge=1)] = 20_000
