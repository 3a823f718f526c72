"""Other families together: the mean of what they say (voting), or a final model on top of them (stacking).

Its members are fitted within it, with their own parameters, so that it needs no other candidate to be ready.
"""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal, Self

from pydantic import Field, model_validator

from include.families.combination import Combination
from include.families.family import Family, FeatureRows, FitContext, Steps
from include.settings.section import Section


class EnsembleParameters(Section):
    """How families are put together.

    Attributes:
        members: families that are fitted within it; those that do not fit the task are left out.
        kind: voting or stacking.
    """

    members: Annotated[tuple[str, ...], Field(min_length=2)]
    kind: Literal["voting", "stacking"]

    @model_validator(mode="after")
    def _check_members(self) -> Self:
        if len(set(self.members)) < len(self.members):
            raise ValueError("each of the members once")
        return self


def _prepare(matrix: FeatureRows) -> Steps:  # noqa: ARG001
    """Nothing: each member prepares for itself."""
    return []


def _build(parameters: EnsembleParameters, context: FitContext) -> Any:
    members = [context.members[name] for name in parameters.members if context.members and name in context.members]
    return Combination(members, context, is_stacked=parameters.kind == "stacking")


FAMILY: Final = Family(("binary", "multiclass", "regression"), EnsembleParameters, _prepare, _build)
