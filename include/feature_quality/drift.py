"""The drift of each feature of the newest as-of date against the newest one that was published before."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Any

from include.features.catalog import FeatureGroup
from include.features.matrix import FeatureMatrix, from_table
from include.features.read import read_features
from include.monitoring.drift import ColumnDrift, compare_columns
from include.monitoring.profiles import CategoryProfile, NumericProfile, Profile, profile_column
from include.settings.features import FeatureDriftSettings
from include.settings.monitoring import DriftSettings
from include.warehouse.session import Session

if TYPE_CHECKING:
    import numpy as np


@dataclass(frozen=True)
class GroupDrift:
    """Each feature of ``as_of_date`` against its histogram of ``reference_date``."""

    as_of_date: date
    reference_date: date
    features: tuple[ColumnDrift, ...]

    @property
    def drifted(self) -> tuple[str, ...]:
        """Names of the drifted features, the largest PSI first."""
        return tuple(one.column for one in sorted(self.features, key=lambda one: -one.psi) if one.is_drifted)


def read_matrix(uri: str, group: FeatureGroup, as_of_date: date) -> FeatureMatrix:
    """All rows of a group at an as-of date."""
    table = read_features(uri, group.entity, [group.location], group.features, [as_of_date])
    return from_table(table, group.features)


def measure_group_drift(
    session: Session, group: FeatureGroup, matrix: FeatureMatrix, as_of_date: date, settings: FeatureDriftSettings
) -> GroupDrift | None:
    """Compare the rows of an as-of date with what was published last; None where too little is there to compare.

    Features that the published version did not have, and those of another version of the group, are left out.
    """
    references, reference_date = read_references(session, group)
    known = {name: profile for name, profile in references.items() if name in matrix.names}
    if reference_date is None or not known or len(matrix) < settings.min_rows:
        return None
    if min(int(profile.counts.sum()) for profile in known.values()) < settings.min_rows:
        return None
    values = {name: matrix.column(name) for name in known}
    limits = DriftSettings(
        psi_threshold=settings.psi_threshold, ks_p_value=settings.ks_p_value, max_drifted_share=0.5,
        min_rows=settings.min_rows, score_reference_days=1, ignored_features=(),
    )  # fmt: skip
    return GroupDrift(as_of_date, reference_date, compare_columns(known, values, limits))


def read_references(session: Session, group: FeatureGroup) -> tuple[dict[str, Profile], date | None]:
    """The histograms of the newest published as-of date of the group's present version, and that date."""
    rows = session.fetch_all(
        "select feature, as_of_date, edges, categories, counts from quality.feature_references "
        "where group_name = %s and version = %s",
        (group.name, group.version),
    )
    kinds = {feature.name: feature.kind == "categorical" for feature in group.features}
    found = {
        row["feature"]: _to_profile(row) for row in rows if kinds.get(row["feature"]) == (row["categories"] is not None)
    }
    return found, max((row["as_of_date"] for row in rows), default=None)


def keep_references(session: Session, group: FeatureGroup, matrix: FeatureMatrix, as_of_date: date) -> None:
    """Keep the histograms of a date that is published now, in place of those of an earlier one."""
    session.execute("delete from quality.feature_references where group_name = %s", (group.name,))
    session.execute_many(
        "insert into quality.feature_references (group_name, feature, version, as_of_date, edges, categories, counts) "
        "values (%s, %s, %s, %s, %s, %s, %s)",
        [
            (group.name, name, group.version, as_of_date, *_to_row(profile_column(matrix.column(name))))
            for name in matrix.names
        ],
    )


def keep_drift(session: Session, group: str, build_key: str, drift: GroupDrift) -> None:
    """Keep what was measured; that of the same build is replaced."""
    session.execute("delete from quality.feature_drift where group_name = %s and build_key = %s", (group, build_key))
    session.execute_many(
        "insert into quality.feature_drift (group_name, build_key, feature, as_of_date, reference_as_of_date, psi, "
        "ks_statistic, p_value_adjusted, is_drifted) values (%s, %s, %s, %s, %s, %s, %s, %s, %s)",
        [
            (
                group, build_key, one.column, drift.as_of_date, drift.reference_date, one.psi, one.ks_statistic,
                one.p_value_adjusted, one.is_drifted,
            )
            for one in drift.features
        ],
    )  # fmt: skip


def _to_profile(row: Mapping[str, Any]) -> Profile:
    import numpy as np

    counts: np.ndarray[Any, Any] = np.array(row["counts"], np.int64)
    if row["categories"] is not None:
        return CategoryProfile(tuple(row["categories"]), counts)
    return NumericProfile(np.array(row["edges"], np.float64), counts)


def _to_row(profile: NumericProfile | CategoryProfile) -> tuple[Sequence[float] | None, Sequence[str] | None, Any]:
    if isinstance(profile, CategoryProfile):
        return None, list(profile.categories), profile.counts.tolist()
    return profile.edges.tolist(), None, profile.counts.tolist()
