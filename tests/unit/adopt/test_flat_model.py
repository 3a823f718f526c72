"""A model of a flat table: what is written, what dbt builds of it, and what is refused."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import pytest
import yaml

from include.adopt.label_values import LabelValues
from include.errors import OrreryError, SettingsError
from include.features.catalog import read_catalog
from include.features.spec import resolve_model
from include.servers.postgres import PostgresServer
from include.settings import PROJECT_ROOT, reload_settings
from include.training.dataset import build_training_set
from tests.unit.adopt.dbt_plant import House, fetch, make_house, publish_files, run_dbt, write_csv

PARTS = """
  parts:
    kind: files
    path: parts/{day}.csv
    format: csv
    grain: snapshot
    key: [part_no, site]
    columns:
      part_no: {type: int64, critical: true}
      site: {type: string, critical: true}
      price: {type: float64, nullable: true}
      colour: {type: string, nullable: true, allowed: [red, blue]}
      made_on: {type: date, nullable: true}
      note: {type: string, nullable: true}
      Grade: {type: string, nullable: true, allowed: [good, bad, odd]}
      works: {type: string, nullable: true, allowed: ["yes", "no"]}
      broke: {type: int64, nullable: true, min: 0}
      hours: {type: float64, nullable: true}
      same: {type: int64}
"""
FIRST, SECOND = date(2026, 3, 2), date(2026, 3, 9)
COLUMNS = ("part_no", "site", "price", "colour", "made_on", "note", "Grade", "works", "broke", "hours", "same")
CASES = {
    "quality": ("Grade", "grade", "multiclass"),
    "working": ("works", "works", "binary"),
    "breaking": ("broke", "broke", "binary"),
    "lasting": ("hours", "hours", "regression"),
}


def make_parts(day: date) -> list[dict[str, Any]]:
    """300 parts; in the later copy prices are others, and every tenth label is not known."""
    parts = []
    for number in range(300):
        is_known = day == FIRST or number % 10
        parts.append(
            {
                "part_no": number // 2, "site": "ab"[number % 2], "note": f"part {number}", "same": 1,
                "price": None if number % 7 == 0 else number + day.day / 10,
                "colour": None if number % 11 == 0 else ["red", "blue"][number % 2],
                "made_on": None if number % 13 == 0 else date(2026, 1, 1 + number % 28),
                "Grade": ["good", "bad", "odd"][number % 3] if is_known else None,
                "works": ["yes", "no"][number % 5 == 0] if is_known else None,
                "broke": int(number % 4 == 0) if is_known else None,
                "hours": number / 3 if is_known else None,
            }
        )  # fmt: skip
    return parts


@dataclass(frozen=True)
class Built:
    """The house with its models, the warehouse, and what dbt said."""

    house: House
    uri: str
    said: dict[str, str]


@pytest.fixture
def house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> House:
    """A house with the parts declared, and their newest copy in the sources' folder."""
    return prepare(tmp_path, monkeypatch)


def prepare(folder: Path, monkeypatch: pytest.MonkeyPatch) -> House:
    house = make_house(folder)
    with (house.config / "sources.yml").open("a") as file:
        file.write(PARTS)
    monkeypatch.setenv("ORRERY_SOURCES_DIR", str(folder / "files"))
    for day in (FIRST, SECOND):
        write_csv(folder / "files" / "parts" / f"{day}.csv", COLUMNS, make_parts(day))
    return house


@pytest.fixture(scope="module")
def built(postgres: PostgresServer, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """All four models, built of the first copy and then of the second one."""
    folder = tmp_path_factory.mktemp("flat")
    uri = postgres.create_database("flat_models", template="warehouse_template")
    with pytest.MonkeyPatch.context() as patch:
        house = prepare(folder, patch)
        for name, (column, *_) in CASES.items():
            arguments = [name, "--entity", "part_no,site", "--events", "parts", "--label", column]
            house.declare(*arguments, "--group", f"{name}_features")
        for day in (FIRST, SECOND):
            publish_files(uri, house, folder / "files", ("parts",), day, day)
            said = run_dbt(uri, house, "build")
        yield Built(house, uri, said)


def test_everything_is_built_and_every_test_of_it_passes(built: Built) -> None:
    assert built.said
    assert {name: said for name, said in built.said.items() if not said.startswith(("success", "pass"))} == {}


@pytest.mark.needs("sqlfluff")
def test_what_is_written_passes_the_linter(built: Built) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "sqlfluff", "lint", "--config", PROJECT_ROOT / ".sqlfluff", "models", "data-tests"],
        cwd=built.house.dbt, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr


