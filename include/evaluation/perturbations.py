"""Damages the rows of a feature matrix, as deliveries and broken pipelines do."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from include.features.matrix import MISSING_TEXT, FeatureMatrix
from include.settings.gates import RobustnessGate

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

OUTLIER_SIZE: Final = 10.0
"""How far an outlier lies from the mean, in standard deviations of its column."""


@dataclass(frozen=True)
class Spread:
    """Which columns are numbers, and how they are spread in the training rows.

    Attributes:
        is_number: of the numeric columns, those that are no booleans and vary, [k].
        means: [k].
        deviations: standard deviations, [k].
    """

    is_number: npt.NDArray[np.bool_]
    means: npt.NDArray[np.float64]
    deviations: npt.NDArray[np.float64]


@dataclass(frozen=True)
class DamagedRows:
    """Rows after one kind of damage; ``column`` is the one that was damaged, None for all at once."""

    kind: str
    column: str | None
    matrix: FeatureMatrix


def measure_spread(train: FeatureMatrix, booleans: frozenset[str]) -> Spread:
    """The spread of the numeric columns; what is missing everywhere has none."""
    import numpy as np

    values = train.numeric.astype(np.float64)
    known = ~np.isnan(values)
    counts = np.maximum(known.sum(axis=0), 1)
    means = np.where(known, values, 0.0).sum(axis=0) / counts
    deviations = np.sqrt((np.where(known, values - means, 0.0) ** 2).sum(axis=0) / counts)
    is_boolean = np.array([name in booleans for name in train.numeric_names], dtype=bool)
    return Spread(~is_boolean & (deviations > 0), means, deviations)


def damage_rows(rows: FeatureMatrix, spread: Spread, limits: RobustnessGate, seed: int) -> Iterator[DamagedRows]:
    """Noise, missing values and outliers in all columns; then a change of unit and a shift of one number at a time."""
    import numpy as np

    generator = np.random.default_rng(seed)
    noise = generator.normal(0.0, 1.0, rows.numeric.shape) * limits.noise * spread.deviations
    yield DamagedRows("noise", None, _add(rows, np.where(spread.is_number, noise, 0.0)))
    yield DamagedRows("missing values", None, _remove(rows, limits.missing_share, generator))
    yield DamagedRows("outliers", None, _place_outliers(rows, spread, limits.outlier_share, generator))
    for index in np.flatnonzero(spread.is_number):
        name, others = rows.numeric_names[index], np.arange(len(rows.numeric_names)) != index
        factors = np.where(others, 1.0, limits.unit_factor)
        yield DamagedRows("another unit", name, replace(rows, numeric=(rows.numeric * factors).astype(np.float32)))
        yield DamagedRows("a shift", name, _add(rows, np.where(others, 0.0, limits.shift * spread.deviations)))


def _add(rows: FeatureMatrix, numbers: npt.NDArray[np.float64]) -> FeatureMatrix:
    import numpy as np

    return replace(rows, numeric=(rows.numeric + numbers).astype(np.float32))


def _remove(rows: FeatureMatrix, share: float, generator: np.random.Generator) -> FeatureMatrix:
    import numpy as np

    numeric = np.where(generator.random(rows.numeric.shape) < share, np.float32("nan"), rows.numeric)
    is_gone = generator.random(rows.categorical.shape) < share
    return replace(rows, numeric=numeric, categorical=np.where(is_gone, MISSING_TEXT, rows.categorical))


def _place_outliers(rows: FeatureMatrix, spread: Spread, share: float, generator: np.random.Generator) -> FeatureMatrix:
    import numpy as np

    sides = generator.choice([-OUTLIER_SIZE, OUTLIER_SIZE], rows.numeric.shape)
    is_hit = (generator.random(rows.numeric.shape) < share) & spread.is_number
    numeric = np.where(is_hit, spread.means + sides * spread.deviations, rows.numeric)
    return replace(rows, numeric=numeric.astype(np.float32))
