"""A measured figure beside its peer's: how it is made, kept and shown."""

from __future__ import annotations

import json
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Final, Literal

RatioIs = Literal["peer / ours", "ours / peer"]

_WIDTHS: Final = ((100.0, 0), (1.0, 2), (0.0, 4))


@dataclass(frozen=True)
class Figure:
    """One line of a benchmark's result; medians over ``repetitions``.

    Attributes:
        peer: None where a figure stands alone; ``ratio`` is None too, then.
        ratio: ``ratio_is`` says of what: "peer / ours" is how many times less ours takes,
            "ours / peer" how many times the peer's.
        low: with ``high``, the 95 % interval of ``ours`` where it is an estimate; both None otherwise.
    """

    figure: str
    ours: float
    peer: float | None
    ratio: float | None
    unit: str
    repetitions: int
    ratio_is: RatioIs | None = None
    low: float | None = None
    high: float | None = None


def compare(
    figure: str, ours: Sequence[float], peer: Sequence[float], unit: str, ratio_is: RatioIs = "peer / ours"
) -> Figure:
    """The medians of two interleaved series, and their ratio (None when it would divide by zero).

    Raises:
        ValueError: a series is empty, or their lengths differ.
    """
    if len(ours) != len(peer):
        raise ValueError(f"{figure}: {len(ours)} measurements stand against {len(peer)} of the peer")
    mine, theirs = statistics.median(ours), statistics.median(peer)
    above, below = (theirs, mine) if ratio_is == "peer / ours" else (mine, theirs)
    return Figure(figure, mine, theirs, above / below if below else None, unit, len(ours), ratio_is)


def state(figure: str, ours: Sequence[float], unit: str) -> Figure:
    """The median of a series that has no peer."""
    return Figure(figure, statistics.median(ours), None, None, unit, len(ours))


def bound(figure: Figure, low: float, high: float) -> Figure:
    """The figure with the 95 % interval of ours."""
    return replace(figure, low=low, high=high)


def write_figures(folder: Path, name: str, figures: Sequence[Figure]) -> Path:
    """Write ``NAME.json``, replacing the old one at once; its path."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}.json"
    draft = path.with_suffix(".tmp")
    draft.write_text(json.dumps([asdict(figure) for figure in figures], indent=2) + "\n", encoding="utf-8")
    draft.replace(path)
    return path


def draw_table(results: Mapping[str, Sequence[Figure]]) -> Any:
    """All figures, by benchmark, as one rich table."""
    from rich.table import Table

    table = Table(title="Medians; ours and the peer's measured in one run", title_justify="left")
    for heading in ("benchmark", "figure"):
        table.add_column(heading, overflow="fold")
    for heading in ("ours", "peer", "unit", "ratio", "of", "repetitions"):
        table.add_column(heading, justify="left" if heading in ("unit", "of") else "right")
    for name, figures in results.items():
        for row, figure in enumerate(figures):
            table.add_row(
                name if row == 0 else "", figure.figure, format_ours(figure), format_number(figure.peer), figure.unit,
                format_number(figure.ratio), figure.ratio_is or "", str(figure.repetitions),
                end_section=row == len(figures) - 1,
            )  # fmt: skip
    return table


def format_ours(figure: Figure) -> str:
    """Ours as a number, and its interval where there is one."""
    number = format_number(figure.ours)
    if figure.low is None or figure.high is None:
        return number
    return f"{number} ({format_number(figure.low)} to {format_number(figure.high)})"


def format_number(number: float | None) -> str:
    """Two digits after the point, none for hundreds, four below one."""
    if number is None:
        return "–"
    digits = next(digits for least, digits in _WIDTHS if abs(number) >= least)
    return f"{number:,.{digits}f}"
