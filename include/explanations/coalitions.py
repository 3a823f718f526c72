"""Which sets of features are asked for, and how their answers make Shapley values."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations
from math import factorial
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Masks = npt.NDArray[np.bool_]
    Numbers = npt.NDArray[np.float64]
    Order = npt.NDArray[np.int64]

EXACT_FEATURES: Final = 5
"""Of so many features all subsets are asked for: 32."""


@dataclass(frozen=True)
class Coalitions:
    """Sets of features that take the explained row's values, while the others keep those of the compared row.

    Attributes:
        masks: [m, k], true where a feature takes the row's own value; the empty set first, all features last.
        weights: [k, m]; the values of a row are these times its answers to the sets.
    """

    masks: Masks
    weights: Numbers


def plan_coalitions(features: int, seed: int) -> Coalitions:
    """All subsets of few features, which gives Shapley's values themselves; of more, those of one pair of orders.

    Args:
        seed: of the order.
    """
    import numpy as np

    if features <= EXACT_FEATURES:
        return list_subsets(features)
    return follow_orders(np.random.default_rng(seed).permutation(features))


def list_subsets(features: int) -> Coalitions:
    """Every subset with its weight in Shapley (1953): that of s features of k, s! (k - s - 1)! / k!."""
    import numpy as np

    subsets = [chosen for size in range(features + 1) for chosen in combinations(range(features), size)]
    masks = np.zeros((len(subsets), features), dtype=bool)
    weights = np.zeros((features, len(subsets)))
    whole = factorial(features)
    for at, chosen in enumerate(subsets):
        masks[at, list(chosen)] = True
        size = len(chosen)
        for feature in range(features):
            if feature in chosen:
                weights[feature, at] = factorial(size - 1) * factorial(features - size) / whole
            else:
                weights[feature, at] = -factorial(size) * factorial(features - size - 1) / whole
    return Coalitions(masks, weights)


def follow_orders(order: Order) -> Coalitions:
    """The sets that grow by one feature at a time, in an order and in the same from its end.

    Each feature gets the mean of what its two steps add (Castro et al., 2009; pairs: Mitchell et al., 2022). That is
    Shapley's value itself wherever features act alone or in pairs, and an estimate where three or more act together.
    """
    import numpy as np

    size = len(order)
    forth, back = _grow(order), _grow(order[::-1])
    masks = np.concatenate([forth, back[1:-1]])
    weights = np.zeros((size, len(masks)))
    for way, places in (
        (order, [*range(size + 1)]),
        (order[::-1], [0, *range(size + 1, len(masks)), size]),
    ):
        for step, feature in enumerate(way):
            weights[feature, places[step + 1]] += 0.5
            weights[feature, places[step]] -= 0.5
    whole = [*(at for at in range(len(masks)) if at != size), size]
    return Coalitions(masks[whole], weights[:, whole])


def _grow(order: Order) -> Masks:
    """No feature, then one more of the order at each step, [k + 1, k]."""
    import numpy as np

    rank = np.empty(len(order), dtype=np.int64)
    rank[order] = np.arange(len(order))
    grown: Masks = rank[None, :] < np.arange(len(order) + 1)[:, None]
    return grown
