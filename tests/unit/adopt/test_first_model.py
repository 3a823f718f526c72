"""A model that is declared already is held to what is asked for, or nothing of that would be done."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from include.adopt.dialogue import Wishes
from include.adopt.first_model import check_model, write_model
from include.errors import SettingsError
from tests.unit.adopt.dbt_plant import House, make_house
from tests.unit.adopt.test_flat_model import prepare

EVENTS = Wishes("lapse", "machine_id", "readings", "no readings in 28 days", also="none")
TABLE = Wishes("working", "part_no,site", "parts", "works")


def check(house: House, wishes: Wishes) -> None:
    check_model(wishes, house.config, house.dbt, "development", None)


@pytest.fixture
def house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> House:
    """A house in which both models are declared."""
    house = prepare(tmp_path, monkeypatch)
    for wishes in (EVENTS, TABLE):
        write_model(wishes, house.config, "development", lambda _: None, house.dbt)
    return house


@pytest.mark.parametrize("wishes", [EVENTS, TABLE, replace(EVENTS, label=" No readings  in the next 28 days")])
def test_the_same_again_is_no_mistake(house: House, wishes: Wishes) -> None:
    check(house, wishes)


@pytest.mark.parametrize(
    ("wishes", "said"),
    [
        (
            replace(EVENTS, label="count in 28 days"),
            "'count in 28 days', is lapse_labels.readings_count, 28 days ahead",
        ),
        (
            replace(EVENTS, label="no readings in 14 days"),
            "is lapse_labels.has_no_readings, 14 days ahead, and nothing",
        ),
        (replace(EVENTS, group="wear_features"), "28 days ahead, of wear_features, and nothing"),
        (replace(TABLE, label="broke"), "already and predicts working_labels.works ("),
        (replace(TABLE, label="broke"), "'broke', is working_labels.broke, and nothing of it would be changed"),
    ],
)
def test_something_else_under_its_name_is_refused_in_words(house: House, wishes: Wishes, said: str) -> None:
    with pytest.raises(SettingsError) as caught:
        check(house, wishes)
    assert said in str(caught.value)
    assert "Give another NAME" in str(caught.value)


def test_what_a_person_changed_besides_is_not_asked_about(house: House) -> None:
    path = house.config / "models" / "lapse.yml"
    content = yaml.safe_load(path.read_text())
    path.write_text(yaml.safe_dump(content | {"owner": "others", "features": {"groups": ["x", "machine_features"]}}))
    check(house, EVENTS)


def test_a_model_that_is_not_declared_is_planned(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="no column"):
        check(make_house(tmp_path), replace(EVENTS, entity="machine"))
