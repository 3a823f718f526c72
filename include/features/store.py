"""What is in the tables of a feature group or of a label."""

from __future__ import annotations

from typing import Any

from include.features.catalog import FeatureGroup, LabelTable
from include.warehouse.session import open_session


def describe_group(uri: str, group: FeatureGroup) -> dict[str, Any]:
    """A small summary for XCom: version, features, as-of dates and rows of a feature group."""
    return {
        "group": group.name,
        "version": group.version,
        "features": len(group.features),
        **_count_rows(uri, group),
    }


def describe_labels(uri: str, label: LabelTable) -> dict[str, Any]:
    """A small summary for XCom: as-of dates and rows of a label table."""
    return {"label": label.name, "horizon_days": label.horizon_days, **_count_rows(uri, label)}


def _count_rows(uri: str, table: FeatureGroup | LabelTable) -> dict[str, Any]:
    with open_session(uri) as session:
        counts = session.fetch_one(
            f'select count(distinct "{table.event_time}") as as_of_dates, '
            f'max("{table.event_time}")::text as newest_as_of, count(*) as rows from {table.table.quoted}'
        )
    return dict(counts or {})
