"""Which benchmarks there are, and what can be changed about them from the command line."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from include.errors import OrreryError

if TYPE_CHECKING:
    from benchmarks.figure import Figure
    from benchmarks.timing import Tell

# In the order of running: the quick ones first.
NAMES: Final = (
    "seam", "one_row", "search", "point_in_time", "gates", "judge", "training", "ingest", "parsing", "serving",
    "batch_scoring", "many_models", "airflow_memory", "task_overhead",
    # (examples begin)
    "adoption", "dbt", "feature_growth", "demo", "quality",
    # (examples end)
)  # fmt: skip


class BenchmarkError(OrreryError):
    """A benchmark is unknown, or what it compares is not the same work."""


@dataclass(frozen=True)
class Options:
    """What the command line can change.

    Attributes:
        repetitions: None leaves each benchmark its own number.
        rows: of the frame in ``seam`` and of the smaller file in ``ingest``.
        entities: in ``point_in_time``, of which each has 100 feature rows and ten of the spine; in ``batch_scoring`` at
            its first size.
    """

    repetitions: int | None = None
    rows: int = 1_000_000
    entities: int = 20_000
    # (examples begin)
    # The sample in dbt, feature_growth, demo and quality, 0 for all of them; None leaves each its own choice.
    households: int | None = None
    days: int = 2  # replayed in demo
    # (examples end)


def find_benchmark(name: str) -> Callable[[Options, Tell], list[Figure]]:
    """The function ``measure`` of the module ``benchmarks.NAME``.

    Raises:
        BenchmarkError: there is no such benchmark; the message lists those that there are.
    """
    if name not in NAMES:
        raise BenchmarkError(f"There is no benchmark {name!r}. Choose one of: {', '.join(NAMES)}.")
    measure: Callable[[Options, Tell], list[Figure]] = importlib.import_module(f"benchmarks.{name}").measure
    return measure
