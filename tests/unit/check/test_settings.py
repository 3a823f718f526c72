"""Settings: every mistake of every file, with its key, its line and the environments that it holds for."""

from __future__ import annotations

from pathlib import Path

import pytest

from include.check.settings import Declared
from tests.unit.check.conftest import faults, notes, only
from tests.unit.check.plant_project import MODEL, SOURCES


def line_of(path: Path, text: str) -> int:
    return next(number for number, line in enumerate(path.read_text().splitlines(), start=1) if text in line)


def edit(path: Path, old: str, new: str) -> Path:
    assert old in path.read_text()
    path.write_text(path.read_text().replace(old, new, 1))
    return path


def test_files_that_are_right_are_fine_and_handed_on(look_at_settings) -> None:
    declared = Declared()

    findings = look_at_settings(declared=declared)

    assert {one.mark for one in findings} == {"fine"}
    assert {one.subject for one in findings} >= {"sources.yml", "training.yml", "features.yml", "failures"}
    assert declared.sources is not None and [*declared.sources.sources] == ["readings"]
    assert [*declared.models] == ["failures"]


def test_mistakes_of_several_files_are_all_listed_with_key_and_line(look_at_settings, config_dir) -> None:
    gates = edit(config_dir / "gates.yml", "leakage:", "leekage:")
    sources = edit(config_dir / "sources.yml", "nullable: true", "nulable: true")
    edit(sources, "format: csv", "format: cvs")

    found = faults(look_at_settings())

    places = {(one.subject, one.place.key, one.place.line) for one in found}
    assert ("gates.yml", "leekage", line_of(gates, "leekage")) in places
    assert ("sources.yml", "sources.readings.columns.heat.nulable", line_of(sources, "nulable")) in places
    assert ("sources.yml", "sources.readings.format", line_of(sources, "cvs")) in places
    assert any("did you mean 'leakage'?" in one.message for one in found)


def test_a_mistake_of_one_environment_is_named_with_it(look_at_settings, config_dir) -> None:
    path = config_dir / "sources.yml"
    path.write_text(f"{SOURCES}environments:\n  production:\n    catch_up_days: none\n")

    found = only(faults(look_at_settings()))

    assert "(for production)" in found.message
    assert found.place.line == line_of(path, "catch_up_days")


def test_a_key_of_one_task_is_named_with_it(look_at_settings, config_dir) -> None:
    path = edit(config_dir / "training.yml", "  regression:\n", "  regression:\n    min_split_count: few\n")

    found = only(faults(look_at_settings()))

    assert "regression, production" in found.message
    assert "binary, production" not in found.message
    assert found.place.line == line_of(path, "min_split_count: few")


def test_house_keys_of_shared_files_are_looked_at(look_at_settings, config_dir) -> None:
    path = edit(config_dir / "governance.yml", "  batch_size: 500", "  batch_size: many")

    found = only(faults(look_at_settings()))

    assert (found.place.key, found.place.line) == ("lineage.batch_size", line_of(path, "batch_size: many"))


@pytest.mark.parametrize("content", ["a: [", "- a\n", "a: 1\na: 2\n", "\x00"])
def test_a_file_that_is_no_settings_file_is_one_fault(look_at_settings, config_dir, content: str) -> None:
    (config_dir / "monitoring.yml").write_text(content)

    found = look_at_settings()

    assert "monitoring.yml" in only(faults(found)).describe()
    # A model that is merged over it cannot be looked at.
    assert "monitoring.yml" in only(notes(found)).message


def test_a_file_that_is_not_text_is_one_fault(look_at_settings, config_dir) -> None:
    (config_dir / "models" / "failures.yml").write_bytes(b"\xff\xfe\x00")

    assert only(faults(look_at_settings())).subject == "failures"


def test_a_shared_file_that_is_gone_is_one_fault(look_at_settings, config_dir) -> None:
    (config_dir / "rollout.yml").unlink()

    assert "does not exist" in only(faults(look_at_settings())).message


def test_a_section_of_a_model_is_named_with_its_line(look_at_settings, config_dir) -> None:
    path = config_dir / "models" / "failures.yml"
    path.write_text(f"{MODEL}gates:\n  interval:\n    min_score_low: high\n")

    found = only(faults(look_at_settings()))

    assert (found.place.key, found.place.line) == ("gates.interval.min_score_low", line_of(path, "min_score_low"))
    assert "(for" not in found.message


def test_a_mistake_of_a_model_in_one_environment_is_named_with_it(look_at_settings, config_dir) -> None:
    path = config_dir / "models" / "failures.yml"
    path.write_text(f"{MODEL}environments:\n  staging:\n    task: guess\n")

    found = only(faults(look_at_settings()))

    assert "(for staging)" in found.message
    assert found.place.line == line_of(path, "task: guess")


def test_an_approver_who_is_only_the_trainer_is_a_fault(look_at_settings, config_dir) -> None:
    edit(config_dir / "models" / "failures.yml", "approvers: [grace]", "approvers: [ada]")
    edit(config_dir / "governance.yml", "extra_approvers: [Anonymous]", "extra_approvers: []")

    found = only(faults(look_at_settings()))

    assert "an approver besides the trainer" in found.message
    assert "'ada' trains this model" in found.message


def test_an_approver_who_is_only_the_trainer_where_nobody_is_added_is_a_fault(look_at_settings, config_dir) -> None:
    edit(config_dir / "models" / "failures.yml", "approvers: [grace]", "approvers: [ada]")

    assert "(for staging; production)" in only(faults(look_at_settings())).message


def test_no_model_is_worth_knowing(look_at_settings, config_dir) -> None:
    (config_dir / "models" / "failures.yml").unlink()

    found = look_at_settings()

    assert not faults(found)
    assert "no model is declared" in only(notes(found)).message


def test_one_model_alone_can_be_looked_at(look_at_settings, config_dir) -> None:
    (config_dir / "models" / "other.yml").write_text("task: none\n")

    assert not faults(look_at_settings("failures"))
    assert {one.subject for one in faults(look_at_settings("other"))} == {"other"}
    unknown = only(faults(look_at_settings("failure")))
    assert "Did you mean 'failures'?" in unknown.remedy


def test_a_file_that_nobody_reads_is_worth_knowing(look_at_settings, config_dir) -> None:
    (config_dir / "source.yml").write_text("root: x\n")

    assert "Did you mean 'sources.yml'?" in only(notes(look_at_settings())).remedy


def test_a_model_in_a_folder_further_down_is_worth_knowing(look_at_settings, config_dir) -> None:
    (config_dir / "models" / "team").mkdir()
    (config_dir / "models" / "team" / "failures.yml").write_text(MODEL)

    assert "a folder further down" in only(notes(look_at_settings())).message


def test_a_model_by_a_name_that_none_may_have_is_a_fault(look_at_settings, config_dir) -> None:
    (config_dir / "models" / "Failures-2.yml").write_text(MODEL)

    found = only(faults(look_at_settings()))

    assert found.subject == "Failures-2"
    assert "NAME.yml" in found.message
