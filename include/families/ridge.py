"""Linear regression with an L2 penalty."""

from __future__ import annotations

from typing import Any, Final

from include.families.family import Family, FitContext
from include.families.parameters import Positive
from include.families.preparation import prepare_scaled
from include.settings.section import Section


class RidgeParameters(Section):
    """Parameters of ``sklearn.linear_model.Ridge``, under its own names."""

    alpha: Positive


def _build(parameters: RidgeParameters, context: FitContext) -> Any:
    from sklearn.linear_model import Ridge

    return Ridge(random_state=context.seed, **parameters.model_dump())


FAMILY: Final = Family(("regression",), RidgeParameters, prepare_scaled, _build)
