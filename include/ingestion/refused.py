"""Which refused days are as they were when they were read: to load them again would end in the same way."""

from __future__ import annotations

import logging
from collections.abc import Collection, Mapping
from datetime import date
from typing import Any

from include.ingestion.source_plan import mark_version
from include.settings.source_base import SourceBase
from include.settings.sources import SourceSettings
from include.sources.source import Deliveries
from include.warehouse.session import Session

log = logging.getLogger(__name__)


def find_refused(
    session: Session, sources: SourceSettings, name: str, deliveries: Deliveries, days: Collection[date]
) -> set[date]:
    """Those of the days that were refused, and of which nothing has changed since; with a warning.

    Raises:
        SourceError: the source cannot be reached.
    """
    parents = {parent: read_hashes(session, parent, days) for parent in list_parents(sources, name)}
    rows = session.fetch_all(
        "select distinct on (wanted.day) wanted.day, quarantined_at, seen -> wanted.day::text as seen "
        "from quality.quarantine join unnest(%s::date[]) as wanted (day) on wanted.day between from_day and to_day "
        "where source = %s order by wanted.day, quarantined_at desc",
        (sorted(days), name),
    )
    refused = set()
    for row in rows:
        references = {parent: hashes.get(str(row["day"])) for parent, hashes in parents.items()}
        # Nothing is noted of a day beside those of the window that were refused, and by earlier releases.
        is_noted = row["seen"] is not None and row["seen"]["references"] == references
        if is_noted and _is_same(sources.time_zone, sources.sources[name], deliveries, row):
            refused.add(row["day"])
    if refused:
        log.warning(
            "Source %r was refused for %s, and nothing has changed since; the run goes on without. See "
            "quality.quarantine: correct the delivery, or the rule in sources.yml; a run with from_day and to_day "
            "loads the days in any case.",
            name, ", ".join(map(str, sorted(refused))),
        )  # fmt: skip
    return refused


def _is_same(time_zone: str, source: SourceBase, deliveries: Deliveries, row: Mapping[str, Any]) -> bool:
    """Whether a delivery is what was refused: by its version, by the time of its last change where there is none."""
    day, seen = row["day"], row["seen"]["version"]
    version = mark_version(time_zone, source, deliveries.find_version(day)) if seen else None
    if version is not None:
        return bool(version == seen)
    changed_at = deliveries.find_changed_at(day)
    return changed_at is not None and bool(changed_at <= row["quarantined_at"])


def list_parents(sources: SourceSettings, name: str) -> list[str]:
    """The daily sources that a source has relations to."""
    found = {relation.source for relation in sources.find_source(name).relations}
    return sorted(one for one in found if sources.find_source(one).grain == "daily")


def read_hashes(session: Session, name: str, days: Collection[date]) -> dict[str, str | None]:
    """The published ones of some days, in ISO text, with the hash of the file of each."""
    rows = session.fetch_all(
        "select batch_day, file_hash from raw.partitions where source = %s and batch_day = any(%s)",
        (name, sorted(days)),
    )
    return {str(row["batch_day"]): row["file_hash"] for row in rows}
