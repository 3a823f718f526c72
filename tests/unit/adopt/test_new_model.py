"""The command: what it prints and writes, what it leaves alone, and how it goes on after an interruption."""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml

import include.adopt.new_files as new_files
from include.errors import OrreryError, SettingsError
from include.settings import PROJECT_ROOT, reload_settings
from tests.unit.adopt.dbt_plant import COLUMNS, House, make_house, write_csv

ASKED = ("lapse", "--entity", "machine_id", "--events", "readings", "--label", "no readings in 28 days")
MODELS = {
    "stg_readings", "int_machine_event_days", "int_machine_days", "int_machine_as_of_dates", "int_machine_windows",
    "int_machine_rhythm", "int_machine_variety", "machine_features", "machine_features_latest",
    "int_lapse_label_dates", "lapse_labels",
}  # fmt: skip


@pytest.fixture
def house(tmp_path: Path) -> House:
    """A house without models."""
    return make_house(tmp_path)


def read_models(house: House) -> dict[str, dict[str, Any]]:
    """What the ymls say of each dbt model."""
    found = [yaml.safe_load(path.read_text()) for path in (house.dbt / "models").rglob("*.yml")]
    return {model["name"]: model for content in found for model in content.get("models", [])}


def test_nothing_is_written_unless_asked(house: House, capsys: pytest.CaptureFixture[str]) -> None:
    before = house.list_files()

    house.declare(*ASKED, is_written=False)

    assert house.list_files() == before
    said = capsys.readouterr().out
    for name in (*MODELS, "_sources.yml", "dbt_project.yml", "assert_machine_features_ignore_the_future"):
        assert name in said
    assert "label: lapse_labels.has_no_readings" in said
    assert "please confirm: readings: part_id" in said
    assert 'ARGS="--write"' in said


def test_everything_that_a_first_model_needs_is_written(house: House) -> None:
    before = house.list_files()

    house.declare(*ASKED)

    after, written = house.list_files(), read_models(house)
    changed = {path for path, text in before.items() if after[path] != text}
    assert changed == {"dbt/dbt_project.yml", "dbt/models/staging/_sources.yml"}
    assert {path.stem for path in (house.dbt / "models").rglob("*.sql")} >= MODELS
    assert set(written) >= MODELS
    assert len(list((house.dbt / "data-tests").glob("*.sql"))) == 3
    model = reload_settings(house.config).models["lapse"]
    assert (model.label, model.task, model.features.groups) == (
        "lapse_labels.has_no_readings", "binary", ("machine_features",)
    )  # fmt: skip
    assert not [path for path in after if "new-model" in path]


def test_every_model_and_column_is_described_and_ends_with_its_grain(house: House) -> None:
    house.declare(*ASKED)
    for name in MODELS:
        model = read_models(house)[name]
        assert "One row per" in model["description"].strip().split(". ")[-1] or name == "stg_readings", name
        assert all(column["description"] for column in model["columns"])


def test_marts_have_contract_keys_sets_and_meta(house: House) -> None:
    house.declare(*ASKED, "--owner", "line: 2", "--trainer", "ada", "--approvers", "grace,joan")

    models = read_models(house)
    group = models["machine_features"]
    assert group["config"]["meta"]["feature_group"] == {
        "entity": "machine", "keys": ["machine_id"], "event_time": "as_of_date", "owner": "line: 2",
        "online": "machine_features_latest", "cadence_days": 1,
    }  # fmt: skip
    assert group["constraints"] == [{"type": "primary_key", "columns": ["as_of_date", "machine_id"]}]
    sets = {column["name"]: column["config"]["meta"]["sets"] for column in group["columns"][2:]}
    assert {name for names in sets.values() for name in names} == {"basic", "advanced"}
    assert all(column["data_type"] for column in group["columns"])
    assert models["machine_features_latest"]["columns"] == group["columns"]
    label = models["lapse_labels"]["config"]["meta"]["label"]
    assert label["columns"] == {"has_no_readings": "binary"}
    assert label["horizon_days"] == "{{ var('lapse_horizon_days') }}"
    model = reload_settings(house.config).models["lapse"]
    assert (model.owner, model.trainer, model.governance.approvers) == ("line: 2", "ada", ("grace", "joan"))


