"""Features for any list of keys and as-of dates: what was known then, row by row, and nothing of later."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pyarrow as pa
import pytest

from include.errors import SourceError
from include.features.catalog import Catalog, Entity, Feature, GroupTable, Key
from include.features.read import read_features
from include.features.spine import join_features
from include.warehouse.arrow import write_arrow
from include.warehouse.names import TableName
from include.warehouse.session import open_session
from include.warehouse.trace import trace_tables

LATER = date(2024, 3, 12)


def make_spine(*rows: tuple[Any, int | None, str | None]) -> pa.Table:
    """As-of dates with the plant's two keys."""
    times, sites, parts = zip(*rows, strict=True) if rows else ((), (), ())
    return pa.table(
        {
            "as_of_date": pa.array(times, None if rows else pa.date32()),
            "site_id": pa.array(sites, pa.int64()),
            "part": pa.array(parts, pa.string()),
        }
    )


def join_plant(
    uri: str, catalog: Catalog, spine: pa.Table, names: Sequence[str] = ("readings", "repairs"), **options: Any
) -> pa.Table:
    """The spine with the features of the plant's groups."""
    groups = [catalog.groups[name] for name in names]
    features = [feature for group in groups for feature in group.features]
    return join_features(uri, groups[0].entity, [group.location for group in groups], features, spine, **options)


def list_facts(table: pa.Table) -> list[tuple[float | None, float | None]]:
    """Heat and repairs of each row; both are the day of the month that they are of."""
    return [
        (row["heat"], None if row["repairs_28d"] is None else float(row["repairs_28d"])) for row in table.to_pylist()
    ]


def test_each_row_has_the_newest_of_every_group_in_the_order_and_number_of_the_spine(
    plant_uri: str, catalog: Catalog
) -> None:
    """Readings are daily until the 21st, repairs of Mondays (4th, 11th, 18th) and of the fan only."""
    spine = make_spine(
        (date(2024, 3, 12), 1, "fan"),
        (date(2024, 3, 3), 1, "pump"),
        (date(2024, 3, 12), 1, "fan"),
        (date(2024, 2, 29), 1, "fan"),
        (date(2024, 3, 4), 1, "fan"),
        (date(2024, 3, 12), 2, "fan"),
        (date(2025, 1, 1), 1, "fan"),
        (date(2024, 3, 12), 1, "belt"),
    ).append_column("note", pa.array(list("abcdefgh")))

    table = join_plant(plant_uri, catalog, spine)

    assert table.select(spine.column_names).equals(spine)
    assert table.column_names == [*spine.column_names, "heat", "is_new", "maker", "repairs_28d"]
    assert list_facts(table) == [
        (12.0, 11.0), (3.0, None), (12.0, 11.0), (None, None), (4.0, 4.0), (None, None), (21.0, 18.0), (None, None),
    ]  # fmt: skip
    assert table.column("maker").to_pylist()[:2] == [None, "pump"]


def test_at_the_dates_of_the_first_group_it_answers_as_read_features(plant_uri: str, catalog: Catalog) -> None:
    groups = [catalog.groups["readings"], catalog.groups["repairs"]]
    features = [feature for group in groups for feature in group.features]
    days = [date(2024, 3, 3), date(2024, 3, 4), date(2024, 3, 20)]
    expected = read_features(plant_uri, groups[0].entity, [group.location for group in groups], features, days)
    assert expected.num_rows == 6

    table = join_plant(plant_uri, catalog, expected.select(["as_of_date", "site_id", "part"]))

    assert table.to_pylist() == expected.to_pylist()


