"""What the champion's customers looked like in training, kept from its first day on.

``ml.training_set`` is overwritten by every training, also by one whose model is refused; compared
with that, a drift would vanish while the champion stays. So its profile is taken once per version.
"""

from __future__ import annotations

from datetime import datetime
from typing import Final

from include.monitoring.profiles import Profile, profile_column
from include.scoring.customers import to_matrix
from include.warehouse.arrow import read_arrow
from include.warehouse.session import open_session

KEYS: Final = frozenset({"as_of_date", "household_id", "split", "churned"})
"""Columns of the training set that are no features."""


def load_reference(uri: str, model_name: str, model_version: int, captured_at: datetime) -> dict[str, Profile]:
    """The profile of each feature over the rows that a version was trained on.

    Taken from the training rows of ``ml.training_set`` when the version is first asked for, and from
    ``monitoring.reference_profiles`` ever after.
    """
    known = read_profiles(uri, model_name, model_version)
    if known:
        return known
    training = read_arrow(uri, "select * from ml.training_set where split = 'train'")
    names = [name for name in training.column_names if name not in KEYS]
    matrix = to_matrix(training, names)
    profiles = {name: profile_column(matrix[:, index]) for index, name in enumerate(names)}
    keep_profiles(uri, model_name, model_version, profiles, captured_at)
    return profiles


def read_profiles(uri: str, model_name: str, model_version: int) -> dict[str, Profile]:
    """The profiles kept for a version; empty when none are."""
    import numpy as np

    with open_session(uri) as session:
        rows = session.fetch_all(
            "select feature, edges, counts from monitoring.reference_profiles "
            "where model_name = %s and model_version = %s order by feature",
            (model_name, model_version),
        )
    return {
        row["feature"]: Profile(np.array(row["edges"], np.float64), np.array(row["counts"], np.int64)) for row in rows
    }


def keep_profiles(
    uri: str, model_name: str, model_version: int, profiles: dict[str, Profile], captured_at: datetime
) -> None:
    """Keep the profiles of a version; those that are kept already stay as they are."""
    with open_session(uri) as session:
        session.execute_many(
            "insert into monitoring.reference_profiles "
            "(model_name, model_version, feature, edges, counts, captured_at) values (%s, %s, %s, %s, %s, %s) "
            "on conflict (model_name, model_version, feature) do nothing",
            [
                (model_name, model_version, name, profile.edges.tolist(), profile.counts.tolist(), captured_at)
                for name, profile in profiles.items()
            ],
        )