def test_vars_and_source_are_added_to_what_is_there(house: House) -> None:
    house.declare(*ASKED)

    project = yaml.safe_load((house.dbt / "dbt_project.yml").read_text())
    assert project["vars"] == {
        "shift_hours": 8, "lapse_horizon_days": 28, "machine_active_window_days": 56, "machine_history_days": 84,
        "machine_daily_as_of_days": 28,
    }  # fmt: skip
    raw = yaml.safe_load((house.dbt / "models/staging/_sources.yml").read_text())["sources"][0]
    tables = {table["name"]: table for table in raw["tables"]}
    assert set(tables) == {"arrivals", "partitions", "snapshot_periods", "readings"}
    assert tables["readings"]["description"] == 'What machines measure; "raw" values. Grain: reading.'
    columns = {column["name"]: column["description"] for column in tables["readings"]["columns"]}
    assert columns["machine_id"] == "Machine: the one that measures."
    assert "{{" not in columns["order"]
    assert {"hall", "read_at", "day", "batch_day"} <= set(columns)


def test_a_project_without_sources_and_vars_gets_them(house: House) -> None:
    (house.dbt / "models/staging/_sources.yml").unlink()
    project = house.dbt / "dbt_project.yml"
    content = {name: value for name, value in yaml.safe_load(project.read_text()).items() if name != "vars"}
    project.write_text(yaml.safe_dump(content))

    house.declare(*ASKED)

    assert yaml.safe_load(project.read_text())["vars"]["lapse_horizon_days"] == 28
    raw = yaml.safe_load((house.dbt / "models/staging/_sources.yml").read_text())["sources"][0]
    assert [table["name"] for table in raw["tables"]] == ["readings"]


def test_a_second_label_uses_the_group_that_is_there(house: House) -> None:
    house.declare(*ASKED)
    before = house.list_files()

    house.declare("rush", "--entity", "machine_id", "--events", "readings", "--label", "count in 28 days")

    after = house.list_files()
    assert {path for path in before if after[path] != before[path]} == {"dbt/dbt_project.yml"}
    assert {Path(path).name for path in set(after) - set(before)} == {
        "int_rush_label_dates.sql", "int_rush_label_dates.yml", "rush_labels.sql", "rush_labels.yml", "rush.yml",
        "assert_rush_labels_and_features_share_entities.sql",
    }  # fmt: skip


@pytest.mark.parametrize(("days", "spacing"), [(28, None), (60, 63)])
def test_cutoffs_lie_apart_where_the_horizon_is_long(house: House, days: int, spacing: int | None) -> None:
    house.declare("rush", "--entity", "machine_id", "--events", "readings", "--label", f"count in {days} days")

    content = yaml.safe_load((house.config / "models" / "rush.yml").read_text())
    assert content.get("training", {}).get("training_cutoff_spacing_days") == spacing


def refuse(house: House, *arguments: str) -> str:
    """What is said, and that nothing is written."""
    before = house.list_files()
    with pytest.raises(OrreryError) as caught:
        house.declare(*arguments)
    assert house.list_files() == before
    return str(caught.value)


def deliver_readings(
    house: House, monkeypatch: pytest.MonkeyPatch, *, is_heat_known: bool = False, days: int = 260
) -> None:
    """Readings of each of 9 machines on each day, where the settings look for them."""
    root, day = house.config.parent / "sources", date(2026, 1, 5)
    monkeypatch.setenv("ORRERY_SOURCES_DIR", str(root))
    for number in range(days):
        rows = [
            {"reading_no": number * 9 + machine, "machine_id": machine, "Hall Name": "north", "built_on": "2020-01-01",
             "heat": machine if is_heat_known else "", "measured_at": f"{day}T10:00:00Z"}
            for machine in range(9)
        ]  # fmt: skip
        write_csv(root / "readings" / f"{day}.csv", COLUMNS, rows)
        day += timedelta(days=1)