def test_features_are_those_of_the_newest_copy_without_what_is_predicted(built: Built) -> None:
    rows = fetch(built.uri, "select * from features.working_features order by part_no, site")
    as_of = date(2026, 3, 10)
    expected = [
        {
            "as_of_date": as_of, "part_no": part["part_no"], "site": part["site"],
            "price": part["price"], "colour": part["colour"],
            "made_on_days_ago": None if part["made_on"] is None else float((as_of - part["made_on"]).days),
            "grade": part["Grade"], "broke": part["broke"], "hours": part["hours"], "same": 1.0,
        }
        for part in make_parts(SECOND)
    ]  # fmt: skip
    assert len(rows) == 300
    for row, part in zip(rows, sorted(expected, key=lambda one: (one["part_no"], one["site"])), strict=True):
        assert row == {**part, "hours": row["hours"]}
        assert row["hours"] == (None if part["hours"] is None else pytest.approx(part["hours"]))


@pytest.mark.parametrize("name", CASES)
def test_labels_are_there_for_the_rows_of_which_they_are_known(built: Built, name: str) -> None:
    origin, column, task = CASES[name]
    rows = fetch(built.uri, f'select part_no, site, "{column}" as label from features.{name}_labels')
    known = {(part["part_no"], part["site"]): part[origin] for part in make_parts(SECOND) if part[origin] is not None}
    if task == "binary":
        known = {key: value in ("yes", 1) for key, value in known.items()}
    assert len(rows) == len(known) == 270
    assert {(row["part_no"], row["site"]): row["label"] for row in rows} == pytest.approx(known)


@pytest.mark.parametrize("name", CASES)
def test_the_model_is_accepted_and_its_entities_are_split_by_their_keys(built: Built, name: str) -> None:
    settings = reload_settings(built.house.config, "development")
    assert settings.broken_models == {}
    manifest = built.house.dbt.parent / "target" / "manifest.json"
    spec = resolve_model(settings.models[name], read_catalog(yaml.safe_load(manifest.read_text())))
    assert (spec.task, spec.horizon_days) == (CASES[name][2], 0)
    few = settings.models[name].training.model_copy(update={"min_training_rows": 50, "min_split_count": 2})
    frame = build_training_set(built.uri, spec, few)
    assert len(frame) == 270
    assert dict(frame.groupby("split").size()).keys() == {"train", "validation", "test"}
    assert set(frame["as_of_date"]) == {date(2026, 3, 10)}


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--label", "Grad"], "Did you mean 'Grade'"),
        (["--label", "no parts in 28 days"], "which is no column of the source 'parts'"),
        (["--label", "part_no"], "which is a key of the entity"),
        (["--label", "same"], "is 1 in every row that was read: there is nothing to learn"),
        (["--label", "note"], "a label is 0 and 1, a number, or text of 2 to 20 classes"),
        (
            ["--label", "Grade", "--entity", "part_no"],
            r"Without events the entity is what a row is: ENTITY=part_no,site",
        ),
        (["--label", "Grade", "--events", "part"], "'part'"),
    ],
)
def test_what_cannot_be_a_model_is_named_and_nothing_is_written(house: House, words: list[str], message: str) -> None:
    before = house.list_files()
    asked = ["quality", "--entity", "part_no,site", "--events", "parts", *words]
    with pytest.raises(OrreryError) as caught:
        house.declare(*asked)
    assert message in str(caught.value)
    assert house.list_files() == before


def test_without_a_file_the_classes_are_not_known(
    house: House, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("ORRERY_SOURCES_DIR", str(tmp_path / "nothing"))
    with pytest.raises(SettingsError, match=r"nothing/parts holds no file of the source 'parts'"):
        house.declare("quality", "--entity", "part_no,site", "--events", "parts", "--label", "Grade")


@pytest.mark.parametrize(
    ("counts", "positive"),
    [({"no": 5, "yes": 9}, "yes"), ({"good": 1, "broken": 9}, "broken"), ({"left": 3, "right": 9}, "left")],
)
def test_of_two_words_the_one_that_means_yes_is_true_else_the_rarer_one(counts: dict[str, int], positive: str) -> None:
    values = LabelValues(counts)
    assert values.find_positive() == positive
    assert {positive, values.find_other(positive)} == set(counts)
