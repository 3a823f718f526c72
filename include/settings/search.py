"""Settings of the search for better parameters of a family (section ``search`` of ``include/config/training.yml``)."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from include.settings.section import Section

_Count = Annotated[int, Field(ge=1)]
_Share = Annotated[float, Field(gt=0, le=1)]


class ParameterSpace(Section):
    """What a parameter may be: one of ``choices``, or a number from ``low`` to ``high``, which may follow the data.

    Attributes:
        log: numbers are looked at by their order of magnitude.
        points: into how many values the grid divides the range.
        high_share_of_rows: ``high`` is at most this share of the rows that the smallest fold is fitted on.
        low_columns: ``low``, a share of the columns, is at least that of so many of them.
        below_class_share: searched only where the smallest class has a smaller share of the rows.
    """

    choices: Annotated[tuple[Any, ...], Field(min_length=1)] | None = None
    low: int | float | None = None
    high: int | float | None = None
    log: bool = False
    points: Annotated[int, Field(ge=2)] = 4
    high_share_of_rows: _Share | None = None
    low_columns: _Count | None = None
    below_class_share: _Share | None = None

    @model_validator(mode="after")
    def _check_shape(self) -> Self:
        if self.choices is not None:
            if self.low is not None or self.high is not None:
                raise ValueError("choices, or low and high")
            return self
        if self.low is None or self.high is None or self.low > self.high:
            raise ValueError("choices, or low and high, low being the smaller one")
        if self.log and self.low <= 0:
            raise ValueError("low above 0, as log asks for orders of magnitude")
        return self


class SearchSettings(Section):
    """How a candidate looks for its parameters before it is fitted, on training rows alone.

    Attributes:
        folds: ``time``, by the newest training cutoffs, each after those whose labels were known by then; or
            ``stratified``, by drawn rows. Where time gives no fold, rows are drawn.
        max_folds: at most so many.
        trials: the budget, in sets of parameters.
        seconds: the budget, in seconds of all workers together; None for no such limit.
        patience: after so many trials without a better one the search ends; None for never.
        workers: processes that try sets of parameters at once. With more than one, what is tried next depends on which
            of them ends first.
        early_stopping_rounds: boosted trees end when so many in a row were no better on the rows held out. Their number
            is not searched then: it is the mean over the folds. None: they are searched by their number.
        spaces: of each family that is searched, what its parameters may be.
    """

    method: Literal["none", "grid", "random", "halving", "optuna"] = "none"
    folds: Literal["time", "stratified"] = "time"
    max_folds: Annotated[int, Field(ge=2)] = 3
    trials: _Count = 30
    seconds: Annotated[float, Field(gt=0)] | None = None
    patience: _Count | None = None
    workers: _Count = 1
    early_stopping_rounds: _Count | None = None
    spaces: dict[str, dict[str, ParameterSpace]] = Field(default_factory=dict)
