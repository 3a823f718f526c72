"""Database: a real PostgreSQL with what a plant has published and built, and what is wrong with it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg
import pytest
import yaml

from include.check import database
from include.check.database import check_database, find_uri, make_read_only
from include.check.finding import Finding
from include.check.settings import Declared, check_settings
from include.errors import StackError
from include.features.catalog import read_catalog
from include.ingestion.tables import ensure_raw_tables
from include.training.dataset import read_labelled_dates
from include.training.entity_split import split_entity
from include.warehouse.session import open_session
from tests.unit.check.conftest import faults, notes, only
from tests.unit.check.plant_project import MODEL, PlantProject, load_sources

Look = Callable[..., list[Finding]]
TRAINING = {
    "training_cutoffs": 3, "training_cutoff_spacing_days": 7, "min_training_cutoffs": 2, "min_training_rows": 20,
    "min_split_count": 4,
}  # fmt: skip


def execute(uri: str, *statements: str) -> None:
    with open_session(uri) as session:
        for statement in statements:
            session.execute(statement)


@pytest.fixture
def uri(warehouse_uri: str) -> str:
    """Twelve machines on five Mondays from 2026-01-05; every second one fails."""
    ensure_raw_tables(warehouse_uri, load_sources())
    execute(
        warehouse_uri,
        "create table features.machine_readings as select day::date as as_of_date, 'm' || number as machine_id, "
        "number::float8 as heat_max, 1 as reading_count from generate_series(date '2026-01-05', date '2026-02-02', "
        "interval '7 days') as day, generate_series(1, 12) as number",
        "create table features.failure_labels as select as_of_date, machine_id, heat_max::int % 2 = 0 as failed "
        "from features.machine_readings",
    )
    return warehouse_uri


@pytest.fixture
def look(warehouse_uri: str, config_dir: Path) -> Look:
    """Checks the warehouse, with changes of the model's training."""

    def look_at(sources: str | None = None, *, task: str = "binary", **training: int | str) -> list[Finding]:
        content = yaml.safe_load(MODEL)
        content |= {"training": TRAINING | training, "task": task}
        (config_dir / "models" / "failures.yml").write_text(yaml.safe_dump(content))
        declared, project = Declared(), PlantProject()
        list(check_settings(config_dir, "development", None, declared))
        if task != "binary":
            project.replace("models/marts/failure_labels.yml", "{failed: binary}", f"{{failed: {task}}}")
        if task == "regression":
            project.replace("models/marts/failure_labels.yml", "data_type: boolean", "data_type: numeric")
        variables = {"ORRERY_WAREHOUSE_URI": warehouse_uri}
        catalog = read_catalog(project.parse())
        settings = load_sources(sources) if sources else load_sources()
        return list(check_database(variables, settings, catalog, declared.models))

    return look_at


def test_a_warehouse_that_is_right_is_fine(uri: str, look: Look) -> None:
    found = look()

    assert {one.mark for one in found} == {"fine"}
    told = [one.describe() for one in found]
    assert "✔ features.machine_readings: 60 rows at 5 as-of date(s), the newest 2026-02-02." in told
    assert "✔ failure_labels.failed: has 2 classes: 30 false, 30 true." in told
    assert any("train 18 positive, 18 negative" in one for one in told)


def test_without_a_warehouse_it_is_one_note(config_dir: Path) -> None:
    found = list(check_database({}, load_sources(), None, {}))

    assert "not looked at" in only(found).message
    assert only(found).mark == "note"


def test_a_warehouse_that_is_away_is_one_note_without_its_password(config_dir: Path) -> None:
    variables = {"ORRERY_WAREHOUSE_URI": "postgresql://u:s3cret@127.0.0.1:1/w"}

    found = only(list(check_database(variables, None, None, {})))

    assert found.mark == "note"
    assert "cannot be reached" in found.message
    assert "s3cret" not in found.describe()


def test_a_variable_that_is_no_address_is_a_fault(config_dir: Path) -> None:
    found = only(list(check_database({"AIRFLOW_CONN_WAREHOUSE": "mysql://u:p@h/d"}, None, None, {})))

    assert found.mark == "fault"


def test_a_damaged_state_of_the_stack_is_no_error(config_dir: Path, tmp_path: Path) -> None:
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "stack.json").write_text("{")
    with pytest.raises(StackError):
        database.load_state(database.resolve_home())

    assert find_uri({}) is None


def test_it_cannot_write(uri: str) -> None:
    with pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
        execute(make_read_only(uri), "create table raw.mine (x int)")


