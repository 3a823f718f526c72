"""Contracts: primary keys, online models, and models over groups and labels."""

from __future__ import annotations

import pytest

from tests.unit.check.conftest import faults, notes, only
from tests.unit.check.plant_project import MODEL, PlantProject

MART_YML = "models/marts/machine_readings.yml"
ONLINE = "models/online/machine_readings_latest.sql"


@pytest.fixture
def declare(config_dir):
    """Changes the model's file."""

    def change(old: str, new: str) -> None:
        assert old in MODEL
        (config_dir / "models" / "failures.yml").write_text(MODEL.replace(old, new))

    return change


def test_what_is_right_is_said_of_groups_labels_and_models(look_at_dbt) -> None:
    told = {one.subject: one.message for one in look_at_dbt() if one.part == "contracts"}

    assert told["machine_readings"] == "feature group of machine (machine_id text), 2 feature(s)"
    assert told["failure_labels"] == "label of machine: failed (binary), known after 7 day(s)"
    assert told["failures"] == "binary of failure_labels.failed from 2 feature(s) of machine_readings"


@pytest.mark.parametrize(
    ("columns", "mark"),
    [
        ("[machine_id]", "fault"),
        ("[as_of_date]", "fault"),
        ("[as_of_date, machine_id, heat_max]", "note"),
        ("[machine_id, as_of_date]", None),
    ],
)
def test_the_primary_key_is_event_time_and_keys(look_at_dbt, project, columns: str, mark: str | None) -> None:
    project.replace(MART_YML, "[as_of_date, machine_id]", columns)

    found = [one for one in look_at_dbt() if one.mark != "fine"]

    assert [one.mark for one in found] == ([mark] if mark else [])
    if mark:
        assert "a row is named by as_of_date, machine_id" in found[0].message


def test_no_primary_key_is_worth_knowing(look_at_dbt, project) -> None:
    project.replace(MART_YML, "type: primary_key", "type: unique")

    assert "its contract has no primary key" in only(notes(look_at_dbt())).message


def test_an_online_view_that_lacks_a_column_of_the_mart_is_a_fault(look_at_dbt, project) -> None:
    project.replace(ONLINE, "distinct on (machine_id) *", "distinct on (machine_id) machine_id, as_of_date, heat_max")

    found = only(faults(look_at_dbt()))

    assert found.subject == "machine_readings_latest"
    assert "does not return 'reading_count' of the feature group 'machine_readings'" in found.message
    assert found.place.file.endswith(ONLINE)


@pytest.mark.parametrize("lacking", ["machine_id", "as_of_date", "heat_max"])
def test_an_online_view_needs_keys_and_event_time_as_well(look_at_dbt, project, lacking: str) -> None:
    kept = [name for name in ("machine_id", "as_of_date", "heat_max", "reading_count") if name != lacking]
    project.replace(ONLINE, "distinct on (machine_id) *", ", ".join(kept))

    assert f"does not return {lacking!r}" in only(faults(look_at_dbt())).message


def test_an_online_view_that_cannot_be_told_is_worth_knowing(look_at_dbt, project) -> None:
    project.replace(ONLINE, "from {{ ref('machine_readings') }}", "from elsewhere.machine_readings")

    found = look_at_dbt()

    assert not faults(found)
    assert "cannot be told" in only(notes(found)).message


def test_a_group_without_an_online_table_is_worth_knowing(look_at_dbt, project) -> None:
    project.replace(MART_YML, "          online: machine_readings_latest\n", "")

    assert "cannot be served by key" in only(notes(look_at_dbt())).message


def test_an_online_model_that_dbt_does_not_have_is_a_fault(look_at_dbt, project) -> None:
    project.replace(MART_YML, "machine_readings_latest", "machine_reading_latest")

    found = next(one for one in faults(look_at_dbt()) if one.subject == "machine_readings")

    assert "Did you mean 'machine_readings_latest'?" in found.message


@pytest.mark.parametrize(
    ("old", "new", "key", "reason"),
    [
        ("failure_labels.failed", "failures_labels.failed", "label", "'failures_labels', which is no label table"),
        ("failure_labels.failed", "failure_labels.fails", "", "has no label 'fails'; did you mean 'failed'?"),
        ("[machine_readings]", "[machine_reading]", "features.groups", "did you mean 'machine_readings'?"),
        ("task: binary", "task: multiclass", "task", "task is multiclass, but the label"),
        ("groups: [machine_readings]", "groups: [machine_readings], sets: [basic]", "features.sets", "no feature set"),
        (
            "trainer: ada", "trainer: ada\ngates: {fairness: {attributes: [heat_maxx]}}", "gates.fairness.attributes",
            "did you mean 'heat_max'?",
        ),
    ],
)  # fmt: skip
def test_what_a_model_names_and_dbt_does_not_have_is_a_fault(look_at_dbt, declare, old, new, key, reason) -> None:
    declare(old, new)

    found = only(faults(look_at_dbt()))

    assert (found.subject, found.place.key) == ("failures", key)
    assert reason in found.message
    assert (found.place.line is not None) == bool(key)
    assert found.place.file.endswith("models/failures.yml")


def test_keys_of_other_types_in_group_and_label_are_a_fault(look_at_dbt, project) -> None:
    project.replace(
        MART_YML, "name: machine_id\n        data_type: text", "name: machine_id\n        data_type: bigint"
    )

    found = next(one for one in faults(look_at_dbt()) if one.subject == "failures")

    assert "machine (machine_id integer)" in found.message
    assert "machine (machine_id text)" in found.message


def test_windows_that_overlap_are_worth_knowing(look_at_dbt, declare) -> None:
    declare("training_cutoff_spacing_days: 7", "training_cutoff_spacing_days: 6")

    found = only(notes(look_at_dbt()))

    assert "looks 7 days ahead and training cutoffs are 6 days apart" in found.message
    assert "to 7, unless" in found.remedy
    assert found.place.key == "training.training_cutoff_spacing_days"


def test_a_table_without_time_has_no_cutoffs_that_overlap(look_at_dbt, declare) -> None:
    declare("training_cutoff_spacing_days: 7", "training_cutoff_spacing_days: 6, split: entity")

    assert not notes(look_at_dbt())


def test_a_single_cutoff_overlaps_with_none(look_at_dbt, declare) -> None:
    declare(
        "{training_cutoff_spacing_days: 7}",
        "{training_cutoff_spacing_days: 6, training_cutoffs: 1, min_training_cutoffs: 1}",
    )

    assert not notes(look_at_dbt())


def test_cutoffs_closer_than_the_dates_of_a_group_are_worth_knowing(look_at_dbt, project: PlantProject) -> None:
    project.replace(
        MART_YML, "          owner: maintenance", "          owner: maintenance\n          cadence_days: 14"
    )

    assert "has a date every 14 days" in only(notes(look_at_dbt())).message


def test_cutoffs_as_far_apart_as_the_dates_of_a_group_are_fine(look_at_dbt, project: PlantProject) -> None:
    project.replace(MART_YML, "          owner: maintenance", "          owner: me\n          cadence_days: 7")

    assert not notes(look_at_dbt())


def test_those_who_may_approve_are_named_without_the_trainer(look_at_dbt, declare) -> None:
    declare("[grace]", "[ada, grace]")

    assert any("may be approved by grace, Anonymous; ada trains it" in one.message for one in look_at_dbt())


def test_versions_that_nobody_approves_are_worth_knowing(look_at_dbt, declare) -> None:
    declare("{approvers: [grace]}", "{approvers: [grace], is_approval_required: false}")

    assert "nobody has to approve" in only(notes(look_at_dbt())).message
