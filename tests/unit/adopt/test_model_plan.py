"""What is made of a declared source: names, keys, features, label; and one clear sentence where that cannot be."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from include.adopt.model_plan import ModelPlan, plan_model
from include.adopt.model_request import ModelRequest
from include.errors import OrreryError
from include.settings.section import parse_section
from include.settings.sources import SourceSettings
from tests.unit.adopt.dbt_plant import SOURCES


def plan(changes: dict[str, Any] | None = None, staged: list[str] | None = None, **asked: Any) -> ModelPlan:
    """The plan of a model on the plant's readings; ``changes`` are of the columns."""
    content = yaml.safe_load(SOURCES)
    columns = content["sources"]["readings"]["columns"]
    for name, settings in (changes or {}).items():
        columns[name] = settings
    defaults = {"name": "lapse", "entity": ("machine_id",), "events": "readings", "label": "no readings in 28 days"}
    sources = parse_section(content, SourceSettings, "development", "sources.yml")
    return plan_model(
        ModelRequest(**{**defaults, **asked}),
        sources,
        None if staged is None else {asked.get("events", "readings"): staged},
    )


def test_names_come_from_entity_and_source() -> None:
    made = plan()

    assert made.entity.name == "machine"
    assert made.group == "machine_features"
    assert made.models["days"] == "int_machine_days"
    assert made.models["labels"] == "lapse_labels"
    assert made.var_values == {
        "lapse_horizon_days": 28, "machine_active_window_days": 56, "machine_history_days": 84,
        "machine_daily_as_of_days": 28,
    }  # fmt: skip


def test_a_group_of_ones_own_names_what_is_made_of_it() -> None:
    made = plan(group="heat_features")
    assert made.models["windows"] == "int_heat_windows"
    assert "heat_history_days" in made.var_values
    assert made.entity.name == "machine"


def test_several_keys_make_one_entity() -> None:
    made = plan(entity=("machine_id", "Hall Name"))
    assert made.entity.name == "machine_hall"
    assert [(key.name, key.sql_type) for key in made.entity.keys] == [("machine_id", "bigint"), ("hall", "text")]


def test_columns_become_what_they_allow() -> None:
    names = {feature.name: feature for feature in plan().event_features}

    for name in ("readings_7d", "heat_sum_84d", "heat_mean_28d", "order_value_sum_7d", "part_id_distinct_84d"):
        assert names[name].data_type == "double precision"
    assert names["state_most_frequent_84d"].data_type == "text"
    assert not names["heat_mean_7d"].is_required
    assert names["heat_sum_7d"].is_required
    made_of = {name.split("_7d")[0].split("_84d")[0] for name in names}
    assert not any(name.startswith(("reading_no", "machine_id", "read_at", "checked_at")) for name in made_of)
    assert "part_id_sum" not in made_of
    assert "hall_most_frequent" not in made_of


def test_a_summed_column_is_a_number_whatever_it_is_called() -> None:
    made = plan(label="sum of part_id in 7 days")
    assert "part_id" in [column.name for column in made.main.numbers]
    assert "part_id" not in [column.name for column in made.main.varied]
    assert made.label.summed == "part_id_sum"


def test_what_looks_like_a_name_is_asked_about() -> None:
    questions = "\n".join(plan().main.questions)
    assert "part_id looks like a name" in questions
    assert "machine_id" not in questions
    assert "built_on is not critical" in "\n".join(plan(entity=("built_on",)).main.questions)


def test_a_staging_model_that_is_there_decides_which_columns_there_are() -> None:
    made = plan(staged=["machine_id", "heat", "day", "batch_day"])
    assert [column.name for column in made.main.numbers] == ["heat"]
    assert made.main.varied == ()
    assert "variety" not in made.models
    assert "no column order_value" in "\n".join(made.main.questions)


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"events": "reading"}, "'readings'"),
        ({"events": "machines"}, "is a snapshot"),
        ({"entity": ("machine",)}, "Did you mean 'machine_id'?"),
        ({"entity": ("machine_id", "machine_id")}, "twice"),
        ({"entity": ()}, "ENTITY names no column"),
        ({"entity": ("state",)}, "nullable"),
        ({"entity": ("heat",)}, "float64"),
        ({"entity": ("measured_at",)}, "when a row happened"),
        ({"entity": ("checked_at",)}, "timestamp"),
        ({"entity": ("spare_no",)}, "numeric(12, 0)"),
        ({"label": "churned"}, "cannot be read"),
        ({"label": "sum of heatt in 7 days"}, "Did you mean 'heat'?"),
        ({"label": "sum of state in 7 days"}, "Numbers are: "),
        ({"label": "sum of machine_id in 7 days"}, "a key of the entity"),
        ({"label": "count in 366 days"}, "1 to 365"),
        ({"group": "heat-features"}, "'heat-features'"),
        ({"group": "x" * 52}, "51"),
        ({"group": "y" * 45}, f"int_{'y' * 45}_event_days"),
        ({"name": "n" * 45}, "shorter NAME"),
        ({"group": "table"}, "'table'"),
        ({"staged": ["machine_id", "day"]}, "'batch_day'"),
        ({"staged": ["heat", "day", "batch_day"]}, "'machine_id'"),
        (
            {"staged": ["machine_id", "day", "batch_day"], "label": "sum of heat in 7 days"},
            "stg_readings is there already",
        ),
        ({"changes": {"value": {"type": "string"}}, "entity": ("value",)}, "would be the key 'value', which is"),
        ({"changes": {"as_of_date": {"type": "date"}}, "entity": ("as_of_date",)}, "publish_as"),
        ({"changes": {"a" * 58: {"type": "float64"}}}, "PostgreSQL takes 63"),
        ({"changes": {"recency_days": {"type": "string"}}, "entity": ("recency_days",)}, "'recency_days'"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_said_with_its_remedy(asked: dict[str, Any], said: str) -> None:
    with pytest.raises(OrreryError) as caught:
        plan(**asked)
    assert said in str(caught.value)


def test_a_word_of_sql_may_name_an_entity() -> None:
    made = plan(changes={"user": {"type": "string"}}, entity=("user",))
    assert made.entity.names == ("user_value",)
    assert (made.entity.name, made.group, made.models["days"]) == ("user", "user_features", "int_user_days")
    assert '"user" as user_value' in [column.sql for column in made.main.staged]
