"""Which sources a model can use beside its own, what is made of them, and what is refused."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest
import yaml

from include.adopt.dialogue import Wishes
from include.adopt.first_model import write_model
from include.adopt.fitting_sources import find_fitting
from include.adopt.model_plan import MAX_FEATURES, ModelPlan, plan_model
from include.adopt.model_request import ModelRequest
from include.errors import OrreryError, SettingsError
from include.settings.section import parse_section
from include.settings.sources import SourceSettings
from tests.unit.adopt.dbt_plant import SOURCES, House, make_house

HALLS = {
    "halls": {
        "kind": "files", "path": "halls/{day}.csv", "format": "csv", "grain": "snapshot", "key": ["hall"],
        "columns": {"hall": {"type": "string"}, "size": {"type": "int64"}},
    },
    "shifts": {
        "kind": "files", "path": "shifts/{day}.csv", "format": "csv", "grain": "snapshot", "key": ["machine_id", "no"],
        "columns": {"machine_id": {"type": "int64"}, "no": {"type": "int64"}, "hours": {"type": "float64"}},
    },
    "texts": {
        "kind": "files", "path": "texts/{day}.csv", "format": "csv", "grain": "snapshot", "key": ["machine_id"],
        "columns": {"machine_id": {"type": "string"}, "power": {"type": "float64"}},
    },
}  # fmt: skip


def read_sources() -> SourceSettings:
    """The plant's sources, and lists of halls, of shifts, and of machines whose ids are texts."""
    content = yaml.safe_load(SOURCES)
    content["sources"] |= HALLS
    return parse_section(content, SourceSettings, "development", "sources.yml")


def request(**asked: Any) -> ModelRequest:
    """A model of readings of machines."""
    usual = {"name": "lapse", "entity": ("machine_id",), "events": "readings", "label": "no readings in 28 days"}
    return ModelRequest(**{**usual, **asked})


def plan(**asked: Any) -> ModelPlan:
    """Its plan."""
    return plan_model(request(**asked), read_sources())


def test_what_names_the_entity_fits() -> None:
    assert find_fitting(request(), read_sources()) == ("pings", "machines")
    assert find_fitting(request(entity=("Hall Name",)), read_sources()) == ("halls",)
    assert find_fitting(request(events="pings", label="no pings in 3 days"), read_sources()) == ("readings", "machines")
    assert find_fitting(request(events="machines"), read_sources()) == ()


def test_what_would_be_called_by_too_long_a_name_is_left_out() -> None:
    sources = read_sources()
    long_name = "p" * 30
    content = sources.sources | {long_name: sources.sources["pings"]}
    assert find_fitting(request(), sources.model_copy(update={"sources": content})) == ("pings", "machines")


def test_features_are_called_by_their_source() -> None:
    made = plan(events="pings", label="no pings in 3 days", also=("readings", "machines"))
    names = {feature.name for feature in made.event_features}
    assert {"recency_days", "pings_7d", "readings_recency_days", "readings_7d", "readings_heat_sum_7d"} <= names
    assert [(one.name, one.data_type) for one in made.list_features] == [
        ("machines_power", "double precision"), ("machines_site", "text"),
    ]  # fmt: skip


def test_an_entity_without_events_has_numbers_where_nothing_is_a_number() -> None:
    made = plan(events="pings", label="no pings in 3 days", also=("readings",))
    required = {feature.name for feature in made.further[0].features if feature.is_required}
    assert {"readings_7d", "readings_active_days_84d", "readings_heat_sum_28d", "readings_trend_28d"} <= required
    assert not required & {"readings_recency_days", "readings_tenure_days", "readings_gap_mean_days"}


def test_of_a_list_names_texts_and_times_are_asked_about() -> None:
    said = "\n".join(plan(also=("machines",)).lists[0].questions)
    for name in (
        "machines_note is text of many values",
        "machines_maker_id looks like a name",
        "machines_broke_on is a",
    ):
        assert name in said
    assert "the copy counts that is dated before" in said


def test_the_names_of_the_models_say_their_source() -> None:
    made = plan(also=("pings", "machines"))
    assert made.further[0].own_models == {
        kind: f"int_machine_pings_{kind}" for kind in ("event_days", "days", "windows", "rhythm")
    }
    assert made.others == ("halls", "shifts", "texts")


