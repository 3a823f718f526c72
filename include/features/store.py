"""What is in the feature store: newest as-of date, rows, columns, labels, and a version."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from include.errors import TrainingError
from include.warehouse.session import Session, open_session

if TYPE_CHECKING:
    from include.settings.features import FeatureSettings

KEYS: Final = ("as_of_date", "household_id")


def read_feature_names(session: Session) -> list[str]:
    """The feature columns of ``features.customer_features``, in table order.

    Raises:
        TrainingError: the table does not exist.
    """
    rows = session.fetch_all(
        "select column_name from information_schema.columns "
        "where table_schema = 'features' and table_name = 'customer_features' order by ordinal_position"
    )
    names = [row["column_name"] for row in rows if row["column_name"] not in KEYS]
    if not names:
        raise TrainingError("features.customer_features does not exist. Run the DAG build_features first.")
    return names


def describe_features(uri: str, settings: FeatureSettings) -> dict[str, Any]:
    """A small summary for XCom: version, as-of dates, customers, features and labels."""
    with open_session(uri) as session:
        names = read_feature_names(session)
        counts = session.fetch_one(
            "select count(distinct as_of_date) as as_of_dates, max(as_of_date)::text as newest_as_of, "
            "count(*) as rows from features.customer_features"
        )
        labels = session.fetch_one(
            "select count(*) as labels, max(as_of_date)::text as newest_labelled_as_of from features.churn_labels"
        )
    return {
        "feature_version": settings.feature_version,
        "features": len(names),
        **(counts or {}),
        **(labels or {}),
    }
