"""A model that is better than the problem allows has probably seen the future."""

from __future__ import annotations

from collections.abc import Sequence

from include.errors import LeakageSuspectedError
from include.training.baseline import SingleFeature


def check_leakage(family: str, auc: float, limit: float, single_features: Sequence[SingleFeature]) -> None:
    """Refuse an AUC above the credible limit.

    Args:
        single_features: best first; the first three are named as suspects.

    Raises:
        LeakageSuspectedError: names the model, its AUC and the most suspicious features.
    """
    if auc > limit:
        suspects = ", ".join(f"{item.name} (alone {item.auc:.3f})" for item in single_features[:3])
        raise LeakageSuspectedError(
            f"{family} reaches an AUC of {auc:.3f} on the test cutoff; above {limit:.2f} (max_credible_auc in "
            f"training.yml) a feature has probably seen the future. Look first at: {suspects}. "
            "Check that their dbt models use only days before as_of_date."
        )