def test_more_features_than_a_row_can_hold_are_refused_and_not_chosen() -> None:
    sources = read_sources()
    pings = sources.sources["pings"]
    columns = {**pings.columns, **{f"n{number}": pings.columns["machine_id"] for number in range(120)}}
    wide = {**sources.sources, "pings": pings.model_copy(update={"columns": columns})}
    sources = sources.model_copy(update={"sources": wide})

    assert find_fitting(request(), sources) == ("machines",)
    with pytest.raises(SettingsError, match="room for 900"):
        plan_model(request(also=("pings",)), sources)
    with pytest.raises(SettingsError, match="room for 900"):
        plan_model(request(events="pings", label="no pings in 3 days"), sources)


def test_as_many_features_as_are_allowed_fit_into_a_row(warehouse_uri: str) -> None:
    columns = ", ".join(f"n{number} double precision not null" for number in range(MAX_FEATURES))
    with psycopg.connect(warehouse_uri) as connection:
        connection.execute(f"create table widest (as_of_date date, a bigint, b uuid, c text, {columns})")
        values = ", ".join(["1"] * MAX_FEATURES)
        connection.execute(
            f"insert into widest values ('2026-01-01', 1, gen_random_uuid(), repeat('x', 200), {values})"
        )


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"also": ("readings",)}, "used already"),
        ({"also": ("pings", "pings")}, "once"),
        ({"also": ("ping",)}, "'pings'"),
        ({"also": ("halls",)}, "does not name the entity"),
        ({"also": ("shifts",)}, "several rows of one machine"),
        ({"also": ("texts",)}, "is a text"),
        ({"also": ("pings",), "group": "g" * 34}, "int_" + "g" * 34 + "_pings_event_days"),
    ],
)
def test_what_cannot_be_used_is_said_with_its_reason(asked: dict[str, Any], said: str) -> None:
    with pytest.raises(OrreryError) as caught:
        plan(**asked)
    assert said in str(caught.value)


@pytest.fixture
def house(tmp_path: Any) -> House:
    """A house without models."""
    return make_house(tmp_path)


def test_a_flat_table_has_no_further_sources(house: House) -> None:
    with pytest.raises(SettingsError, match="ALSO names pings"):
        house.declare("x", "--entity", "machine_id", "--events", "machines", "--label", "site", "--also", "pings")


@pytest.mark.parametrize(("also", "is_used"), [(None, True), ("none", False), ("machines", False)])
def test_a_first_model_uses_what_fits_unless_it_is_told(
    house: House, monkeypatch: pytest.MonkeyPatch, also: str | None, is_used: bool
) -> None:
    monkeypatch.setenv("ORRERY_CONFIG_DIR", str(house.config))
    wishes = Wishes("lapse", "machine_id", "readings", "no readings in 28 days", also=also)

    write_model(wishes, house.config, "development", print, house.dbt)

    written = (house.dbt / "models" / "marts" / "machine_features.sql").read_text()
    assert ("int_machine_pings_windows" in written) is is_used
    assert ("stg_machines" in written) is (also != "none")


def test_a_second_model_uses_the_staging_models_that_are_there(house: House) -> None:
    first = ("lapse", "--entity", "machine_id", "--events", "readings", "--label", "no readings in 28 days")
    house.declare(*first, "--also", "pings,machines")
    before = house.list_files()

    second = ("rush", "--entity", "machine_id", "--events", "readings", "--label", "count in 28 days")
    house.declare(*second, "--also", "pings,machines")
    third = ("calm", "--entity", "machine_id", "--events", "pings", "--label", "no pings in 7 days", "--group", "calm")
    house.declare(*third, "--also", "machines")

    after = house.list_files()
    changed = {path for path in before if after[path] != before[path]}
    assert changed == {"dbt/dbt_project.yml"}


def test_a_list_whose_staging_model_lacks_its_period_is_refused(house: House) -> None:
    folder = house.dbt / "models" / "staging"
    (folder / "stg_machines.sql").write_text("select machine_id from raw.machines")
    columns = [{"name": "machine_id", "description": "Machine."}]
    (folder / "stg_machines.yml").write_text(yaml.safe_dump({"models": [{"name": "stg_machines", "columns": columns}]}))
    asked = ("lapse", "--entity", "machine_id", "--events", "readings", "--label", "no readings in 28 days")
    with pytest.raises(SettingsError, match="lists no column 'valid_from'"):
        house.declare(*asked, "--also", "machines")