def test_rows_that_came_later_leave_no_trace(plant_uri: str, catalog: Catalog) -> None:
    """Neither later rows of the same entities, nor entities and groups that begin later."""
    spine = make_spine(*((date(2024, 3, day), 1, part) for part in ("fan", "pump") for day in (1, 11, 12)))
    before = join_plant(plant_uri, catalog, spine)
    assert before.column("heat").null_count == 0

    with open_session(plant_uri) as session:
        session.execute("update features.readings set heat = -1, maker = 'later' where as_of_date > %s", (LATER,))
        session.execute("update features.repairs set repairs_28d = -1 where as_of_date > %s", (LATER,))
        for table in ("readings", "repairs"):
            columns = "repairs_28d" if table == "repairs" else "heat"
            session.execute(
                f"insert into features.{table} (as_of_date, site_id, part, {columns}) "
                "select %s + days, site, part, -1 from generate_series(1, 400) as days, unnest(array[1, 2]) as site, "
                "unnest(array['fan', 'pump', 'belt']) as part where days > 30",
                (LATER,),
            )

    assert join_plant(plant_uri, catalog, spine).equals(before)


def test_a_correction_of_what_was_known_changes_the_rows_at_and_after_it_only(plant_uri: str, catalog: Catalog) -> None:
    spine = make_spine(*((date(2024, 3, day), 1, "fan") for day in (10, 11, 12)))
    with open_session(plant_uri) as session:
        session.execute("update features.repairs set repairs_28d = 99 where as_of_date = '2024-03-11'")
        session.execute("delete from features.readings where as_of_date = '2024-03-11'")

    assert list_facts(join_plant(plant_uri, catalog, spine)) == [(10.0, 4.0), (10.0, 99.0), (12.0, 99.0)]


def test_a_moment_is_its_day_up_to_the_last_microsecond(plant_uri: str, catalog: Catalog) -> None:
    midnight = datetime(2024, 3, 11)
    moments = [midnight - timedelta(microseconds=1), midnight, midnight + timedelta(hours=23, minutes=59)]
    before_1970 = datetime(1969, 12, 31, 23, 59)
    with open_session(plant_uri) as session:
        session.execute(
            "insert into features.readings values ('1970-01-01', 1, 'fan', 70), ('1969-12-31', 1, 'fan', 69)"
        )

    table = join_plant(plant_uri, catalog, make_spine(*((moment, 1, "fan") for moment in [*moments, before_1970])))

    assert list_facts(table) == [(10.0, 4.0), (11.0, 11.0), (11.0, 11.0), (69.0, None)]
    assert table.column("as_of_date").to_pylist()[0] == moments[0]


def test_a_row_that_is_too_old_does_not_count(plant_uri: str, catalog: Catalog) -> None:
    spine = make_spine(*((date(2024, 3, day), 1, "fan") for day in (13, 14, 21, 22)))

    table = join_plant(plant_uri, catalog, spine, max_age_days={"repairs": 2, "readings": 0})

    assert list_facts(table) == [(13.0, 11.0), (14.0, None), (21.0, None), (None, None)]


def test_the_age_of_an_unknown_group_is_refused(plant_uri: str, catalog: Catalog) -> None:
    with pytest.raises(SourceError, match="max_age_days names 'repair', which is none of the groups readings, repairs"):
        join_plant(plant_uri, catalog, make_spine((LATER, 1, "fan")), max_age_days={"repair": 2})


def test_dates_that_validation_has_refused_do_not_count_for_their_group(plant_uri: str, catalog: Catalog) -> None:
    with open_session(plant_uri) as session:
        session.execute(
            "insert into quality.feature_dates (group_name, as_of_date, version, row_count, content_hash, build_key, "
            "state) select 'readings', day, 1, 2, 1, 'run', state from unnest(array[date '2024-03-11', '2024-03-12', "
            "'2024-03-13'], array['refused', 'refused', 'published']) as seen (day, state)"
        )

    table = join_plant(plant_uri, catalog, make_spine(*((date(2024, 3, day), 1, "fan") for day in (11, 12, 13))))

    assert list_facts(table) == [(10.0, 11.0), (10.0, 11.0), (13.0, 11.0)]


