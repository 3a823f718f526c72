"""All of it at once: dbt's own manifest, all faults of a trial in one run, and files that are spoilt in any way."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from include.check import dbt, run
from include.check.__main__ import main
from include.check.finding import Finding
from include.check.run import run_checks
from include.settings import CONFIG_DIR, PROJECT_ROOT
from tests.unit.check.conftest import faults, notes, only
from tests.unit.check.plant_project import MODEL, SOURCES, PlantProject

MART_YML = "models/marts/machine_readings.yml"
UseProject = Callable[[PlantProject], Path]


@pytest.fixture
def plant_dir(config_dir: Path, root: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The plant's settings, with its files where they are declared."""
    monkeypatch.setenv("ORRERY_SOURCES_DIR", str(root))
    return config_dir


@pytest.fixture
def parsed_at_once(project: PlantProject, use_project: UseProject, monkeypatch: pytest.MonkeyPatch) -> PlantProject:
    """The plant's dbt project, parsed without dbt."""

    def parse(found: dict[str, Any]) -> Iterator[Finding]:
        found |= project.parse()
        yield from ()

    use_project(project)
    monkeypatch.setattr(dbt, "parse_project", parse)
    return project


def check(folder: Path, model: str | None = None) -> list[Finding]:
    return list(run_checks(folder, model, {}))


def test_what_dbt_parses_tells_the_same_as_the_plant_of_these_tests(
    plant_dir: Path, project: PlantProject, use_project: UseProject, monkeypatch: pytest.MonkeyPatch
) -> None:
    use_project(project)

    found = check(plant_dir)

    assert [one.describe() for one in found if one.mark != "fine"] == [only(notes(found)).describe()]
    assert only(notes(found)).part == "database"

    monkeypatch.setattr(dbt, "parse_project", lambda found: found.update(project.parse()) or ())
    assert [one for one in found if one.subject != "project"] == check(plant_dir)


def spoil(config_dir: Path, root: Path, project: PlantProject) -> None:
    """Make every mistake of the trial at once."""
    root.joinpath("readings").rename(root.parent / "deliveries")
    (root / "other").mkdir()
    sources = SOURCES.replace("heat: {type", "warmth: {type").replace("path: readings/", "path: deliveries/")
    (config_dir / "sources.yml").write_text(sources)
    models = {
        "failures": MODEL.replace("failure_labels.failed", "failure_label.failed"),
        "repairs": MODEL.replace("[grace]", "[ada]"),
    }
    for name, text in models.items():
        (config_dir / "models" / f"{name}.yml").write_text(text)
    project.replace(
        "models/marts/machine_readings.sql", "from readings\n", "from readings\nwhere heat > {{ var('low') }}\n"
    )
    project.replace(
        MART_YML,
        "      - name: reading_count",
        "      - name: heat_std\n        data_type: real\n      - name: reading_count",
    )
    project.replace(
        MART_YML, "name: machine_id\n        data_type: text", "name: machine_id\n        data_type: bigint"
    )
    project.replace(
        "models/online/machine_readings_latest.sql", "(machine_id) *", "(machine_id) machine_id, as_of_date"
    )
    project.replace("models/marts/failure_labels.yml", "{failed: binary}", "{failed: regression}")


def test_all_faults_of_a_trial_are_listed_in_one_run(
    plant_dir: Path, root: Path, project: PlantProject, use_project: UseProject, capsys: pytest.CaptureFixture[str]
) -> None:
    spoil(plant_dir, root, project)
    use_project(project)

    assert main([]) == 1

    told = capsys.readouterr().out
    for part in (
        "label names the dbt model 'failure_label', which is no label table",
        f"there is no folder {root}/deliveries, where its files should be; files named like it are in",
        "its SQL reads 'heat', which raw.readings does not have",
        "does not return 'heat_max' of the feature group 'machine_readings'",
        "its yml says that 'machine_id' is bigint, and its SQL returns text",
        "the label 'failed' is regression, but of type 'boolean'",
        "an approver besides the trainer",
        "reads the var 'low', which dbt_project.yml does not have",
        "its yml lists the column 'heat_std', which its SQL does not return",
    ):
        assert part in told
    assert "the check itself failed" not in told


def test_what_dbt_cannot_parse_is_said_in_its_words(
    plant_dir: Path, project: PlantProject, use_project: UseProject
) -> None:
    project.replace("models/staging/stg_readings.sql", "source('raw', 'readings')", "source('raw', 'reading')")
    use_project(project)

    found = check(plant_dir)

    fault = only(faults(found))
    assert (fault.part, fault.subject) == ("dbt", "project")
    assert "raw.reading" in fault.message
    assert "\n" not in fault.describe()
    assert any(one.part == "contracts" and "not looked at" in one.message for one in notes(found))


GARBAGE = [b"", b"\xff\xfe", b"[", b"- 1", b"a", b"1: 2\n? [a]\n: b\n", b"sources: 1\nenvironments: 2\n", b"&a [*a]"]


@pytest.mark.parametrize("content", GARBAGE)
@pytest.mark.parametrize(
    "name", ["sources.yml", "training.yml", "features.yml", "models/failures.yml", "models/new.yml"]
)
def test_no_content_of_a_settings_file_stops_the_check(
    plant_dir: Path, parsed_at_once: PlantProject, name: str, content: bytes
) -> None:
    (plant_dir / name).write_bytes(content)

    found = check(plant_dir)

    assert all("check itself failed" not in one.message and "\n" not in one.describe() for one in found)
    assert {one.part for one in found} >= {"settings", "dbt", "contracts", "database"}
    is_good = name == "features.yml" and content == b""
    assert bool(faults(found)) != is_good


