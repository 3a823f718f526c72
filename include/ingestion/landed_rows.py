"""The rows of a landed batch: in one frame where they are few, else in chunks of pages of the table."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from include.ingestion.plan import LoadItem, item_window
from include.quality.profile import QUANTILES, TOP
from include.quality.statistics import ExactStatistics
from include.quality.suites import BATCH_DAY, LATENESS
from include.settings.source_base import SourceBase
from include.warehouse.ahead import work_ahead
from include.warehouse.arrow import read_arrow
from include.warehouse.names import TableName, quote_column
from include.warehouse.session import Session, open_session

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

CHUNK_PAGES: Final = 4096
"""Pages of a table (8 KB each) that are read at once."""
_OWN_COLUMNS: Final = ("day", "batch_day")
# PostgreSQL groups and sorts in so much memory, and on disk what does not fit.
_WORK_MEMORY: Final = "64MB"


@dataclass(frozen=True)
class LandedRows:
    """The rows of an item in landing, in the order in which the table holds them.

    Attributes:
        columns: of the table, but for those that landing has added.
        pages: of the table.
        chunk_pages: how many of them are read at once.
    """

    uri: str
    item: LoadItem
    source: SourceBase
    columns: tuple[str, ...]
    pages: int
    chunk_pages: int

    @property
    def is_one_chunk(self) -> bool:
        """Whether one frame holds all rows in bounded memory."""
        return self.pages <= self.chunk_pages

    def read_all(self) -> pd.DataFrame:
        """All rows."""
        return to_pandas_frame(read_arrow(self.uri, self._select(self._list_selected())))

    def read_chunks(self, selected: Sequence[str] | None = None) -> Iterator[pd.DataFrame]:
        """All rows, chunk after chunk; see :class:`include.quality.chunks.ChunkedRows`.

        Args:
            selected: columns in SQL; None: those of a batch's frame.
        """
        columns = selected or self._list_selected()
        starts = range(0, self.pages, self.chunk_pages)
        for frame in work_ahead(partial(self._read_chunk, columns, first) for first in starts):
            if len(frame):
                yield frame
            del frame

    def _read_chunk(self, columns: Sequence[str], first: int) -> pd.DataFrame:
        # The last one has no end: the table may have grown since, which its audit finds out afterwards.
        end = first + self.chunk_pages
        sql = self._select(columns) + f" and ctid >= '({first},0)'"
        sql += f" and ctid < '({end},0)'" if end < self.pages else ""
        return to_pandas_frame(read_arrow(self.uri, sql))

    def count_doubled(self, key: Sequence[str]) -> int:
        """Rows whose key another row has too."""
        columns, some = _compare(key)
        groups = f"select count(*) as n from ({self._select(columns)}) as r where {some} group by {columns}"
        return int(self._fetch_value(f"select coalesce(sum(n), 0) from ({groups} having count(*) > 1) as doubled"))

    def find_doubled(self, key: Sequence[str], count: int) -> list[int]:
        """Positions of the first of these rows."""
        columns, some = _compare(key)
        numbered = (
            f"select row_number() over (order by ctid) - 1 as place, count(*) over (partition by {columns}) as n, "
            f"{columns} from ({self._select('ctid', columns)}) as r"
        )
        with open_session(self.uri) as session:
            _prepare(session)
            rows = session.fetch_all(
                f"select place from ({numbered}) as s where n > 1 and {some} order by place limit {count}"
            )
        return [row["place"] for row in rows]

    def ask(self, name: str, *, is_unique: bool = False) -> ExactStatistics:
        """The statistics of a column with many different values.

        Args:
            is_unique: whether all of them are known to be different.
        """
        column, kind = quote_column(name), self.source.columns[name].type
        known = f"{column} <> 'NaN'" if kind == "float64" else f"{column} is not null"
        values = f"({self._select('ctid', column)} and {known}) as r"
        quantiles: list[float] = []
        top: dict[str, int] = {}
        with open_session(self.uri) as session:
            _prepare(session)
            distinct = None
            if not is_unique:
                distinct = session.fetch_value(f"select count(*) from (select distinct {column} from {values}) as d")
            if kind in ("int64", "float64"):
                quantiles = session.fetch_value(
                    f"select percentile_cont(%s::float8[]) within group (order by {column}::float8) from {values}",
                    (list(QUANTILES),),
                )
            elif kind == "string":
                rows = session.fetch_all(
                    f"select {column} as value, count(*) as n from {values} group by {column} "
                    f"order by count(*) desc, min(ctid) limit {TOP}"
                )
                top = {row["value"]: row["n"] for row in rows}
        return ExactStatistics(distinct, quantiles, top, lambda: self._read_column(name))

    def _read_column(self, name: str) -> Iterator[pd.Series[Any]]:
        for chunk in self.read_chunks([quote_column(name)]):
            yield chunk[name]

    def _list_selected(self) -> list[str]:
        selected = [quote_column(name) for name in self.columns]
        if self.source.event_column is not None:
            selected.append(f"(batch_day - day)::bigint as {LATENESS}")
        return [*selected, BATCH_DAY] if self.source.grain == "snapshot" else selected

    def _select(self, *selected: str | Sequence[str]) -> str:
        from_day, to_day = item_window(self.item)
        names = ", ".join(one if isinstance(one, str) else ", ".join(one) for one in selected)
        table = TableName("landing", self.item["source"]).quoted
        return f"select {names} from {table} where batch_day between '{from_day}' and '{to_day}'"

    def _fetch_value(self, sql: str) -> Any:
        with open_session(self.uri) as session:
            _prepare(session)
            return session.fetch_value(sql)


def find_rows(session: Session, uri: str, item: LoadItem, source: SourceBase) -> LandedRows:
    """The landed rows of an item; pages count with what is stored beside them."""
    name = item["source"]
    columns = session.fetch_all(
        "select column_name from information_schema.columns "
        "where table_schema = 'landing' and table_name = %s order by ordinal_position",
        (name,),
    )
    size = session.fetch_one(
        "select pg_relation_size(t) / current_setting('block_size')::int as pages, "
        "pg_table_size(t) / current_setting('block_size')::int as all_pages from to_regclass(%s) as t",
        (TableName("landing", name).quoted,),
    ) or {"pages": 0, "all_pages": 0}
    pages, all_pages = size["pages"] or 0, size["all_pages"] or 0
    fitting = max(1, CHUNK_PAGES * pages // max(all_pages, pages, 1))
    names = tuple(row["column_name"] for row in columns if row["column_name"] not in _OWN_COLUMNS)
    return LandedRows(uri, item, source, names, pages, fitting)


def to_pandas_frame(table: pa.Table) -> pd.DataFrame:
    """An Arrow table as pandas: moments as naive UTC datetime64[us], dates as datetime64[ms], text as Arrow's.

    Great Expectations cannot name a pandas type that has a time zone, and looks at texts that are objects one by one.
    """
    import pandas as pd
    import pyarrow as pa

    naive = [
        pa.field(field.name, pa.timestamp(field.type.unit)) if pa.types.is_timestamp(field.type) else field
        for field in table.schema
    ]
    # Columns of one type in one block: Great Expectations copies the frame for each rule, and pandas would join the
    # columns of each copy anew.
    frame: pd.DataFrame = table.cast(pa.schema(naive)).to_pandas(
        date_as_object=False, split_blocks=False, types_mapper={pa.string(): pd.StringDtype("pyarrow")}.get
    )
    return frame


def _prepare(session: Session) -> None:
    # A scan that joins another one in its middle would begin there.
    session.execute(
        "select set_config('work_mem', %s, true), set_config('synchronize_seqscans', 'off', true)", (_WORK_MEMORY,)
    )


def _compare(key: Sequence[str]) -> tuple[str, str]:
    """The columns of a key, and that one of them at least is not null."""
    columns = [quote_column(name) for name in key]
    return ", ".join(columns), f"({' or '.join(f'{column} is not null' for column in columns)})"
