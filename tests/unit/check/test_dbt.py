"""dbt: vars, meta, sources against declarations, and SQL against what it reads and what its contract says."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.check.conftest import faults, notes, only
from tests.unit.check.plant_project import SOURCES, PlantProject

STAGING = "models/staging/stg_readings.sql"
DESCRIBED = "models/staging/_sources.yml"
MART = "models/marts/machine_readings.sql"
MART_YML = "models/marts/machine_readings.yml"
LABELS_YML = "models/marts/failure_labels.yml"


def line_of(project: PlantProject, path: str, text: str) -> int:
    return next(number for number, line in enumerate(project.files[path].splitlines(), start=1) if text in line)


def test_a_project_that_is_right_is_fine(look_at_dbt) -> None:
    found = look_at_dbt()

    assert {one.mark for one in found} == {"fine"}
    assert any(one.message.startswith("4 model(s) read columns") or "5 model(s)" in one.message for one in found)


@pytest.mark.parametrize(
    ("path", "old", "new"),
    [
        (STAGING, "    from source", "    from source where heat < {{ var('heat_limt') }}"),
        ("macros/names.sql", "var('heat_limit')", "var('heat_limt')"),
        (MART, "with readings", "{{ config(post_hook=\"select {{ var('heat_limt') }}\") }}\nwith readings"),
    ],
)
def test_a_var_that_nobody_sets_is_a_fault(look_at_dbt, project, path: str, old: str, new: str) -> None:
    project.replace(path, old, new)
    if "post_hook" in new:
        manifest = project.parse()
        manifest["nodes"]["model.plant.machine_readings"]["config"]["post-hook"] = [{"sql": "{{ var('heat_limt') }}"}]
        project.parse = lambda: manifest

    found = only(faults(look_at_dbt()))

    assert "reads the var 'heat_limt', which dbt_project.yml does not have" in found.message
    assert "Did you mean 'heat_limit'?" in found.remedy
    assert found.place.file.endswith(path)
    assert found.place.line == line_of(project, path, "heat_limt")


def test_a_macro_that_nobody_calls_may_read_any_var(look_at_dbt, project) -> None:
    project.files["macros/more.sql"] = "{% macro unused() %}{{ var('nowhere') }}{% endmacro %}"

    assert not faults(look_at_dbt())


def test_a_column_that_raw_does_not_have_is_a_fault_of_the_model(look_at_dbt, project) -> None:
    # The source's file has another column than the dbt source describes and the staging model reads.
    found = look_at_dbt(SOURCES.replace("heat: {type", "warmth: {type"))

    fault = only([one for one in faults(found) if one.subject == "stg_readings"])
    assert "its SQL reads 'heat', which raw.readings does not have" in fault.message
    assert fault.place.file.endswith(STAGING)
    assert fault.place.line == line_of(project, STAGING, "heat")
    assert any("describes the column 'heat', which sources.yml does not publish" in one.message for one in notes(found))
    assert any("does not describe warmth" in one.message for one in notes(found))


def test_a_published_name_counts_and_not_the_delivered_one(look_at_dbt, project) -> None:
    project.replace(STAGING, "        day\n", "        day,\n        measured_at\n")

    found = only(faults(look_at_dbt()))

    assert "reads 'measured_at'" in found.message


def test_a_column_that_an_upstream_model_does_not_return_is_a_fault(look_at_dbt, project) -> None:
    project.replace(MART, "max(heat)", "max(heet)")

    found = only(faults(look_at_dbt()))

    assert "its SQL reads 'heet', which the model 'stg_readings' does not return" in found.message
    assert "Did you mean 'heat'?" in found.remedy


def test_a_column_of_the_contract_that_the_sql_does_not_return_is_a_fault(look_at_dbt, project) -> None:
    project.replace(MART, ",\n    count(*)::integer as reading_count", "")

    found = only(faults(look_at_dbt()))

    assert found.subject == "machine_readings"
    assert "lists the column 'reading_count', which its SQL does not return" in found.message
    assert found.place.line == line_of(project, MART_YML, "reading_count")


def test_a_column_that_the_contract_does_not_list_is_a_fault(look_at_dbt, project) -> None:
    project.replace(MART, "from readings\n", ", min(heat)::double precision as heat_min\nfrom readings\n")

    assert "returns 'heat_min', which its contract does not list" in only(faults(look_at_dbt())).message


def test_a_group_without_a_contract_is_held_to_its_columns_all_the_same(look_at_dbt, project) -> None:
    manifest = project.parse()
    manifest["nodes"]["model.plant.machine_readings"]["config"]["contract"] = {"enforced": False}
    manifest["nodes"]["model.plant.machine_readings"]["columns"]["heat_std"] = {"data_type": "real", "config": {}}
    project.parse = lambda: manifest

    messages = [one.message for one in faults(look_at_dbt())]

    assert any("lists the column 'heat_std', which its SQL does not return" in one for one in messages)


def test_a_described_column_of_another_model_is_worth_knowing(look_at_dbt, project) -> None:
    project.files["models/staging/stg_readings.yml"] = "models: [{name: stg_readings, columns: [{name: heatt}]}]"

    found = look_at_dbt()

    assert not faults(found)
    assert "describes heatt, which its SQL does not return" in only(notes(found)).message


def test_a_text_key_that_is_declared_as_integer_is_a_fault(look_at_dbt, project) -> None:
    for path in (MART_YML, LABELS_YML):
        project.replace(
            path, "name: machine_id\n        data_type: text", "name: machine_id\n        data_type: bigint"
        )

    found = faults(look_at_dbt())

    # The values are text since sources.yml says so, through all models that hand them on.
    assert {one.subject for one in found} == {"machine_readings", "failure_labels"}
    assert all("says that 'machine_id' is bigint, and its SQL returns text" in one.message for one in found)
    assert found[0].place.line == line_of(project, f"models/marts/{found[0].subject}.yml", "machine_id")


def test_a_text_key_that_meta_declares_as_integer_is_a_fault(look_at_dbt, project) -> None:
    project.replace(MART_YML, "keys: [machine_id]", "keys: [{name: machine_id, type: integer}]")

    found = [one for one in faults(look_at_dbt()) if one.subject == "machine_readings"]

    assert "key 'keys.0': expected a valid string" in only(found).message
    assert only(found).remedy == "keys are names of columns; the type of each is its data_type"
    assert only(found).place.line == line_of(project, MART_YML, "keys:")


@pytest.mark.parametrize(
    ("kind", "data_type"), [("regression", "boolean"), ("binary", "double precision"), ("multiclass", "date")]
)
def test_a_label_of_a_kind_that_does_not_fit_its_column_is_a_fault(look_at_dbt, project, kind, data_type) -> None:
    project.replace(LABELS_YML, "{failed: binary}", f"{{failed: {kind}}}")
    project.replace(LABELS_YML, "data_type: boolean", f"data_type: {data_type}")

    fault = next(one for one in faults(look_at_dbt()) if one.subject == "failure_labels")

    assert f"the label 'failed' is {kind}, but of type {data_type!r}" in fault.message


def test_a_horizon_that_is_no_number_of_days_is_a_fault(look_at_dbt, project) -> None:
    project.replace(LABELS_YML, "\"{{ var('failure_horizon_days') }}\"", "a week")

    fault = next(one for one in faults(look_at_dbt()) if one.subject == "failure_labels")

    assert "horizon_days" in fault.message
    assert "'a week'" in fault.message


def test_a_source_that_is_read_and_not_declared_is_a_fault(look_at_dbt, project) -> None:
    project.replace(DESCRIBED, "- name: readings", "- name: reading")
    project.replace(STAGING, "'readings'", "'reading'")

    found = look_at_dbt()

    fault = only(faults(found))
    assert "raw.reading is no source of sources.yml" in fault.message
    assert "stg_readings reads it" in fault.message
    assert "Did you mean 'readings'?" in fault.remedy
    assert fault.place.line == line_of(project, DESCRIBED, "reading")
    assert "no dbt model reads raw.readings" in only(notes(found)).message


def test_a_source_that_nobody_reads_is_worth_knowing(look_at_dbt, project) -> None:
    project.replace(DESCRIBED, "      - name: partitions", "      - name: extra\n      - name: partitions")
    further = SOURCES + SOURCES.partition("sources:\n")[2].replace("readings:", "repairs:").replace("readings/", "rep/")

    found = look_at_dbt(further)

    assert not faults(found)
    assert {one.subject for one in notes(found)} == {"extra", "repairs"}


def test_a_test_of_a_source_is_no_model_that_reads_it(look_at_dbt, project) -> None:
    project.replace(DESCRIBED, "      - name: partitions", "      - name: extra\n      - name: partitions")
    manifest = project.parse()
    manifest["nodes"]["test.plant.t"] = {
        "name": "t", "resource_type": "test", "package_name": "plant", "raw_code": "", "config": {},
        "original_file_path": "t.sql", "depends_on": {"nodes": ["source.plant.raw.extra"], "macros": []},
    }  # fmt: skip
    project.parse = lambda: manifest

    found = look_at_dbt()

    assert not faults(found)
    assert only(notes(found)).subject == "extra"


def test_a_source_is_not_read_by_who_reads_another_of_its_name(look_at_dbt, project) -> None:
    project.files[DESCRIBED] += "  - name: crm\n    tables: [{name: readings}]\n"
    project.replace(STAGING, "source('raw', 'readings')", "source('crm', 'readings')")

    assert "no dbt model reads raw.readings" in only(notes(look_at_dbt())).message


def test_a_source_need_not_be_described(look_at_dbt, project) -> None:
    text = project.files[DESCRIBED]
    start, end = text.index("        columns:"), text.index("      - name: partitions")
    project.files[DESCRIBED] = text[:start] + text[end:]

    assert {one.mark for one in look_at_dbt()} == {"fine"}


def test_sources_of_other_schemas_are_the_analysts_own(look_at_dbt, project) -> None:
    project.files[DESCRIBED] += "  - name: crm\n    tables: [{name: accounts}, {name: readings}]\n"
    project.files["models/staging/stg_accounts.sql"] = "select anything from {{ source('crm', 'accounts') }}"
    project.files["models/staging/stg_others.sql"] = "select anything from {{ source('crm', 'readings') }}"

    assert {one.mark for one in look_at_dbt()} == {"fine"}


@pytest.mark.parametrize(
    "code", ["{{ dbt_utils.star('x') }}", "{% if execute %}", "select from where {", "{{ 1 / 0 }}"]
)
def test_a_model_that_cannot_be_told_is_named_and_no_fault(look_at_dbt, project, code: str) -> None:
    project.files["models/staging/stg_odd.sql"] = code

    found = look_at_dbt()

    assert not faults(found)
    assert "cannot be told without a database: stg_odd" in only(notes(found)).message


def test_without_settings_of_sources_the_sql_is_still_looked_at(project, tmp_path: Path) -> None:
    from include.check.columns import read_model_columns

    project.replace(MART, "max(heat)", "max(heet)")

    told = read_model_columns(project.parse(), project.variables, None)

    assert [one.column for one in told["machine_readings"].absent] == ["heet"]
    assert not told["stg_readings"].absent