@pytest.mark.parametrize("suffix", ["", "?sslmode=prefer", "?options=-c%20search_path%3Draw"])
def test_every_address_can_be_made_read_only(uri: str, suffix: str) -> None:
    with open_session(make_read_only(uri + suffix)) as session:
        assert session.fetch_value("show default_transaction_read_only") == "on"
        assert session.fetch_value("show statement_timeout") == "5s"
        assert session.fetch_value("show lock_timeout") == "1s"
        if "options" in suffix:
            assert session.fetch_value("show search_path") == "raw"


def test_training_reads_by_the_read_only_address(uri: str, look: Look, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def read(address: str, *arguments: Any) -> Any:
        asked.append(address)
        return read_labelled_dates(address, *arguments)

    monkeypatch.setattr("include.check.labels.read_labelled_dates", read)

    assert not faults(look())
    assert asked == [make_read_only(uri)]


def test_missing_migrations_are_a_fault(uri: str, look: Look) -> None:
    execute(uri, "delete from governance.migrations where name like '0017%'")
    database.check_migrated.cache_clear()

    assert "lacks 1 of this release's migrations" in only(look()).message


@pytest.mark.parametrize(
    ("statement", "mark", "reason"),
    [
        (
            "alter table raw.readings alter heat type text",
            "fault",
            "column 'heat' is text, declared is double precision",
        ),
        ("alter table raw.readings add extra int", "fault", "column 'extra' is not declared"),
        ("alter table raw.readings drop heat", "note", "lacks heat; the next run of ingest_sources adds it"),
        ("alter table raw.readings drop machine_id", "note", "lacks machine_id"),
        ("drop table raw.readings", "note", "is not there yet"),
        (
            "drop table raw.readings; create view raw.readings as select 1 as x",
            "fault",
            "should be a partitioned table",
        ),
    ],
)
def test_a_published_table_is_compared_as_ingestion_does(
    uri: str, look: Look, statement: str, mark: str, reason: str
) -> None:
    execute(uri, *statement.split("; "))

    found = only([one for one in look() if one.mark != "fine"])

    assert (found.subject, found.mark) == ("raw.readings", mark)
    assert reason in found.message
    assert "itself failed" not in found.message


def test_a_column_that_rows_would_lack_is_a_fault(uri: str, look: Look) -> None:
    execute(
        uri,
        "alter table raw.readings drop machine_id",
        "create table raw.readings_20260105 partition of raw.readings for values from ('2026-01-05') to ('2026-01-06')",
        "insert into raw.readings (batch_day) values ('2026-01-05')",
    )

    assert "'machine_id' is missing, may not be null, and the table holds rows" in only(faults(look())).message


@pytest.mark.parametrize(
    ("statement", "reason"),
    [("drop table features.failure_labels", "is not there yet"), ("truncate features.failure_labels", "has no rows")],
)
def test_what_is_not_built_yet_is_worth_knowing(uri: str, look: Look, statement: str, reason: str) -> None:
    execute(uri, statement)

    found = look()

    assert not faults(found)
    assert [(one.subject, reason in one.message) for one in notes(found)] == [
        ("features.failure_labels", True),
        ("failures", False),
    ]


def test_a_column_that_is_gone_is_a_fault_of_its_own(uri: str, look: Look) -> None:
    execute(uri, "alter table features.failure_labels drop failed")

    found = faults(look())

    assert {one.subject for one in found} == {"failure_labels.failed", "failures"}
    assert all("failed" in one.message for one in found)


@pytest.mark.parametrize("task", ["binary", "multiclass"])
def test_a_label_of_one_class_is_a_fault(uri: str, look: Look, task: str) -> None:
    execute(uri, "update features.failure_labels set failed = false")

    found = look(task=task)

    one_class = next(one for one in faults(found) if one.subject == "failure_labels.failed")
    assert "one class only, false in all of its 60 rows" in one_class.message
    assert any(one.subject == "failures" and "training would stop" in one.message for one in faults(found))


def test_too_few_rows_of_a_class_are_a_fault_with_the_number_that_is_needed(uri: str, look: Look) -> None:
    execute(
        uri, "update features.failure_labels set failed = false where as_of_date = '2026-02-02' and machine_id <> 'm2'"
    )

    found = only(faults(look()))

    assert "The test split is too small: it has 1 positive, 11 negative, at least 4" in found.message
    assert "min_split_count" in found.message


def test_too_few_training_rows_are_a_fault(uri: str, look: Look) -> None:
    assert "36 training rows, 37 are needed" in only(faults(look(min_training_rows=37))).message
    assert not faults(look(min_training_rows=36))


@pytest.mark.parametrize(
    ("task", "data_type", "value"),
    [
        ("binary", "int", "failed::int"),
        ("multiclass", "boolean", "failed"),
        ("multiclass", "int", "failed::int + 1"),
        ("multiclass", "text", "case when failed then 'broken' else 'good' end"),
        ("regression", "numeric(10, 2)", "length(machine_id)::numeric"),
    ],
)
def test_labels_of_every_kind_that_training_takes_are_fine(
    uri: str, look: Look, task: str, data_type: str, value: str
) -> None:
    execute(uri, f"alter table features.failure_labels alter failed type {data_type} using {value}")

    found = look(task=task)

    assert {one.mark for one in found} == {"fine"}
    assert any("there are labels enough" in one.message for one in found)
    assert any(one.subject == "failure_labels.failed" for one in found) == (task != "regression")


def test_values_that_are_no_label_of_their_kind_are_a_fault(uri: str, look: Look) -> None:
    execute(uri, "alter table features.failure_labels alter failed type int using failed::int + 1")

    assert {one.subject for one in faults(look())} == {"failures"}


def test_labels_that_are_null_are_a_fault(uri: str, look: Look) -> None:
    execute(uri, "update features.failure_labels set failed = null where machine_id = 'm3'")

    assert {one.subject for one in faults(look())} == {"failures"}


def test_fewer_cutoffs_than_training_stops_at_are_a_fault(uri: str, look: Look) -> None:
    execute(uri, "delete from features.failure_labels where as_of_date < '2026-01-19'")

    found = only(faults(look()))

    assert "training would stop: Too little history: 1 training cutoffs" in found.message
    assert "3 as-of date(s) have labels and features" in found.message
    assert "over 21 days" in found.remedy


def test_so_many_days_as_it_says_are_enough(uri: str, look: Look) -> None:
    # 21 days, from 2026-01-12 to 2026-02-02.
    execute(uri, "delete from features.failure_labels where as_of_date < '2026-01-12'")

    assert not faults(look())


def test_fewer_cutoffs_than_are_wanted_are_worth_knowing(uri: str, look: Look) -> None:
    execute(uri, "delete from features.failure_labels where as_of_date < '2026-01-12'")

    found = look()

    assert not faults(found)
    assert "2 of 3 training cutoffs have labels" in only(notes(found)).message
    assert "2 are needed" in only(notes(found)).message
    assert "2026-01-05" in only(notes(found)).remedy


def test_labels_without_features_are_a_fault(uri: str, look: Look) -> None:
    execute(uri, "update features.machine_readings set as_of_date = as_of_date + 1")

    assert "No as-of date has both labels and features" in only(faults(look())).message


def test_a_table_without_time_is_split_by_its_keys(uri: str, look: Look) -> None:
    execute(
        uri,
        "delete from features.failure_labels where as_of_date > '2026-01-05'",
        "delete from features.machine_readings",
        "insert into features.machine_readings select '2026-01-05', 'm' || number, number, 1 "
        "from generate_series(1, 200) as number",
        "insert into features.failure_labels select as_of_date, machine_id, heat_max::int % 2 = 0 "
        "from features.machine_readings where heat_max > 12",
    )
    assert "Too little history" in only(faults(look())).message

    # An older date, which does not count.
    execute(
        uri,
        "insert into features.machine_readings values ('2025-12-29', 'm1', 1, 1)",
        "insert into features.failure_labels values ('2025-12-29', 'm1', true)",
    )

    found = look(split="entity", min_split_count=10)
    assert {one.mark for one in found} == {"fine"}
    splits = [split_entity([f"m{number}"]) for number in range(1, 201) if number % 2 == 0]
    assert f"test {splits.count('test')} positive" in found[-1].message

    small = [one.message for one in faults(look(split="entity", min_split_count=60))]
    assert any("The test split is too small" in message for message in small)
    assert any("The validation split is too small" in message for message in small)


def test_a_table_without_time_that_has_no_features_is_a_fault(uri: str, look: Look) -> None:
    execute(uri, "update features.machine_readings set as_of_date = as_of_date + 1")

    assert "no as-of date has both labels" in only(faults(look(split="entity"))).message


def test_a_table_that_another_transaction_holds_is_no_fault(uri: str, look: Look) -> None:
    with psycopg.connect(uri) as other:
        other.execute("lock table features.machine_readings in access exclusive mode")

        found = look()

    assert not faults(found)
    assert "it took too long" in notes(found)[0].message


def test_a_table_that_takes_too_long_is_no_fault(uri: str, look: Look, monkeypatch: pytest.MonkeyPatch) -> None:
    execute(
        uri,
        "alter table features.machine_readings rename to readings_kept",
        "create view features.machine_readings as select kept.* from features.readings_kept as kept, "
        "lateral (select pg_sleep(kept.heat_max)) as slept",
    )
    monkeypatch.setattr(database, "STATEMENT_TIMEOUT_S", 0.2)

    found = look()

    assert not faults(found)
    assert {one.subject for one in notes(found)} >= {"features.machine_readings"}
