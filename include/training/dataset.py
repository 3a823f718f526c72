"""The training set: features as they were known at each cutoff, with what happened afterwards."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Final

from include.errors import TrainingError
from include.settings.training import TrainingSettings
from include.training.cutoffs import SPLITS, Split, choose_cutoffs
from include.warehouse.arrow import read_arrow

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    import pandas as pd

KEYS: Final = ("as_of_date", "household_id")
LABEL: Final = "churned"
NOT_FEATURES: Final = frozenset({*KEYS, "split", LABEL})


@dataclass(frozen=True)
class SplitData:
    """One split as arrays, row by row.

    Attributes:
        features: float32 [n, n_features], NaN where missing.
        labels: int64 [n], 1 for churned.
        as_of_date: the newest as-of date of the split.
    """

    features: npt.NDArray[np.float32]
    labels: npt.NDArray[np.int64]
    as_of_date: date


def build_training_set(uri: str, settings: TrainingSettings) -> pd.DataFrame:
    """Join features and labels by household at the chosen cutoffs.

    Returns:
        as_of_date (date), household_id (int64), split ('train', 'validation', 'test'), churned
        (int64, 0 or 1), then one float64 column for each feature; ordered by date and household.

    Raises:
        TrainingError: too little history or too few rows, a split without enough churners or without
            customers who stayed, infinite values, or labelled households that have no features.
    """
    cutoffs = choose_cutoffs(read_labelled_dates(uri), settings)
    # Dates hold no quotes, and the Arrow driver takes no parameters here.
    wanted = ", ".join(f"date '{day.isoformat()}'" for day in cutoffs.all)
    _check_features_found(uri, wanted)
    frame = _read_rows(uri, wanted)
    frame.insert(2, "split", frame["as_of_date"].map(cutoffs.split_of))
    check_training_set(frame, settings)
    return frame


def read_labelled_dates(uri: str) -> list[date]:
    """The as-of dates that have both labels and features, ascending."""
    table = read_arrow(
        uri,
        """
        select as_of_date from features.churn_labels
        intersect
        select as_of_date from features.customer_features
        order by as_of_date
        """,
    )
    dates: list[date] = table.column("as_of_date").to_pylist()
    return dates


def _check_features_found(uri: str, wanted: str) -> None:
    missing = read_arrow(
        uri,
        f"""
        select labels.as_of_date, count(*) as households
        from features.churn_labels as labels
        where labels.as_of_date in ({wanted})
            and not exists (
                select 1
                from features.customer_features as features
                where features.as_of_date = labels.as_of_date
                    and features.household_id = labels.household_id
            )
        group by labels.as_of_date
        order by labels.as_of_date
        """,
    ).to_pylist()
    if missing:
        found = ", ".join(f"{row['households']} at {row['as_of_date']}" for row in missing)
        raise TrainingError(
            f"Labelled households without a row in features.customer_features: {found}. Leaving them out would "
            "bias the model; build the features of these dates again (build_features)."
        )


def _read_rows(uri: str, wanted: str) -> pd.DataFrame:
    frame: pd.DataFrame = read_arrow(
        uri,
        f"""
        select features.*, labels.churned
        from features.churn_labels as labels
        inner join features.customer_features as features
            on features.as_of_date = labels.as_of_date and features.household_id = labels.household_id
        where labels.as_of_date in ({wanted})
        order by labels.as_of_date, labels.household_id
        """,
    ).to_pandas(date_as_object=True)
    features = list_features(frame)
    types = {"household_id": "int64", LABEL: "int64"} | dict.fromkeys(features, "float64")
    return frame[[*KEYS, LABEL, *features]].astype(types)


def list_features(frame: pd.DataFrame) -> list[str]:
    """The feature columns of a training set, in its order."""
    return [str(name) for name in frame.columns if name not in NOT_FEATURES]


def check_training_set(frame: pd.DataFrame, settings: TrainingSettings) -> None:
    """TrainingError unless a training set can be learned from and judged by."""
    import numpy as np

    rows = int((frame["split"] == "train").sum())
    if rows < settings.min_training_rows:
        raise TrainingError(
            f"{rows} training rows, {settings.min_training_rows} are needed (min_training_rows in training.yml): "
            "ingest more days or more households."
        )
    with np.errstate(over="ignore"):
        values = frame[list_features(frame)].to_numpy(np.float32)
    infinite = [name for name, bad in zip(list_features(frame), np.isinf(values).any(axis=0), strict=True) if bad]
    if infinite:
        raise TrainingError(f"Infinite values (as float32) in {', '.join(infinite)}. Make them null in dbt/models.")
    for split in SPLITS:
        labels = frame.loc[frame["split"] == split, LABEL]
        churned = int(labels.sum())
        stayed = len(labels) - churned
        if min(churned, stayed) < settings.min_positives_per_split:
            raise TrainingError(
                f"The {split} split is one-sided: {churned} churned, {stayed} stayed, at least "
                f"{settings.min_positives_per_split} of each are needed (min_positives_per_split in training.yml)."
            )


def take_split(frame: pd.DataFrame, split: Split) -> SplitData:
    """The arrays of one split of a training set."""
    import numpy as np
    import pandas as pd

    rows = frame[frame["split"] == split]
    return SplitData(
        features=rows[list_features(frame)].to_numpy(np.float32),
        labels=rows[LABEL].to_numpy(np.int64),
        as_of_date=pd.Timestamp(rows["as_of_date"].max()).date(),
    )
