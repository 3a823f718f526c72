"""Reads a landed batch as the rules see it: a frame of its rows, and facts about it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import TYPE_CHECKING, Any, Final

from include.ingestion.audit_records import read_usual_means
from include.ingestion.facts import measure_facts
from include.ingestion.landed import LandedDay, check_landed, read_landed
from include.ingestion.plan import LoadItem, has_only_bad_files, item_window
from include.ingestion.refused import list_parents, read_hashes
from include.quality.score import AuditResult, RuleResult, decide_source
from include.quality.suites import BATCH_DAY, LATENESS, Fact, build_fact_suite, build_row_suite
from include.quality.validate import FrameSuite
from include.settings.source_base import SourceBase
from include.settings.sources import SourceSettings
from include.sources.files import declare_schema
from include.warehouse.arrow import read_arrow
from include.warehouse.names import TableName
from include.warehouse.session import Session, open_session

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

_OWN_COLUMNS: Final = ("day", "batch_day")


@dataclass(frozen=True)
class Batch:
    """One landed batch, as the rules see it.

    Attributes:
        landed: the deliveries whose rows were read.
        seen: see :func:`describe_seen`.
    """

    item: LoadItem
    source: SourceBase
    frame: pd.DataFrame
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
    """Read one batch from landing as a frame, and measure its facts; a frame of nothing if only bad files came.

    Args:
        others: items whose rows are published with the batch's.

    Raises:
        WarehouseError: landing does not hold exactly what was delivered.
    """
    name, source = item["source"], sources.find_source(item["source"])
    with open_session(uri) as session:
        if has_only_bad_files(item):
            nothing = to_pandas_frame(declare_schema(source).empty_table())
            return Batch(item, source, nothing, {}, {}, seen=describe_seen(session, sources, item, (), others))
        landed = check_landed(session, item)
        # Before anything is measured: what changes meanwhile is then taken for changed since.
        seen = describe_seen(session, sources, item, landed, others)
        columns = session.fetch_all(
            "select column_name from information_schema.columns "
            "where table_schema = 'landing' and table_name = %s order by ordinal_position",
            (name,),
        )
        # Where statistics are behind, joining a large batch row by row would take minutes.
        session.execute("select set_config('enable_nestloop', 'off', true)")
        facts = measure_facts(session, sources, item, others)
        usual_means = read_usual_means(session, name, sources.quality, item)
    selected = [f'"{row["column_name"]}"' for row in columns if row["column_name"] not in _OWN_COLUMNS]
    if source.event_column is not None:
        selected.append(f"(batch_day - day)::bigint as {LATENESS}")
    if source.grain == "snapshot":
        selected.append(BATCH_DAY)
    from_day, to_day = item_window(item)
    table = read_arrow(
        uri,
        f"select {', '.join(selected)} from {TableName('landing', name).quoted} "
        f"where batch_day between '{from_day}' and '{to_day}'",
    )
    return Batch(item, source, to_pandas_frame(table), facts, usual_means, landed, seen)


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


def to_pandas_frame(table: pa.Table) -> pd.DataFrame:
    """An Arrow table as pandas: moments as naive UTC datetime64[us], dates as datetime64[ms].

    Great Expectations cannot name a pandas type that has a time zone.
    """
    import pyarrow as pa

    naive = [
        pa.field(field.name, pa.timestamp(field.type.unit)) if pa.types.is_timestamp(field.type) else field
        for field in table.schema
    ]
    frame: pd.DataFrame = table.cast(pa.schema(naive)).to_pandas(date_as_object=False, split_blocks=True)
    return frame


def build_suites(sources: SourceSettings, batch: Batch) -> list[FrameSuite]:
    """The suites of one batch: on its rows, and on its facts as a frame of one row; none if nothing landed."""
    import pandas as pd

    if has_only_bad_files(batch.item):
        return []
    quality = sources.quality
    facts = pd.DataFrame([{name: fact.value for name, fact in batch.facts.items()}])
    notes = {name: fact.note for name, fact in batch.facts.items()}
    row_rules = build_row_suite(batch.source, quality, batch.usual_means, len(batch.frame))
    return [
        FrameSuite(batch.name, "rows", batch.frame, row_rules),
        FrameSuite(batch.name, "facts", facts, build_fact_suite(batch.source, quality, batch.facts), notes),
    ]