def test_settings_that_are_a_folder_or_absent_stop_nothing(plant_dir: Path, parsed_at_once: PlantProject) -> None:
    shutil.rmtree(plant_dir / "models")
    (plant_dir / "gates.yml").unlink()
    (plant_dir / "gates.yml").mkdir()

    found = check(plant_dir)

    assert {one.subject for one in faults(found)} == {"gates.yml"}
    assert {one.subject for one in notes(found)} >= {"models"}


@pytest.mark.parametrize(
    "spoilt",
    [
        {"meta": {"feature_group": None}},
        {"meta": {"feature_group": {"keys": 1}}},
        {"meta": {"label": "x"}},
        {"meta": []},
        {"contract": None},
    ],
)
def test_no_meta_stops_the_check(plant_dir: Path, parsed_at_once: PlantProject, spoilt: dict[str, Any]) -> None:
    manifest = parsed_at_once.parse()
    manifest["nodes"]["model.plant.machine_readings"]["config"] |= spoilt
    parsed_at_once.parse = lambda: manifest  # type: ignore[method-assign]

    found = check(plant_dir)

    assert "database" in {one.part for one in found}
    assert all("\n" not in one.describe() for one in found)


def test_a_part_that_breaks_down_is_a_fault_and_the_others_go_on(
    plant_dir: Path, parsed_at_once: PlantProject, monkeypatch: pytest.MonkeyPatch
) -> None:
    def break_down(*_: Any) -> None:
        raise RuntimeError("oh")

    for module, name in ((run, "read_model_columns"), (run.sources, "check_sources")):
        monkeypatch.setattr(module, name, break_down)

    found = check(plant_dir)

    assert [one.message for one in faults(found)] == ["the check itself failed: RuntimeError: oh"] * 2
    assert {one.part for one in found} >= {"settings", "sources", "dbt", "database"}


def test_a_wrong_environment_is_a_fault_and_development_is_looked_at(
    plant_dir: Path, parsed_at_once: PlantProject
) -> None:
    found = list(run_checks(plant_dir, None, {"ORRERY_ENVIRONMENT": "produktion"}))

    assert "produktion" in only(faults(found)).message


def test_one_model_is_looked_at_in_every_part(plant_dir: Path, parsed_at_once: PlantProject) -> None:
    (plant_dir / "models" / "broken.yml").write_text("a: 1\n")
    (plant_dir / "models" / "other.yml").write_text(MODEL.replace(".failed", ".fails"))

    assert {one.subject for one in faults(check(plant_dir))} == {"broken", "other"}
    assert not faults(check(plant_dir, "failures"))
    assert {one.subject for one in faults(check(plant_dir, "other"))} == {"other"}


def test_json_holds_the_same_findings(
    plant_dir: Path, parsed_at_once: PlantProject, capsys: pytest.CaptureFixture[str]
) -> None:
    (plant_dir / "models" / "other.yml").write_text(MODEL.replace(".failed", ".fails"))

    assert main(["--json"]) == 1

    told = json.loads(capsys.readouterr().out)
    assert told["can_work"] is False
    assert told["counts"]["fault"] == 1
    assert sum(told["counts"].values()) == len(told["findings"])
    fault = next(one for one in told["findings"] if one["mark"] == "fault")
    assert fault["place"]["file"].endswith("other.yml")
    assert "did you mean 'failed'?" in fault["message"]


def test_the_last_line_counts(
    plant_dir: Path, parsed_at_once: PlantProject, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([]) == 0

    told = capsys.readouterr().out.splitlines()
    marks = [line.strip()[:1] for line in told if line.startswith("  ")]
    assert told[-1] == (
        f"✔ {len(marks)} findings: {marks.count('✔')} fine, {marks.count('!')} worth knowing, 0 that cannot work."
    )


def test_the_project_as_shipped_can_work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("ORRERY_CONFIG_DIR", "ORRERY_SOURCES_DIR", "ORRERY_WAREHOUSE_URI", "ORRERY_ENVIRONMENT"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("ORRERY_HOME", str(tmp_path))

    done = subprocess.run(
        [sys.executable, "-m", "include.check", "--json"], cwd=PROJECT_ROOT, capture_output=True, text=True, check=False
    )

    assert done.stderr == ""
    told = json.loads(done.stdout)
    assert [one for one in told["findings"] if one["mark"] == "fault"] == []
    assert done.returncode == 0
    subjects = {one["subject"] for one in told["findings"]}
    assert subjects >= {"sources.yml", "project", "columns", "warehouse"}
    assert not any("cannot be told" in one["message"] for one in told["findings"])


def test_the_project_as_shipped_can_work_on_an_empty_warehouse(warehouse_uri: str) -> None:
    found = list(run_checks(CONFIG_DIR, None, {"ORRERY_WAREHOUSE_URI": warehouse_uri}))

    database = [one for one in found if one.part == "database"]
    assert not faults(database)
    assert "has every migration of this release" in database[0].message
    assert {one.subject.partition(".")[0] for one in notes(database)} > {"raw", "features"}
