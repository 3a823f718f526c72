"""How training grows with its rows: the training set out of the warehouse, and one fit with all that is measured of it.

Measured: seconds and the greatest memory of two steps at 20,000, 200,000 and 1,000,000 training rows of 24 numbers and
two categories, with a quarter as many validation and test rows each: building the training set out of a feature table
and a label table, and what a candidate then costs: reading the set as arrays, the baseline, one fit of gradient
boosting and its export, and its figures on the test rows with their bootstrap intervals. Memory is what the process had
at most beyond what it has once a small set has gone the same way, for each row of the whole set. The peer is the same
step at the smallest size; ``ratio`` (ours / peer) is of the seconds for each row: 1 grows as the rows do.

Fair because: each repetition is a process of its own that has loaded all libraries before the clock starts, and the
second step takes what the first has left: all rows of the tables arrive, and they are those that are fitted. Left out
are the gates (see ``gates``), MLflow, further folds of validation, and the way of the set from task to task (``seam``).
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

from benchmarks.apart import read_peak_mb, run_apart
from benchmarks.catalog import BenchmarkError, Options
from benchmarks.figure import Figure, compare, state
from benchmarks.gates import TEST_DATE, make_model, make_spec
from benchmarks.surroundings import temporary_folder
from benchmarks.timing import Tell
from include.servers.postgres import temporary_postgres
from include.settings.training import BASELINE
from include.warehouse.migrate import migrate_warehouse
from include.warehouse.names import TableName
from include.warehouse.session import Session, open_session

if TYPE_CHECKING:
    import pandas as pd

    from include.features.spec import ModelSpec

SIZES: Final = (20_000, 200_000, 1_000_000)
WARM: Final = 4_000
REPETITIONS: Final = 3
TRAINING_CUTOFFS: Final = 4
CUTOFFS: Final = TRAINING_CUTOFFS + 2
FAMILY: Final = "gradient_boosting"
BUILD: Final = "training set"
CANDIDATE: Final = "candidate"
Seconds = dict[str, float]


@dataclass(frozen=True)
class Step:
    """What one step has taken.

    Attributes:
        seconds: of each of its parts.
        peak_mb: the most memory of its process.
        added_mb: what of it came on top of a small training set's.
    """

    seconds: Seconds
    peak_mb: float
    added_mb: float


Runs = Mapping[int, Mapping[str, Sequence[Step]]]


def measure(options: Options, tell: Tell) -> list[Figure]:
    """Seconds and memory of both steps at each size; the largest once."""
    runs: dict[int, dict[str, list[Step]]] = {}
    with temporary_folder() as folder, temporary_postgres(folder) as server:
        warm = make_warehouse(server.create_database("warm"), WARM)
        for size in SIZES:
            uri = make_warehouse(server.create_database(f"rows_{size}"), size)
            repetitions = 1 if size == SIZES[-1] else options.repetitions or REPETITIONS
            runs[size] = measure_size(uri, warm, folder, size, repetitions)
            tell(f"  {size:,} training rows: {[steps[0] for steps in runs[size].values()]}")
    return describe(runs)


def make_warehouse(uri: str, size: int) -> str:
    """Fill a new database with what so many training rows are made of; its URI."""
    migrate_warehouse(uri)
    with open_session(uri) as session:
        fill_tables(session, declare(), size // TRAINING_CUTOFFS)
    return uri


def declare() -> ModelSpec:
    """The model that the gates' benchmark has, with a label table of its own."""
    spec = make_spec()
    return replace(spec, label=replace(spec.label, table=TableName("features", "measured_labels")))


def fill_tables(session: Session, spec: ModelSpec, entities: int) -> None:
    """Features and labels of so many entities at each cutoff; five numbers and a category decide, some are missing."""
    numbers = [item.name for item in spec.features if item.kind == "numeric"]
    columns = [f"case when random() >= 0.05 then random() * 2 - 1 end as {name}" for name in numbers]
    session.execute("select setseed(0.5)")
    session.execute(
        f"create table {spec.groups[0].table.quoted} as select "
        f"date '{TEST_DATE}' - {spec.horizon_days} * cutoff as as_of_date, thing_id::bigint, {', '.join(columns)}, "
        "(array['north', 'south', 'west'])[1 + floor(random() * 3)::integer] as site, "
        "(array['a', 'b'])[1 + floor(random() * 2)::integer] as kind "
        f"from generate_series(0, {CUTOFFS - 1}) as cutoff cross join generate_series(1, {entities}) as thing_id"
    )
    stress = " + ".join(f"coalesce({name}, 0)" for name in numbers[:5])
    session.execute(
        f"create table {spec.label.table.quoted} as select as_of_date, thing_id, "
        f"({stress} + (site = 'south')::integer + random() * 4 - 2 > 1)::integer::bigint as {spec.label_column} "
        f"from {spec.groups[0].table.quoted}"
    )
    session.execute("analyze")