def test_ties_of_a_table_whose_key_allows_them_are_broken_by_the_text_of_the_row(
    plant_uri: str, catalog: Catalog
) -> None:
    with open_session(plant_uri) as session:
        session.execute("insert into features.readings select as_of_date, site_id, part, 500 from features.readings")
        session.execute("insert into features.readings select * from features.readings where heat = 500")
        session.execute("alter table features.readings add id bigserial, add primary key (as_of_date, id)")

    table = join_plant(plant_uri, catalog, make_spine((LATER, 1, "fan"), (date(2024, 3, 6), 1, "fan")))

    assert list_facts(table) == [(12.0, 11.0), (500.0, 4.0)], (
        "'(2024-03-12,1,fan,12,…' is before '(…,500,…', 6 after it"
    )


def test_a_spine_without_rows_has_the_features_with_their_types(plant_uri: str, catalog: Catalog) -> None:
    table = join_plant(plant_uri, catalog, make_spine())
    full = join_plant(plant_uri, catalog, make_spine((LATER, 1, "fan")))

    assert table.num_rows == 0
    assert table.schema.names == full.schema.names
    assert table.schema.field("heat").type == pa.float64()


def test_the_lineage_names_the_groups_tables(plant_uri: str, catalog: Catalog) -> None:
    with trace_tables() as trace:
        join_plant(plant_uri, catalog, make_spine((LATER, 1, "fan")))
    read = {table for table in trace.reads if table.schema == "features"}
    assert read == {TableName("features", "readings"), TableName("features", "repairs")}
    assert trace.writes == {}


@pytest.mark.parametrize("change", ["drop table features.readings", "alter table features.readings drop column heat"])
def test_a_table_or_column_that_is_gone_is_named_with_its_group(plant_uri: str, catalog: Catalog, change: str) -> None:
    with open_session(plant_uri) as session:
        session.execute(change)
    with pytest.raises(SourceError, match=r"the feature groups readings is gone: .*(heat|readings)"):
        join_plant(plant_uri, catalog, make_spine((LATER, 1, "fan")), names=["readings"])


ENTITY = Entity(
    "slot", (Key("site", "integer"), Key("part", "text"), Key("token", "uuid"), Key("installed_on", "date"))
)
TOKEN = "6f1c0d2e-0000-4000-8000-000000000001"


def describe_spine() -> dict[str, pa.Array]:
    """One good row of the entity with keys of every type."""
    return {
        "as_of_date": pa.array([LATER]), "site": pa.array([1]), "part": pa.array(["fan"]), "token": pa.array([TOKEN]),
        "installed_on": pa.array([date(2020, 1, 1)]),
    }  # fmt: skip


FEATURE = Feature("heat", "numeric", "slots")
GROUP = GroupTable("slots", TableName("features", "slots"), None, "as_of_date", 1)


@pytest.mark.parametrize(
    ("column", "values", "words"),
    [
        ("part", None, "no column 'part': it has as_of_date, site, token, installed_on.* of slot: site, part, token"),
        ("as_of_date", None, "no column 'as_of_date'"),
        ("as_of_date", pa.array([None], pa.date32()), "'as_of_date' is null in 1 of 1 rows, first in row 0"),
        ("as_of_date", pa.array([1]), "'as_of_date' is of type int64; it is dates"),
        ("as_of_date", pa.array([datetime(2024, 3, 1, tzinfo=UTC)]), "its days depend on a time zone"),
        ("site", pa.array([None], pa.int64()), "'site' is null in 1 of 1 rows"),
        ("site", pa.array([1.0]), "'site' is of type double; the key is integers"),
        ("site", pa.array(["1"]), "'site' is of type string; the key is integers"),
        ("site", pa.array([2**64 - 1], pa.uint64()), "'site' does not fit the key: .*18446744073709551615"),
        ("part", pa.array([1]), "'part' is of type int64; the key is text"),
        ("part", pa.array([None]), "'part' is null"),
        ("token", pa.array(["no-uuid"]), "'token' holds 'no-uuid', which is no UUID"),
        ("token", pa.array([1]), "'token' is of type int64; the key is UUIDs"),
        ("installed_on", pa.array(["2020-01-01"]), "'installed_on' is of type string; the key is dates"),
        ("heat", pa.array([1.0]), "has a column 'heat', as the feature is called"),
    ],
)
def test_a_spine_that_cannot_be_joined_says_why(column: str, values: pa.Array | None, words: str) -> None:
    columns = describe_spine()
    columns.pop(column, None)
    if values is not None:
        columns[column] = values
    with pytest.raises(SourceError, match=f"spine.*{words}"):
        join_features("postgresql://nowhere.invalid/", ENTITY, [GROUP], [FEATURE], pa.table(columns))


