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
from include.training.entity_split import split_entity
from include.training.splits import check_labels, check_training_rows
from include.warehouse.session import open_session
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
    if model.training.split == "entity":
        yield from _check_entities(uri, model, spec, dates)
        return
    try:
        cutoffs = choose_cutoffs(dates, spec.horizon_days, model.training)
    except TrainingError as error:
        needed = _count_days(spec, model)
        message = f"training would stop: {error} {len(dates)} as-of date(s) have labels and features"
        yield _REPORT.fault(model.name, message, f"They have to reach over {needed} days at least")
        return
    yield from _check_history(model, cutoffs, dates)
    yield from _check_splits(model, spec, _read_dates(uri, spec, cutoffs))


def _check_entities(uri: str, model: ModelSettings, spec: ModelSpec, dates: Sequence[date]) -> Iterator[Finding]:
    """Of a table without time, the newest as-of date is all that counts."""
    if not dates:
        message = f"training would stop: no as-of date has both labels ({spec.label.table}) and features"
        yield _REPORT.fault(model.name, message, "Load the sources, then run build_features")
        return
    yield from _check_splits(model, spec, _read_entities(uri, spec, dates[-1]))


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


def _read_dates(uri: str, spec: ModelSpec, cutoffs: Cutoffs) -> dict[str, list[Any]]:
    """The label's values at the cutoffs, by the split of their date."""
    label, values = spec.label, _start_splits()
    with open_session(uri) as session:
        rows = session.fetch_all(
            f'select "{label.event_time}" as day, {_select_label(spec)} as value, count(*) as rows '
            f'from {label.table.quoted} where "{label.event_time}" = any(%s) group by 1, 2',
            (list(cutoffs.all),),
        )
    for row in rows:
        values[cutoffs.split_of(row["day"])].extend([row["value"]] * row["rows"])
    return values


def _read_entities(uri: str, spec: ModelSpec, day: date) -> dict[str, list[Any]]:
    """The label's values at one date, by the split of their entity."""
    label, values = spec.label, _start_splits()
    keys = ", ".join(f'"{name}" as key_{index}' for index, name in enumerate(spec.entity.key_names))
    with open_session(uri) as session:
        rows = session.fetch_all(
            f'select {_select_label(spec)} as value, {keys} from {label.table.quoted} where "{label.event_time}" = %s',
            (day,),
        )
    for row in rows:
        value, *key = row.values()
        values[split_entity(key)].append(value)
    return values


def _start_splits() -> dict[str, list[Any]]:
    return {name: [] for name in SPLITS}


def _select_label(spec: ModelSpec) -> str:
    """The label as training casts it; of a binary one it takes booleans as well as integers."""
    sql_type = TASKS[spec.task].sql_type
    return f'"{spec.label_column}"' + ("" if sql_type == "bigint" else f"::{sql_type}")


def _check_splits(model: ModelSettings, spec: ModelSpec, values: Mapping[str, list[Any]]) -> Iterator[Finding]:
    """Hold the labels of each split to the rules of training."""
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
