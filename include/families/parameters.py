"""Types of the families' parameters, and those that every classifier has."""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal

from pydantic import Field

from include.settings.section import Section

Positive = Annotated[float, Field(gt=0)]
NotNegative = Annotated[float, Field(ge=0)]
Count = Annotated[int, Field(ge=1)]
PositiveShare = Annotated[float, Field(gt=0, le=1)]

CLASSIFIER_KEYS: Final = ("class_weight", "calibration")
"""Parameters that mean nothing for regression."""


class CalibratedParameters(Section):
    """Of a family that can be calibrated.

    Attributes:
        calibration: ``sigmoid``: probabilities are corrected by a logistic curve of their log-odds (Platt, 1999), which
            is fitted on rows that the model has not seen.
    """

    calibration: Literal["sigmoid"] | None = None


class WeightedParameters(CalibratedParameters):
    """Of a family whose estimator can weigh classes.

    Attributes:
        class_weight: ``balanced``: each class weighs the same, however rare it is.
    """

    class_weight: Literal["balanced"] | None = None


def list_arguments(parameters: Section, task: str) -> dict[str, Any]:
    """What the estimator itself takes of the parameters: for regression, no weights of classes."""
    left_out = set(CLASSIFIER_KEYS) if task == "regression" else {"calibration"}
    return parameters.model_dump(exclude=left_out)


def weigh_held_out(estimator: Any, labels: Any, held_out_labels: Any) -> Any:
    """The weights of held-out rows that a fit with weights of classes looks at, [n]; None where it has none.

    A loss without them is another one than that which falls, and may rise from the first tree on or never.
    """
    import numpy as np
    from sklearn.utils.class_weight import compute_class_weight

    if estimator.get_params().get("class_weight") != "balanced":
        return None
    classes = np.unique(labels)
    weights = compute_class_weight("balanced", classes=classes, y=labels)
    return weights[np.searchsorted(classes, held_out_labels)]
