"""The training set: features as they were known at each cutoff, with what happened afterwards."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import TYPE_CHECKING, Final

from include.errors import TrainingError
from include.features.columns import FEATURE_NAMES_TAKEN
from include.features.matrix import to_float64
from include.features.read import AS_OF, read_checked, select_features
from include.features.spec import ModelSpec
from include.settings.training import TrainingSettings
from include.tasks import TASKS
from include.training.cutoffs import Cutoffs, Split, choose_cutoffs
from include.training.entity_split import split_entities
from include.training.splits import LABEL, SPLIT, read_training_data
from include.warehouse.frames import to_frame
from include.warehouse.names import quote_text

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

_FOUND: Final = "is_found"


def build_training_set(uri: str, spec: ModelSpec, settings: TrainingSettings) -> pd.DataFrame:
    """Join a model's label with its features at the chosen cutoffs.

    Returns:
        as_of_date (date), the keys (uuid as text), split ('train', 'validation', 'test'), label (int64,
        float64 or text, by task), then the features; ordered by date and keys.

    Raises:
        TrainingError: too little history or too few rows, a split with too few rows of a class, infinite
            values, a label that is none, labelled entities without features, an entity that stands twice at one
            as-of date, or a column name that the training set uses itself.
        SourceError: a table or a feature is gone.
        WarehouseError: the warehouse is away.
    """
    _check_names(spec)
    dates = read_labelled_dates(uri, spec)
    if settings.split == "entity":
        frame = to_frame(_read_entities(uri, spec, dates))
    else:
        frame = to_frame(_read_rows(uri, spec, choose_cutoffs(dates, spec.horizon_days, settings)))
    read_training_data(frame, spec, settings)
    return frame


def _check_names(spec: ModelSpec) -> None:
    names = [*spec.entity.key_names, *(feature.name for feature in spec.features)]
    taken = [name for name in names if name in FEATURE_NAMES_TAKEN]
    if taken:
        raise TrainingError(
            f"The training set of {spec.name} has a column {taken[0]!r} of its own, so that no key and no feature may "
            "be called so. Rename it in dbt/models."
        )


def read_labelled_dates(uri: str, spec: ModelSpec) -> list[date]:
    """The as-of dates that have both labels and rows in the first feature group, ascending.

    Left out are those of which the validation has refused a group.
    """
    label, group = spec.label, spec.groups[0]
    names = ", ".join(quote_text(item.name) for item in spec.groups)
    table = read_checked(
        uri,
        f'(select "{label.event_time}" as {AS_OF} from {label.table.quoted} '
        f'intersect select "{group.event_time}" from {group.table.quoted}) '
        f"except select {AS_OF} from quality.feature_dates where group_name in ({names}) and state = 'refused' "
        "order by 1",
        [item.location for item in spec.groups],
    )
    dates: list[date] = table.column(AS_OF).to_pylist()
    return dates


def _read_rows(uri: str, spec: ModelSpec, cutoffs: Cutoffs) -> pa.Table:
    """The rows of the cutoffs, each in the split of its date."""
    rows = _read_checked_rows(uri, spec, cutoffs.all)
    return _arrange(rows, spec, [cutoffs.split_of(day) for day in rows.column(AS_OF).to_pylist()])


def _read_entities(uri: str, spec: ModelSpec, dates: Sequence[date]) -> pa.Table:
    """The rows of the newest as-of date, each in the split of its entity.

    Raises:
        TrainingError: there is no as-of date.
    """
    if not dates:
        raise TrainingError(
            f"No as-of date has both labels ({spec.label.table}) and features ({spec.groups[0].table}) yet. Ingest the "
            "table, then build the features."
        )
    rows = _read_checked_rows(uri, spec, dates[-1:])
    keys = zip(*(rows.column(name).to_pylist() for name in spec.entity.key_names), strict=True)
    return _arrange(rows, spec, split_entities(keys))


def _read_checked_rows(uri: str, spec: ModelSpec, days: Sequence[date]) -> pa.Table:
    rows = read_checked(uri, _select_rows(spec, days), [group.location for group in spec.groups])
    _check_features_found(rows, spec)
    _check_entities(rows, spec)
    return rows


def _check_entities(table: pa.Table, spec: ModelSpec) -> None:
    """Refuse two rows of one entity at one date: they would count twice, in training and in every figure."""
    import pyarrow.compute as pc

    keys = [*spec.entity.key_names, AS_OF]
    counts = table.group_by(keys).aggregate([([], "count_all")])
    doubled = counts.filter(pc.greater(counts.column("count_all"), 1))
    if doubled.num_rows:
        first = doubled.slice(0, 1).to_pylist()[0]
        example = ", ".join(f"{key} {first[key]}" for key in keys)
        raise TrainingError(
            f"{doubled.num_rows:,} pairs of entity and as-of date stand in the training set more than once, such as "
            f"{example} ({first['count_all']} rows). Give {spec.label.name} one row for each "
            f"{spec.entity.name} and date in dbt/models."
        )


def _arrange(rows: pa.Table, spec: ModelSpec, splits: Sequence[Split]) -> pa.Table:
    import pyarrow as pa

    columns = {name: rows.column(name) for name in (AS_OF, *spec.entity.key_names)}
    columns |= {SPLIT: pa.array(splits, pa.string()), LABEL: _cast_label(rows.column(LABEL), spec)}
    columns |= {feature.name: _round_decimals(rows.column(feature.name)) for feature in spec.features}
    return pa.table(columns)


def _select_rows(spec: ModelSpec, days: Sequence[date]) -> str:
    """Every labelled entity at the dates, with its features where there are any.

    Keys of type uuid come as text: neither Arrow nor a frame has a type that PostgreSQL would take back as one.
    """
    label, first = spec.label, spec.groups[0]
    # Dates hold no quotes, and the Arrow driver takes no parameters here.
    wanted = ", ".join(f"date '{day.isoformat()}'" for day in days)
    features = select_features(spec.entity, [group.location for group in spec.groups], spec.features)
    keys = [f'labels."{key.name}"{"::text" if key.type == "uuid" else ""}' for key in spec.entity.keys]
    columns = [
        f'labels."{label.event_time}" as {AS_OF}',
        *(f'{key} as "{name}"' for key, name in zip(keys, spec.entity.key_names, strict=True)),
        f'labels."{spec.label_column}" as {LABEL}',
        f"features.{AS_OF} is not null as {_FOUND}",
        *(f'features."{feature.name}"' for feature in spec.features),
    ]
    same_keys = " and ".join(f'features."{name}" = labels."{name}"' for name in spec.entity.key_names)
    return (
        f"select {', '.join(columns)} from {label.table.quoted} as labels "
        f'left join ({features} where g0."{first.event_time}" in ({wanted})) as features '
        f'on features.{AS_OF} = labels."{label.event_time}" and {same_keys} '
        f'where labels."{label.event_time}" in ({wanted}) '
        f"order by {', '.join(map(str, range(1, len(keys) + 2)))}"
    )


def _check_features_found(rows: pa.Table, spec: ModelSpec) -> None:
    import pyarrow.compute as pc

    days = rows.filter(pc.invert(rows.column(_FOUND))).column(AS_OF)
    counts = sorted((item["values"], item["counts"]) for item in days.value_counts().to_pylist())
    if counts:
        found = ", ".join(f"{count} at {day}" for day, count in counts)
        raise TrainingError(
            f"Labelled entities ({spec.entity.name}) without a row in {spec.groups[0].table}: {found}. Leaving them "
            "out would bias the model; build the features of these dates again (build_features)."
        )


def _cast_label(column: pa.ChunkedArray, spec: ModelSpec) -> pa.ChunkedArray:
    """The label in its task's type; what does not fit is a TrainingError."""
    import pyarrow as pa

    types = {"bigint": pa.int64(), "double precision": pa.float64(), "text": pa.string()}
    try:
        return column.cast(types[TASKS[spec.task].sql_type])
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
        raise TrainingError(
            f"The label {spec.label.name}.{spec.label_column} is no {spec.task} label: {error}. "
            "Correct it in dbt/models, or the task in the model's file."
        ) from error


def _round_decimals(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Exact decimals as float64, as every model takes them; other columns as they are."""
    import pyarrow as pa

    return to_float64(column) if pa.types.is_decimal(column.type) else column