def test_a_column_that_stands_twice_in_the_spine_is_refused() -> None:
    columns = describe_spine()
    spine = pa.table([*columns.values(), columns["site"]], names=[*columns, "site"])
    with pytest.raises(SourceError, match="two columns 'site'"):
        join_features("postgresql://nowhere.invalid/", ENTITY, [GROUP], [FEATURE], spine)


@pytest.mark.parametrize(
    ("key", "few_rows"), [("site, part, token, installed_on, as_of_date", 0), ("", 501), ("site, as_of_date", 501)]
)
def test_random_rows_of_four_keys_agree_with_pandas(
    warehouse_uri: str, monkeypatch: pytest.MonkeyPatch, key: str, few_rows: int
) -> None:
    """Whatever key the table declares, and for large and small spines; a site is one slot, so it may be the key."""
    import numpy as np
    import pandas as pd

    monkeypatch.setattr("include.features.spine.FEW_ROWS", few_rows)
    dice = np.random.default_rng(5)
    slots = pd.DataFrame({"site": range(40)})
    slots["part"] = [f"pär't {number % 3}" for number in slots.site]
    slots["token"] = [str(uuid.UUID(int=number * 10**30)) for number in slots.site]
    slots["installed_on"] = [date(2020, 1, 1) + timedelta(days=int(number) % 5) for number in slots.site]
    keys = list(slots.columns)
    begin = pd.Timestamp("2024-01-01")
    entries = slots.sample(600, replace=True, random_state=1)
    entries["as_of_date"] = begin + pd.to_timedelta(dice.integers(0, 90, 600), unit="D")
    entries = entries.drop_duplicates(["site", "as_of_date"]).query("site < 35")
    entries["heat"] = np.where(dice.random(len(entries)) < 0.1, np.nan, dice.normal(size=len(entries)))
    asked = slots.sample(500, replace=True, random_state=2).reset_index(drop=True)
    asked["as_of_date"] = begin + pd.to_timedelta(dice.integers(-5 * 1440, 95 * 1440, 500), unit="min")

    stored = pa.Table.from_pandas(entries.astype({"as_of_date": "datetime64[ms]"}), preserve_index=False)
    stored = stored.set_column(4, "as_of_date", stored.column("as_of_date").cast(pa.date32()))
    write_arrow(warehouse_uri, "features.slots", stored)
    with open_session(warehouse_uri) as session:
        session.execute("alter table features.slots alter token type uuid using token::uuid")
        if key:
            session.execute(f"alter table features.slots add primary key ({key})")
    table = join_features(warehouse_uri, ENTITY, [GROUP], [FEATURE], pa.Table.from_pandas(asked, preserve_index=False))

    expected = pd.merge_asof(
        asked.reset_index().sort_values("as_of_date"), entries.sort_values("as_of_date"), on="as_of_date", by=keys
    ).sort_values("index")
    assert expected.heat.notna().sum() > 200
    assert expected.heat.isna().sum() > 50
    np.testing.assert_array_equal(table.column("heat").to_pandas(), expected.heat)


def test_uuids_as_the_warehouse_returns_them_are_keys_too(warehouse_uri: str) -> None:
    with open_session(warehouse_uri) as session:
        session.execute(
            "create table features.slots as select date '2024-03-12' as as_of_date, 1::smallint as site, "
            f"'fan' as part, '{TOKEN}'::uuid as token, date '2020-01-01' as installed_on, 7.0::float8 as heat"
        )
    spine = read_features(warehouse_uri, ENTITY, [GROUP], [], [LATER])
    assert spine.column("token").type == pa.uuid()

    assert join_features(warehouse_uri, ENTITY, [GROUP], [FEATURE], spine).column("heat").to_pylist() == [7.0]
