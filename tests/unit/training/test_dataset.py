"""The training set holds the labelled entities of the chosen dates, whatever their keys and features are."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

import numpy as np
import pandas as pd
import pytest

from include.errors import SourceError, TrainingError
from include.features.catalog import Entity, Feature, FeatureGroup, Key, LabelTable
from include.features.spec import ModelSpec
from include.settings.training import TrainingSettings
from include.training.dataset import build_training_set
from include.training.splits import read_training_data
from include.warehouse.arrow import read_table, write_arrow
from include.warehouse.frames import from_frame, to_frame
from include.warehouse.names import TableName
from include.warehouse.session import open_session
from include.warehouse.trace import trace_tables
from tests.model.machines import load_training

TEST = date(2017, 12, 4)
SITE_PART = Entity(
    "site_part", (Key("site_id", "integer"), Key("part", "text"), Key("token", "uuid"), Key("installed_on", "date"))
)
PARTS = FeatureGroup(
    "part_features", "", "owner", 1, SITE_PART, "day", TableName("features", "part_features"), None, 7,
    tuple(
        Feature(name, kind, "part_features")
        for name, kind in {
            "wear": "numeric", "price": "numeric", "uses": "numeric", "is_spare": "boolean", "colour": "categorical",
        }.items()
    ),
    {},
)  # fmt: skip
WEATHER = FeatureGroup(
    "part_weather", "", "owner", 2, SITE_PART, "seen_on", TableName("features", "part_weather"), None, 28,
    (Feature("rain", "numeric", "part_weather"),), {},
)  # fmt: skip
LABELS = LabelTable(
    "part_labels", "", "owner", SITE_PART, "day", TableName("features", "part_labels"), 28,
    {"units": "regression", "failed": "binary", "grade": "multiclass"},
)  # fmt: skip
SPEC = ModelSpec(
    "parts", "regression", SITE_PART, LABELS, "units", (PARTS, WEATHER), (*PARTS.features, *WEATHER.features)
)
BINARY = replace(SPEC, task="binary", label_column="failed")
GRADE = replace(SPEC, task="multiclass", label_column="grade")


@pytest.fixture
def limits() -> TrainingSettings:
    """Settings for 200 parts."""
    return load_training("regression", training_cutoffs=4, training_cutoff_spacing_days=28, min_split_count=20)


@pytest.fixture
def uri(warehouse_uri: str) -> str:
    """200 parts on 21 Mondays with three labels; the weather of each part was seen twice."""
    with open_session(warehouse_uri) as session:
        session.execute(
            f"""
            create table features.part_features as
            select
                (n / 2)::bigint as site_id,
                'part ' || n % 2 as part,
                md5(n::text)::uuid as token,
                date '2015-01-01' + n as installed_on,
                day::date as day,
                case when n % 3 = 0 then null else n::real end as wear,
                (n * 1.25)::numeric(12, 2) as price,
                case when n % 7 = 0 then null else n::integer end as uses,
                case when n % 5 = 0 then null else n % 2 = 0 end as is_spare,
                case when n % 4 = 0 then null when n % 3 = 0 then 'red' else 'blue' end as colour
            from generate_series(date '{TEST}' - 7 * 20, date '{TEST}', interval '7 days') as day
            cross join generate_series(1, 200) as n
            """
        )
        session.execute(
            """
            create table features.part_labels as
            select
                site_id, part, token, installed_on, day, (price / 2)::double precision as units,
                uses is null as failed, coalesce(colour, 'none') as grade
            from features.part_features
            """
        )
        session.execute(
            f"""
            create table features.part_weather as
            select distinct site_id, part, token, installed_on, seen_on, extract(day from seen_on) as rain
            from features.part_features
            cross join (values (date '{TEST}' - 30), (date '{TEST}' - 1), (date '{TEST}' + 1)) as seen (seen_on)
            """
        )
    return warehouse_uri


def execute(uri: str, sql: str) -> None:
    with open_session(uri) as session:
        session.execute(sql)


def test_it_joins_what_was_known_at_each_date_with_what_followed(uri: str, limits: TrainingSettings) -> None:
    frame = build_training_set(uri, SPEC, limits)
    keys = ["site_id", "part", "token", "installed_on"]
    features = ["wear", "price", "uses", "is_spare", "colour", "rain"]
    assert list(frame.columns) == ["as_of_date", *keys, "split", "label", *features]
    assert dict(frame.groupby("split")["as_of_date"].nunique()) == {"test": 1, "train": 4, "validation": 1}
    assert len(frame) == 6 * 200
    assert not frame.duplicated(["as_of_date", *keys]).any()
    assert (frame["label"] == frame["price"] / 2).all()
    assert frame.equals(frame.sort_values(["as_of_date", *keys]))


def test_without_time_the_entities_of_the_newest_date_are_split_by_their_keys(
    uri: str, limits: TrainingSettings
) -> None:
    by_entity = limits.model_copy(update={"split": "entity", "min_training_rows": 50})
    frame = build_training_set(uri, SPEC, by_entity)
    assert set(frame["as_of_date"]) == {TEST}
    assert len(frame) == 200
    assert set(frame["split"]) == {"train", "validation", "test"}
    execute(uri, f"delete from features.part_labels where site_id % 3 = 0 or day < date '{TEST}'")
    fewer = build_training_set(uri, SPEC, by_entity)
    assert 0 < len(fewer) < 200
    keys = ["site_id", "part", "token", "installed_on"]
    both = fewer.merge(frame, on=keys)
    assert len(both) == len(fewer)
    assert (both["split_x"] == both["split_y"]).all()


def test_without_time_and_without_labels_it_stops(uri: str, limits: TrainingSettings) -> None:
    execute(uri, "delete from features.part_labels")
    with pytest.raises(TrainingError, match=r"both labels \(features\.part_labels\) and features"):
        build_training_set(uri, SPEC, limits.model_copy(update={"split": "entity"}))


def test_a_slower_group_adds_what_was_known_by_then(uri: str, limits: TrainingSettings) -> None:
    frame = build_training_set(uri, SPEC, limits)
    rain = {split: set(values) for split, values in frame.groupby("split")["rain"]}
    assert rain["test"] == {(TEST - timedelta(days=1)).day}
    assert all(np.isnan(value) for value in rain["train"])


@pytest.mark.parametrize(
    ("spec", "kind", "values"),
    [(BINARY, "int64", {0, 1}), (GRADE, "object", {"red", "blue", "none"}), (SPEC, "float64", None)],
    ids=["binary", "multiclass", "regression"],
)
def test_the_label_has_the_type_of_its_task(
    uri: str, limits: TrainingSettings, spec: ModelSpec, kind: str, values: set[object] | None
) -> None:
    label = build_training_set(uri, spec, limits)["label"]
    assert str(label.dtype) == kind
    assert values is None or set(label) == values


@pytest.mark.parametrize("spec", [BINARY, GRADE, SPEC], ids=["binary", "multiclass", "regression"])
def test_a_trip_through_a_table_changes_nothing_for_the_model(
    uri: str, limits: TrainingSettings, spec: ModelSpec
) -> None:
    frame = build_training_set(uri, spec, limits)
    write_arrow(uri, "ml.parts_training_set", from_frame(frame), "replace")
    back = to_frame(read_table(uri, "ml.parts_training_set"))
    first, second = read_training_data(frame, spec, limits), read_training_data(back, spec, limits)
    assert (first.features, first.classes) == (second.features, second.classes)
    for name in ("train", "validation", "test"):
        one, other = getattr(first, name), getattr(second, name)
        np.testing.assert_array_equal(one.matrix.numeric, other.matrix.numeric)
        np.testing.assert_array_equal(one.matrix.categorical, other.matrix.categorical)
        np.testing.assert_array_equal(one.labels, other.labels)
        assert one.as_of_date == other.as_of_date
    test = second.test
    assert test.as_of_date == TEST
    assert set(test.matrix.column("is_spare")[~np.isnan(test.matrix.column("is_spare"))]) == {0.0, 1.0}
    assert set(test.matrix.column("colour")) == {"red", "blue", ""}


def test_entities_and_dates_without_labels_stay_out(uri: str, limits: TrainingSettings) -> None:
    execute(uri, "delete from features.part_labels where site_id = 7")
    execute(uri, f"insert into features.part_features select site_id, part, token, installed_on, '{TEST}'::date + 7, "
                 f"wear, price, uses, is_spare, colour from features.part_features where day = '{TEST}'")  # fmt: skip
    frame = build_training_set(uri, SPEC, limits)
    assert 7 not in set(frame["site_id"])
    assert frame["as_of_date"].max() == TEST


@pytest.mark.parametrize("group", ["part_features", "part_weather"])
def test_dates_that_the_validation_has_refused_stay_out(uri: str, limits: TrainingSettings, group: str) -> None:
    execute(uri, "insert into quality.feature_dates (group_name, as_of_date, version, row_count, content_hash, "
                 f"build_key, state) select '{group}', day, 1, 200, '', 'run', case when day = '{TEST}' then 'refused' "
                 "else 'published' end from (select distinct day from features.part_features) as dates")  # fmt: skip
    assert build_training_set(uri, SPEC, limits)["as_of_date"].max() == TEST - timedelta(days=7)


def test_it_reports_the_tables_that_it_read(uri: str, limits: TrainingSettings) -> None:
    with trace_tables() as trace:
        build_training_set(uri, SPEC, limits)
    found = {str(table) for table in trace.reads}
    features = {"features.part_features", "features.part_weather", "features.part_labels"}
    assert found == {*features, "quality.feature_dates"}
    assert not trace.writes


def test_labelled_entities_without_features_stop_it(uri: str, limits: TrainingSettings) -> None:
    execute(uri, f"delete from features.part_features where day = '{TEST}' and site_id <= 2")
    with pytest.raises(TrainingError, match=r"Labelled entities \(site_part\) without .*: 5 at 2017-12-04"):
        build_training_set(uri, SPEC, limits)


def test_an_entity_that_a_further_group_does_not_know_stays_in(uri: str, limits: TrainingSettings) -> None:
    execute(uri, "delete from features.part_weather where site_id = 3")
    frame = build_training_set(uri, SPEC, limits)
    assert frame.loc[frame["site_id"] == 3, "rain"].isna().all()
    assert len(frame) == 6 * 200


def test_no_labels_stop_it(uri: str, limits: TrainingSettings) -> None:
    execute(uri, "delete from features.part_labels")
    with pytest.raises(TrainingError, match="No as-of date has both labels and features yet"):
        build_training_set(uri, SPEC, limits)


def test_a_table_that_is_gone_stops_it_with_its_group_named(uri: str, limits: TrainingSettings) -> None:
    execute(uri, "drop table features.part_weather")
    with pytest.raises(SourceError, match="part_weather"):
        build_training_set(uri, SPEC, limits)


@pytest.mark.parametrize(
    ("spec", "change", "problem"),
    [
        (BINARY, "failed = null where site_id = 3", "A binary label holds None"),
        (SPEC, "units = null where site_id = 3", "never null"),
        (SPEC, "units = 'nan' where site_id = 3", "never null"),
        (GRADE, "grade = null where site_id = 3", "null"),
        (GRADE, f"grade = 'new' where day = '{TEST}' and site_id = 3", "new, which the training rows do not have"),
        (GRADE, "grade = 'one'", "at least 2 are needed"),
        (SPEC, "units = 7", "All labels of the train split are equal"),
        (
            BINARY,
            f"failed = false where day = '{TEST}'",
            "The test split is too small: it has 0 positive, 200 negative",
        ),
        (replace(BINARY, label_column="grade"), "grade = 'yes'", "part_labels.grade is no binary label"),
        (replace(BINARY, label_column="units"), "units = 2", "A binary label holds 2"),
        (replace(BINARY, label_column="units"), "units = 0.5", "part_labels.units is no binary label"),
    ],
)
def test_a_label_that_is_none_stops_it(
    uri: str, limits: TrainingSettings, spec: ModelSpec, change: str, problem: str
) -> None:
    execute(uri, f"update features.part_labels set {change}")
    with pytest.raises(TrainingError, match=problem):
        build_training_set(uri, spec, limits)


@pytest.mark.parametrize("column", ["label", "split", "as_of_date"])
def test_a_feature_called_like_a_column_of_the_training_set_is_refused(
    uri: str, limits: TrainingSettings, column: str
) -> None:
    spec = replace(SPEC, features=(*SPEC.features, Feature(column, "numeric", "part_features")))
    with pytest.raises(TrainingError, match=f"a column '{column}' of its own"):
        build_training_set(uri, spec, limits)


def test_a_good_training_set_is_a_frame_of_plain_types(uri: str, limits: TrainingSettings) -> None:
    frame = build_training_set(uri, SPEC, limits)
    assert isinstance(frame, pd.DataFrame)
    types = {name: str(frame[name].dtype) for name in ("site_id", "part", "token", "wear", "price", "uses", "is_spare")}
    assert types == {
        "site_id": "int64", "part": "object", "token": "object", "wear": "float32", "price": "float64",
        "uses": "Int32", "is_spare": "boolean",
    }  # fmt: skip
    assert isinstance(frame["as_of_date"].iloc[0], date)
    assert isinstance(frame["token"].iloc[0], str)


def test_an_entity_that_has_two_labels_at_one_date_is_refused(uri: str, limits: TrainingSettings) -> None:
    with open_session(uri) as session:
        session.execute(
            "insert into features.part_labels select * from features.part_labels where site_id = 3 and part = 'part 1' "
            f"and day = '{TEST}'"
        )
    with pytest.raises(TrainingError, match=r"1 pairs .* more than once, such as site_id 3, part part 1.*\(2 rows\)"):
        build_training_set(uri, SPEC, limits)
