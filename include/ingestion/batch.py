"""A landed batch as the rules see it: its rows, and facts about it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from include.ingestion.audit_records import read_usual_means
from include.ingestion.facts import measure_facts
from include.ingestion.landed import LandedDay, check_landed, read_landed
from include.ingestion.landed_rows import LandedRows, find_rows
from include.ingestion.plan import LoadItem, has_only_bad_files
from include.ingestion.refused import list_parents, read_hashes
from include.quality.score import AuditResult, RuleResult, decide_source
from include.quality.suites import Fact
from include.settings.source_base import SourceBase
from include.settings.sources import SourceSettings
from include.warehouse.session import Session, open_session


@dataclass(frozen=True)
class Batch:
    """One landed batch, as the rules see it.

    Attributes:
        rows: where they are; None if only bad files came.
        landed: the deliveries whose rows are read.
        seen: see :func:`describe_seen`.
    """

    item: LoadItem
    source: SourceBase
    rows: LandedRows | None
    row_count: int
    facts: Mapping[str, Fact]
    usual_means: Mapping[str, float]
    landed: tuple[LandedDay, ...] = ()
    seen: Mapping[str, Any] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """The source's name."""
        return self.item["source"]

    @property
    def stops_nothing(self) -> bool:
        """Whether the run goes on without the batch when it is refused."""
        return not self.source.critical or self.item.get("is_late", False)

    @property
    def bad_files(self) -> tuple[RuleResult, ...]:
        """A broken critical rule for every file that landing left out."""
        return tuple(
            RuleResult(
                self.name, "schema", "file_is_readable", None, is_critical=True, weight=1.0, has_passed=False,
                observed=bad["reason"].rstrip("."), expected="a readable file with the declared columns",
            )
            for bad in self.item.get("bad_files", [])
        )  # fmt: skip

    def decide(self, results: Sequence[RuleResult], minimum_score: float) -> AuditResult:
        """Whether the rows that landed may be published; where only bad files came, whether those may."""
        return decide_source(self.name, self.bad_files if has_only_bad_files(self.item) else results, minimum_score)

    def find_failures(self, audit: AuditResult) -> tuple[RuleResult, ...]:
        """Every rule that the batch broke, that of its bad files first."""
        return audit.failures if has_only_bad_files(self.item) else (*self.bad_files, *audit.failures)


def read_batch(uri: str, sources: SourceSettings, item: LoadItem, others: Sequence[LoadItem] = ()) -> Batch:
    """Find the rows of one batch in landing, and measure its facts; there is nothing if only bad files came.

    Args:
        others: items whose rows are published with the batch's.

    Raises:
        WarehouseError: landing does not hold exactly what was delivered.
    """
    source = sources.find_source(item["source"])
    with open_session(uri) as session:
        if has_only_bad_files(item):
            return Batch(item, source, None, 0, {}, {}, seen=describe_seen(session, sources, item, (), others))
        landed = check_landed(session, item)
        # Before anything is measured: what changes meanwhile is then taken for changed since.
        seen = describe_seen(session, sources, item, landed, others)
        rows = find_rows(session, uri, item, source)
        # Where statistics are behind, joining a large batch row by row would take minutes.
        session.execute("select set_config('enable_nestloop', 'off', true)")
        facts = measure_facts(session, sources, item, others)
        usual_means = read_usual_means(session, item["source"], sources.quality, item)
    return Batch(item, source, rows, sum(one.rows for one in landed), facts, usual_means, landed, seen)


def describe_seen(
    session: Session,
    sources: SourceSettings,
    item: LoadItem,
    landed: Sequence[LandedDay],
    others: Sequence[LoadItem] = (),
) -> dict[str, Any]:
    """What an audit has before it, by day in ISO text: versions of deliveries, and hashes of what they refer to.

    Args:
        landed: the deliveries of the item that were read; those that were not are named by the item.
        others: items that are published with this one.
    """
    versions = {one.day: one.version for one in landed}
    versions |= {date.fromisoformat(bad["day"]): bad.get("version") for bad in item.get("bad_files", [])}
    parents = list_parents(sources, item["source"])
    hashes = {name: read_hashes(session, name, versions) for name in parents}
    for other in others:
        if other["source"] in hashes:
            hashes[other["source"]] |= {str(one.day): one.file_hash for one in read_landed(session, other)}
    return {
        str(day): {"version": version, "references": {name: hashes[name].get(str(day)) for name in parents}}
        for day, version in versions.items()
    }