@pytest.mark.parametrize(
    ("label", "finding"),
    [
        ("no readings in 28 days", "all had readings in the 28 days from then on"),
        ("sum of heat in 28 days", "no heat is known of any in the 28 days from then on"),
    ],
)
def test_a_label_that_is_the_same_for_all_is_refused(
    house: House, monkeypatch: pytest.MonkeyPatch, label: str, finding: str
) -> None:
    deliver_readings(house, monkeypatch)
    said = refuse(house, *ASKED[:-1], label)
    assert f"The label '{label}' is the same for all: of 9 entities (machine_id)" in said
    assert finding in said


def test_a_label_that_differs_is_said_with_what_is_rare(
    house: House, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    deliver_readings(house, monkeypatch, is_heat_known=True)
    house.declare(*ASKED[:-1], "sum of heat in 28 days")
    said = capsys.readouterr().out
    assert "✔ sum of heat in 28 days: 0 to 224, of 9 entities (machine_id) as of" in said
    assert "please confirm: as of" in said
    assert (house.config / "models" / "lapse.yml").exists()


def test_a_short_history_has_short_windows_which_a_second_label_keeps(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    deliver_readings(house, monkeypatch, is_heat_known=True, days=60)
    house.declare(*ASKED[:-1], "sum of heat in 7 days")
    deliver_readings(house, monkeypatch, is_heat_known=True, days=300)
    house.declare("heat", *ASKED[1:-1], "sum of heat in 7 days")

    listed = [column["name"] for column in read_models(house)["machine_features"]["columns"]]
    assert [name for name in listed if name.startswith("readings_")] == [
        "readings_7d",
        "readings_28d",
        "readings_trend_28d",
    ]
    assert {"active_days_28d", "part_id_distinct_28d"} <= set(listed)
    assert not [name for name in listed if "56" in name or "84" in name]
    known = yaml.safe_load((house.dbt / "dbt_project.yml").read_text())["vars"]
    assert known["machine_history_days"] == 28
    spacing = [
        yaml.safe_load((house.config / "models" / f"{name}.yml").read_text()).get("training")
        for name in (ASKED[0], "heat")
    ]
    assert spacing == [{"training_cutoff_spacing_days": 7}, None]


def test_a_history_that_is_too_short_for_the_label_is_for_a_person_to_confirm(
    house: House, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    deliver_readings(house, monkeypatch, is_heat_known=True, days=60)
    house.declare(*ASKED)
    assert "please confirm: readings has 60 days (" in capsys.readouterr().out


def test_a_file_that_cannot_be_read_leaves_the_question_open(
    house: House, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    deliver_readings(house, monkeypatch, is_heat_known=True)
    newest = max((house.config.parent / "sources" / "readings").iterdir())
    newest.write_text("reading_no,hall\n1,a\n")
    house.declare(*ASKED[:-1], "sum of heat in 28 days")
    assert "please confirm: that 'sum of heat in 28 days' is not the same for all could not be counted." in (
        capsys.readouterr().out
    )


def test_a_source_without_files_here_is_taken_as_it_is(
    house: House, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    deliver_readings(house, monkeypatch)
    bucket = "object_store\n    store: s3\n    bucket: plant\n    connection: plant"
    settings = house.config / "sources.yml"
    text = settings.read_text().replace("kind: files\n    path: readings", f"kind: {bucket}\n    path: readings")
    settings.write_text(text)
    house.declare(*ASKED)
    assert "no readings in 28 days:" not in capsys.readouterr().out


def test_files_that_are_there_are_all_named_and_stay(house: House) -> None:
    for name in ("marts/machine_features.sql", "intermediate/features/int_machine_windows.yml"):
        path = house.dbt / "models" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("models: []" if name.endswith("yml") else "select 1")

    said = refuse(house, *ASKED)

    assert "machine_features.sql is there already" in said
    assert "int_machine_windows.yml is there already" in said
    assert "GROUP" in said


def test_a_model_of_the_name_in_another_folder_is_in_the_way(house: House) -> None:
    path = house.dbt / "models" / "elsewhere" / "lapse_labels.sql"
    path.parent.mkdir()
    path.write_text("select 1")
    assert "elsewhere/lapse_labels.sql is a dbt model of the name 'lapse_labels'" in refuse(house, *ASKED)


def test_a_var_of_another_value_is_in_the_way(house: House) -> None:
    project = house.dbt / "dbt_project.yml"
    project.write_text(project.read_text().replace("shift_hours: 8", "machine_history_days: 90"))
    said = refuse(house, *ASKED)
    assert "'machine_history_days' is 90" in said
    assert "would be 84" in said


def test_another_group_is_written_beside_the_first(house: House) -> None:
    house.declare(*ASKED)
    other = ("busy", "--entity", "machine_id", "--events", "readings", "--label", "readings in 3 days")
    assert "'machine_active_window_days' is 56" in refuse(house, *other)

    house.declare(*other, "--group", "machine_week_features")

    assert "machine_week_features" in read_models(house)


def test_a_model_that_is_declared_is_refused(house: House) -> None:
    house.declare(*ASKED)
    assert "'lapse' is declared already" in refuse(house, *ASKED)
    assert "declared already" in refuse(house, "Lapse", *ASKED[1:])


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((), "NAME is missing"),
        (("lapse",), "ENTITY is missing"),
        (("lapse", "--entity", "machine_id"), "EVENTS is missing"),
        (("lapse", "--entity", "machine_id", "--events", "readings"), "LABEL is missing"),
        (("features", *ASKED[1:]), "'features'"),
        (("la-pse", *ASKED[1:]), "NAME is lower-case letters"),
        ((*ASKED, "--trainer", "ada", "--approvers", "ada"), "an approver besides the trainer"),
    ],
)
def test_what_is_missing_or_wrong_is_named(house: House, arguments: tuple[str, ...], said: str) -> None:
    assert said in refuse(house, *arguments)


def test_a_staging_model_of_ones_own_is_left_alone_and_used(house: House) -> None:
    folder = house.dbt / "models" / "staging"
    (folder / "stg_readings.sql").write_text("select machine_id, heat, day, batch_day from raw.readings")
    columns = [{"name": name, "description": name} for name in ("machine_id", "heat", "day", "batch_day")]
    (folder / "stg_readings.yml").write_text(yaml.safe_dump({"models": [{"name": "stg_readings", "columns": columns}]}))
    before = house.list_files()

    house.declare(*ASKED)

    after = house.list_files()
    assert after["dbt/models/staging/stg_readings.sql"] == before["dbt/models/staging/stg_readings.sql"]
    assert after["dbt/models/staging/stg_readings.yml"] == before["dbt/models/staging/stg_readings.yml"]
    features = {column["name"] for column in read_models(house)["machine_features"]["columns"]}
    assert "heat_sum_28d" in features
    assert not any(name.startswith("order_value") for name in features)


def test_a_staging_model_that_lists_no_columns_is_not_guessed_at(house: House) -> None:
    (house.dbt / "models" / "staging" / "stg_readings.sql").write_text("select * from raw.readings")
    assert "its yml lists no column 'day'" in refuse(house, *ASKED)


@pytest.mark.parametrize("moves", range(0, 28, 3))
def test_a_second_run_ends_what_was_interrupted(
    house: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, moves: int
) -> None:
    whole = make_house(tmp_path / "whole")
    whole.declare(*ASKED)
    done = 0

    def stop(*arguments: Any, **options: Any) -> None:
        nonlocal done
        if done == moves:
            raise KeyboardInterrupt
        done += 1
        move(*arguments, **options)

    move = new_files._move
    with monkeypatch.context() as patch:
        patch.setattr(new_files, "_move", stop)
        if moves < 27:
            with pytest.raises(KeyboardInterrupt):
                house.declare(*ASKED)
            assert (house.config / "models" / "lapse.yml").exists() is False

    house.declare(*ASKED)

    assert house.list_files() == whole.list_files()


def test_drafts_of_a_killed_run_are_in_nobodys_way(house: House) -> None:
    (house.dbt / ".new-model").mkdir()
    (house.dbt / ".new-model" / "0.part").write_text("half")

    house.declare(*ASKED)

    assert not (house.dbt / ".new-model").exists()
    assert (house.config / "models" / "lapse.yml").exists()


def test_a_file_that_comes_in_between_is_not_written_over(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    target = house.dbt / "models" / "marts" / "lapse_labels.sql"
    link = os.link

    def link_late(draft: Path, path: Path) -> None:
        if path == target:
            target.write_text("mine")
        link(draft, path)

    monkeypatch.setattr(os, "link", link_late)
    with pytest.raises(SettingsError, match="has come meanwhile"):
        house.declare(*ASKED)
    assert target.read_text() == "mine"


def test_a_disk_without_hard_links_will_do(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse_link(draft: Path, path: Path) -> None:
        raise PermissionError(1, "Operation not permitted", str(draft), None, str(path))

    monkeypatch.setattr(os, "link", refuse_link)
    house.declare(*ASKED)
    assert set(read_models(house)) >= MODELS


def test_a_folder_that_cannot_be_written_to_is_named(house: House) -> None:
    (house.dbt / "models" / "marts").write_text("a file where the folder should be")
    with pytest.raises(SettingsError, match=r"models/marts.* cannot be written"):
        house.declare(*ASKED)
    assert not (house.config / "models" / "lapse.yml").exists()


def test_the_command_ends_with_a_sentence(house: House) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "include.adopt.new_model", "lapse", "--entity", "machine", *ASKED[3:]],
        cwd=PROJECT_ROOT, env={**os.environ, "ORRERY_CONFIG_DIR": str(house.config)},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 1
    assert done.stdout.startswith("✘ ENTITY names 'machine'")
    assert "Traceback" not in done.stdout + done.stderr


@pytest.mark.needs("sqlfluff")
def test_what_is_written_passes_the_linter_also_with_long_names(house: House) -> None:
    """Long names, three keys, and names that are words of SQL."""
    sources = yaml.safe_load((house.config / "sources.yml").read_text())
    readings = sources["sources"]["readings"]
    long_names = {f"{kind}_of_a_long_machine_part": kind for kind in ("int64", "float64", "string")}
    long_names |= {"user": "string", "table": "int64", "select": "string", "вид": "string"}
    readings["columns"] |= {name: {"type": kind} for name, kind in long_names.items()}
    readings["columns"]["category_of_a_very_long_winded_machine_pa"] = {"type": "string", "allowed": ["a"]}
    sources["sources"]["readings_of_all_the_many_machines"] = readings
    (house.config / "sources.yml").write_text(yaml.safe_dump(sources))
    house.declare(
        "a_name_of_thirty_letters_at_all", "--entity", "machine_id,Hall Name,int64_of_a_long_machine_part",
        "--events", "readings_of_all_the_many_machines", "--group", "machines_and_their_halls_features",
        "--label", "sum of float64_of_a_long_machine_part in 100 days",
    )  # fmt: skip
    further = ("--also", "pings,machines", "--group", "machine_long_named_features", "--approvers", "ada,grace")
    house.declare("beside", *ASKED[1:], *further)
    del readings["columns"]["category_of_a_very_long_winded_machine_pa"]
    (house.config / "sources.yml").write_text(yaml.safe_dump(sources))
    of_pings = ("--events", "pings", "--label", "no pings in 14 days", "--group", "pinged", "--also", "readings")
    house.declare("pinged_often", "--entity", "machine_id", *of_pings)
    project = yaml.safe_load((house.dbt / "dbt_project.yml").read_text())
    project["vars"]["short_history_days"] = 28
    (house.dbt / "dbt_project.yml").write_text(yaml.safe_dump(project, sort_keys=False))
    of_month = ("--events", "readings", "--label", "count in 7 days", "--group", "short", "--also", "pings")
    house.declare("month", "--entity", "machine_id", *of_month)
    done = subprocess.run(
        [sys.executable, "-m", "sqlfluff", "lint", "--config", PROJECT_ROOT / ".sqlfluff", "models", "data-tests"],
        cwd=house.dbt, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