def measure_size(uri: str, warm: str, folder: Path, size: int, repetitions: int) -> dict[str, list[Step]]:
    """Both steps, each time in new processes.

    Raises:
        BenchmarkError: a step failed, or not all rows have arrived.
    """
    path, warm_path = folder / f"{size}.parquet", folder / "warm.parquet"
    found: dict[str, list[Step]] = {BUILD: [], CANDIDATE: []}
    run_apart(build, warm, warm, warm_path, WARM)
    for _ in range(repetitions):
        found[BUILD].append(run_apart(build, uri, warm, path, size)[0])
        found[CANDIDATE].append(run_apart(make_candidate, path, warm_path)[0])
    return found


def build(uri: str, warm: str, path: Path, size: int) -> Step:
    """Build the training set of a warehouse, and leave it as a file."""
    import pyarrow.parquet as pq

    from include.training.dataset import build_training_set
    from include.warehouse.frames import from_frame

    spec, settings = declare(), make_model().training
    build_training_set(warm, spec, settings)
    before_mb, seconds = read_peak_mb(), Seconds()
    with clock(seconds, BUILD):
        frame = build_training_set(uri, spec, settings)
    step = Step(seconds, read_peak_mb(), read_peak_mb() - before_mb)
    if (found := int((frame["split"] == "train").sum())) != size:
        raise BenchmarkError(f"The training set has {found:,} training rows, not {size:,}.")
    pq.write_table(from_frame(frame), path)
    return step


def make_candidate(path: Path, warm_path: Path) -> Step:
    """Fit and measure a candidate on the training set of a file; what reads the file is not timed."""
    import pyarrow.parquet as pq

    from include.warehouse.frames import to_frame

    fit_and_measure(to_frame(pq.read_table(warm_path)), Seconds())
    before_mb, seconds = read_peak_mb(), Seconds()
    fit_and_measure(to_frame(pq.read_table(path)), seconds)
    return Step(seconds, read_peak_mb(), read_peak_mb() - before_mb)


def fit_and_measure(frame: pd.DataFrame, seconds: Seconds) -> None:
    """What a candidate costs, part by part."""
    from include.registry.onnx import OnnxModel
    from include.training.fit import measure_family, train_model
    from include.training.splits import read_training_data

    spec, settings = declare(), make_model().training
    with clock(seconds, "arrays"):
        data = read_training_data(frame, spec, settings)
    with clock(seconds, "baseline"):
        baseline = train_model(data, BASELINE, spec, settings)
    with clock(seconds, "fit and export"):
        fitted = train_model(data, FAMILY, spec, settings)
    with clock(seconds, "figures and intervals"):
        measure_family(fitted, OnnxModel(fitted.onnx), baseline, data, settings)


@contextmanager
def clock(seconds: Seconds, name: str) -> Iterator[None]:
    """Note the seconds of what is done under a name."""
    began_at = time.perf_counter()
    yield
    seconds[name] = time.perf_counter() - began_at


def describe(runs: Runs) -> list[Figure]:
    """Of each step: seconds, memory, both for each row, and the seconds of its parts where there are several."""
    smallest = min(runs)
    figures = []
    for step in (BUILD, CANDIDATE):
        for size, found in runs.items():
            name, steps = f"{size:,} training rows: {step}", found[step]
            figures += [
                state(name, [sum(one.seconds.values()) for one in steps], "s"),
                *(state(f"- {part}", [one.seconds[part] for one in steps], "s") for part in list_parts(steps)),
                *(
                    compare_rows(f"{name}, each row; peer: at {other:,}", steps, size, runs[other][step], other)
                    for other in [smallest]
                    if other != size
                ),
                state(f"{name}, greatest memory", [one.peak_mb for one in steps], "MB"),
                state(f"{name}, memory for each row", [one.added_mb * 2**20 / count_rows(size) for one in steps], "B"),
            ]
    return figures


def list_parts(steps: Sequence[Step]) -> list[str]:
    """The parts of a step; none where there is one alone."""
    parts = list(steps[0].seconds)
    return parts if len(parts) > 1 else []


def count_rows(size: int) -> int:
    """All rows of a training set that has so many training rows."""
    return size // TRAINING_CUTOFFS * CUTOFFS


def compare_rows(figure: str, steps: Sequence[Step], size: int, others: Sequence[Step], other_size: int) -> Figure:
    """Medians of the seconds for each row, in microseconds; the largest size has fewer repetitions."""
    mine, theirs = (
        [statistics.median(sum(one.seconds.values()) for one in found) * 1e6 / count_rows(rows)]
        for found, rows in ((steps, size), (others, other_size))
    )
    return replace(compare(figure, mine, theirs, "µs", "ours / peer"), repetitions=len(steps))
