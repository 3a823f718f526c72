"""A model that is too good is refused."""

from __future__ import annotations

import pytest

from include.errors import LeakageSuspectedError
from include.training.baseline import SingleFeature
from include.training.leakage import check_leakage

SINGLE = [SingleFeature(name, auc) for name, auc in (("tomorrow", 0.99), ("b", 0.8), ("c", 0.7), ("d", 0.6))]


def test_above_the_limit_model_figure_and_suspects_are_named() -> None:
    with pytest.raises(
        LeakageSuspectedError, match=r"random_forest reaches an AUC of 0\.951.*tomorrow \(alone 0\.990\)"
    ) as caught:
        check_leakage("random_forest", 0.951, 0.9, SINGLE)
    assert "d (alone" not in str(caught.value)


@pytest.mark.parametrize("auc", [0.9, 0.5])
def test_up_to_the_limit_nothing_is_said(auc: float) -> None:
    check_leakage("random_forest", auc, 0.9, SINGLE)
