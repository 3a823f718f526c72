"""What a search may try: the settings' spaces, fitted to the data at hand."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from include.families.parameters import CLASSIFIER_KEYS
from include.settings.search import ParameterSpace
from include.settings.task_name import TaskName


@dataclass(frozen=True)
class DataShape:
    """What a space adapts to.

    Attributes:
        rows: that the smallest fold is fitted on.
        columns: that the estimator takes.
        class_share: of the smallest class; 1 for regression.
    """

    rows: int
    columns: int
    class_share: float


@dataclass(frozen=True)
class Range:
    """Numbers from ``low`` to ``high``; whole ones if both are."""

    low: float
    high: float
    is_log: bool
    points: int

    @property
    def is_whole(self) -> bool:
        """Whether only whole numbers are tried."""
        return isinstance(self.low, int) and isinstance(self.high, int)

    def suggest(self, trial: Any, name: str) -> Any:
        """A number for an Optuna trial."""
        ask = trial.suggest_int if self.is_whole else trial.suggest_float
        return ask(name, self.low, self.high, log=self.is_log)

    def list_values(self) -> list[Any]:
        """The points of a grid, ends included."""
        steps = [index / (self.points - 1) for index in range(self.points)]
        if self.is_log:
            values = [self.low * (self.high / self.low) ** step for step in steps]
        else:
            values = [self.low + (self.high - self.low) * step for step in steps]
        return sorted({round(value) if self.is_whole else float(value) for value in values})

    def encode(self, value: Any) -> Any:
        """A value of the settings as a trial holds it; None if it lies outside."""
        is_inside = isinstance(value, int | float) and self.low <= value <= self.high
        return value if is_inside else None

    def decode(self, value: Any) -> Any:
        """A value of a trial as the settings hold it."""
        return value


@dataclass(frozen=True)
class Choice:
    """One of some values, which a trial holds as JSON: studies take plain text only."""

    texts: tuple[str, ...]

    def suggest(self, trial: Any, name: str) -> Any:
        """A value for an Optuna trial."""
        return self.decode(trial.suggest_categorical(name, self.texts))

    def list_values(self) -> list[Any]:
        """The points of a grid: all."""
        return list(self.texts)

    def encode(self, value: Any) -> Any:
        """A value of the settings as a trial holds it; None if it is none of them."""
        text = json.dumps(value)
        return text if text in self.texts else None

    def decode(self, value: Any) -> Any:
        """A value of a trial as the settings hold it."""
        return json.loads(value)


Space = Mapping[str, Range | Choice]


def adapt_spaces(spaces: Mapping[str, ParameterSpace], shape: DataShape, task: TaskName) -> Space:
    """The spaces of a family's parameters for these data; those that mean nothing for them are left out."""
    return {
        name: _adapt(space, shape)
        for name, space in spaces.items()
        if not (task == "regression" and name in CLASSIFIER_KEYS)
        and (space.below_class_share is None or shape.class_share < space.below_class_share)
    }


def _adapt(space: ParameterSpace, shape: DataShape) -> Range | Choice:
    if space.choices is not None:
        return Choice(tuple(dict.fromkeys(json.dumps(value) for value in space.choices)))
    low, high = space.low or 0, space.high or 0
    if space.low_columns is not None:
        low = min(max(low, space.low_columns / shape.columns), high)
    if space.high_share_of_rows is not None:
        limit = space.high_share_of_rows * shape.rows
        high = max(min(high, math.floor(limit) if isinstance(high, int) else limit), low)
    return Range(low, high, space.log, space.points)
