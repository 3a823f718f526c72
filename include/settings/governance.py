"""Settings of lineage and approvals (``include/config/governance.yml``)."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from include.settings.section import Section

Seconds = Annotated[float, Field(gt=0)]


class LineageSettings(Section):
    """Where lineage events wait, and how they are carried to the warehouse."""

    spool: str
    batch_size: Annotated[int, Field(ge=1)]
    poll_interval_s: Seconds
    retry_first_s: Seconds
    retry_max_s: Seconds
    inline_batch_size: Annotated[int, Field(ge=1)]
    inline_connect_timeout_s: Seconds
    inline_pause_s: Seconds


class GovernanceSettings(Section):
    """Who lets a model into production; ``extra_approvers`` are added to the approvers of every model."""

    is_approval_required: bool
    approvers: Annotated[tuple[str, ...], Field(min_length=1)]
    extra_approvers: tuple[str, ...] = ()
    approval_timeout_hours: Annotated[float, Field(gt=0)]

    @property
    def all_approvers(self) -> tuple[str, ...]:
        """Everybody who may answer, each once."""
        return tuple(dict.fromkeys((*self.approvers, *self.extra_approvers)))
