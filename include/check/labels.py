"""Whether a model could be trained on the labels that there are, by the rules of training itself."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import date, timedelta
from functools import partial
from typing import Any, Final

from include.check.finding import Finding, Reporter
from include.errors import SettingsError, TrainingError
from include.features.catalog import Catalog
from include.features.spec import ModelSpec, resolve_model
from include.settings.models import ModelSettings
from include.tasks import TASKS
from include.training.cutoffs import SPLITS, Cutoffs, choose_cutoffs
from include.training.dataset import read_labelled_dates
from include.training.splits import check_labels, check_training_rows
from include.warehouse.session import Row, open_session
from include.warehouse.tables import find_kind

_REPORT: Final = Reporter("database")


def check_model(uri: str, model: ModelSettings, catalog: Catalog) -> Iterator[Finding]:
    """Choose the cutoffs as training does, and count the labels of each split; of a model that fits the catalog."""
    try:
        spec = resolve_model(model, catalog)
    except SettingsError:
        return  # said among the contracts
    if not _is_built(uri, spec):
        yield _REPORT.note(model.name, "its labels were not looked at: they and its features are not built yet")
        return
    dates = read_labelled_dates(uri, spec)
    try:
        cutoffs = choose_cutoffs(dates, spec.horizon_days, model.training)
    except TrainingError as error:
        needed = _count_days(spec, model)
        message = f"training would stop: {error} {len(dates)} as-of date(s) have labels and features"
        yield _REPORT.fault(model.name, message, f"They have to reach over {needed} days at least")
        return
    yield from _check_history(model, cutoffs, dates)
    yield from _check_splits(model, spec, cutoffs, _read_counts(uri, spec, cutoffs))


def _is_built(uri: str, spec: ModelSpec) -> bool:
    with open_session(uri) as session:
        for table in (spec.label.table, *(group.table for group in spec.groups)):
            if find_kind(session, table) is None:
                return False
            if session.fetch_value(f"select true from {table.quoted} limit 1") is None:
                return False
    return True


def _count_days(spec: ModelSpec, model: ModelSettings) -> int:
    """The days from the first labelled as-of date to the newest that the least training needs."""
    spacing = model.training.training_cutoff_spacing_days
    return 2 * max(spec.horizon_days, 1) + (model.training.min_training_cutoffs - 1) * spacing


def _check_history(model: ModelSettings, cutoffs: Cutoffs, dates: Sequence[date]) -> Iterator[Finding]:
    settings, found = model.training, len(cutoffs.train)
    if found < settings.training_cutoffs:
        first = cutoffs.train[-1] - timedelta(
            days=(settings.training_cutoffs - 1) * settings.training_cutoff_spacing_days
        )
        message = (
            f"{found} of {settings.training_cutoffs} training cutoffs have labels (training.training_cutoffs): "
            f"training goes on with fewer, {settings.min_training_cutoffs} are needed"
        )
        remedy = f"Load days so old that there is an as-of date of about {first}; the first one is {min(dates)}"
        yield _REPORT.note(model.name, message, remedy)
    else:
        told = (
            f"{len(dates)} as-of date(s) have labels and features; training takes {found}, from {cutoffs.train[0]} on"
        )
        yield _REPORT.fine(model.name, told)


def _read_counts(uri: str, spec: ModelSpec, cutoffs: Cutoffs) -> list[Row]:
    """The label's values at the cutoffs, each with its rows."""
    label, sql_type = spec.label, TASKS[spec.task].sql_type
    # As training casts it; of a binary label it takes booleans as well as integers.
    cast = "" if sql_type == "bigint" else f"::{sql_type}"
    with open_session(uri) as session:
        return session.fetch_all(
            f'select "{label.event_time}" as day, "{spec.label_column}"{cast} as value, count(*) as rows '
            f'from {label.table.quoted} where "{label.event_time}" = any(%s) group by 1, 2',
            (list(cutoffs.all),),
        )


def _check_splits(model: ModelSettings, spec: ModelSpec, cutoffs: Cutoffs, counts: Sequence[Row]) -> Iterator[Finding]:
    """Hold the labels of each split to the rules of training."""
    values: Mapping[str, list[Any]] = {name: [] for name in SPLITS}
    for row in counts:
        values[cutoffs.split_of(row["day"])].extend([row["value"]] * row["rows"])
    task, told = TASKS[spec.task], []

    def count(name: str) -> None:
        classes = task.find_classes(values["train"])
        labels = task.encode_labels(values[name], classes)
        check_labels(name, labels, classes, task, model.training)
        told.append(f"{name} {task.describe_counts(labels, classes)}")

    checks = [
        partial(check_training_rows, len(values["train"]), model.training),
        *(partial(count, one) for one in SPLITS),
    ]
    problems = [problem for problem in map(_find_problem, checks) if problem]
    for problem in dict.fromkeys(problems):
        yield _REPORT.fault(model.name, f"training would stop: {problem}")
    if not problems:
        yield _REPORT.fine(model.name, f"there are labels enough: {'; '.join(told)}")


def _find_problem(check: Callable[[], object]) -> str | None:
    try:
        check()
    except TrainingError as error:
        return str(error)
    return None
