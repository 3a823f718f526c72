"""What a version's rows looked like in training, kept when it is registered.

``ml.<model>_training_set`` is overwritten by every training, also by one whose model is refused; compared
with that, a drift would vanish while the champion stays. So its profiles are taken once per version.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from include.features.matrix import from_table
from include.monitoring.profiles import CategoryProfile, NumericProfile, Profile, profile_column
from include.registry.contract import ModelContract
from include.warehouse.arrow import read_arrow
from include.warehouse.names import name_table
from include.warehouse.session import open_session


def load_reference(
    uri: str, contract: ModelContract, model_version: int, captured_at: datetime
) -> Mapping[str, Profile]:
    """The profile of each feature over the rows that a version was trained on.

    Taken from the training rows of ``ml.<model>_training_set`` when the version is registered (one of an earlier
    release: when it is first asked for), and from ``monitoring.reference_profiles`` ever after.

    Raises:
        SourceError: the training set lacks a feature of the version.
        TrainingError: it has no training rows.
    """
    known = read_profiles(uri, contract.model, model_version)
    if known:
        return known
    table = name_table(contract.model, "training_set")
    matrix = from_table(read_arrow(uri, f"select * from {table.quoted} where split = 'train'"), contract.features)
    profiles = {name: profile_column(matrix.column(name)) for name in matrix.names}
    keep_profiles(uri, contract.model, model_version, profiles, captured_at)
    return profiles


def read_profiles(uri: str, model_name: str, model_version: int) -> dict[str, Profile]:
    """The profiles kept for a version; empty when none are."""
    with open_session(uri) as session:
        rows = session.fetch_all(
            "select feature, edges, categories, counts from monitoring.reference_profiles "
            "where model_name = %s and model_version = %s order by feature",
            (model_name, model_version),
        )
    return {row["feature"]: _to_profile(row) for row in rows}


def _to_profile(row: Mapping[str, Any]) -> Profile:
    import numpy as np

    counts = np.array(row["counts"], np.int64)
    if row["categories"] is not None:
        return CategoryProfile(tuple(row["categories"]), counts)
    return NumericProfile(np.array(row["edges"], np.float64), counts)


def keep_profiles(
    uri: str,
    model_name: str,
    model_version: int,
    profiles: Mapping[str, NumericProfile | CategoryProfile],
    captured_at: datetime,
) -> None:
    """Keep the profiles of a version; those that are kept already stay as they are."""
    with open_session(uri) as session:
        session.execute_many(
            "insert into monitoring.reference_profiles "
            "(model_name, model_version, feature, kind, edges, categories, counts, captured_at) "
            "values (%s, %s, %s, %s, %s, %s, %s, %s) "
            "on conflict (model_name, model_version, feature) do nothing",
            [
                (model_name, model_version, name, *_to_row(profile), profile.counts.tolist(), captured_at)
                for name, profile in profiles.items()
            ],
        )


def _to_row(profile: NumericProfile | CategoryProfile) -> tuple[str, list[float] | None, list[str] | None]:
    """Kind, edges and categories."""
    if isinstance(profile, CategoryProfile):
        return "categorical", None, list(profile.categories)
    return "numeric", profile.edges.tolist(), None
