"""The label of a first model is looked at where its source is: placed a moment ago, or declared before."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from include.adopt.dialogue import Wishes
from include.adopt.first_label import check_first_label
from include.errors import SettingsError
from tests.unit.adopt.dbt_plant import House, make_house
from tests.unit.adopt.test_label_check import Plant, always, often

WISHES = Wishes("lapse", "machine_id", "readings", "no readings in 7 days")


@pytest.fixture
def house(tmp_path: Path) -> House:
    """Settings without models."""
    return make_house(tmp_path)


@pytest.fixture
def plant(tmp_path: Path) -> Plant:
    """Readings of every machine on every day."""
    plant = Plant(tmp_path / "sources")
    plant.write(always)
    return plant


def check(house: House, plant: Plant, wishes: Wishes = WISHES, **entries: Any) -> list[str]:
    entries = entries or {"readings": plant.content}
    return check_first_label(wishes, entries, plant.root, "UTC", house.config, "development")


def test_what_always_happens_is_refused(house: House, plant: Plant) -> None:
    with pytest.raises(SettingsError, match=r"of 80 entities \(machine_id\).*all had readings"):
        check(house, plant)


def test_what_differs_is_said(house: House, plant: Plant) -> None:
    plant.write(often)
    assert check(house, plant)[0].startswith("✔ no readings in 7 days: so for ")


def test_of_a_source_of_another_kind_or_none_nothing_is_said(house: House, plant: Plant) -> None:
    assert check(house, plant, readings=plant.content | {"kind": "object_store"}) == []
    assert check(house, plant, pings=plant.content) == []


def test_a_model_that_is_declared_is_not_looked_at_again(house: House, plant: Plant) -> None:
    (house.config / "models" / "lapse.yml").write_text("")
    assert check(house, plant) == []
