"""House rules of the DAGs; a failure names the DAG and the remedy."""

from __future__ import annotations

import ast
import json
import os
import shutil
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import yaml

from include import assets
from include.features.catalog import load_catalog
from include.features.manifest import TARGET_VARIABLE
from include.settings import CONFIG_DIR, load_settings
from tests.dags.conftest import ROOT, DagBagReader, airflow_test_environment

DAGS_DIR = Path(__file__).resolve().parents[2] / "dags"
DAG_FILES = sorted(DAGS_DIR.glob("*.py"))
SHARED = {"ingest_sources", "build_features", "maintain", "notify_test"}
HOPS = {"train_candidates", "deploy_model", "score_batch", "monitor_model", "rollback_model"}
MODELS = load_settings().models


def test_every_model_has_its_dags_and_none_fails_to_import(dag_bag: dict[str, Any]) -> None:
    assert dag_bag["errors"] == {}
    assert set(dag_bag["dags"]) == SHARED | {f"{model}.{hop}" for model in MODELS for hop in HOPS}


def test_a_dag_stands_in_the_file_of_its_hop(dag_bag: dict[str, Any]) -> None:
    for dag_id, dag in dag_bag["dags"].items():
        assert Path(dag["file"]).stem == dag_id.rpartition(".")[2], f"{dag_id} stands in {dag['file']}."


def test_a_dag_has_a_page_tags_and_one_run_at_a_time(dag_bag: dict[str, Any]) -> None:
    for dag_id, dag in dag_bag["dags"].items():
        assert "When it" in (dag["doc"] or ""), f"{dag_id}: its docstring must say what to do when it fails."
        assert "orrery" in dag["tags"], f"{dag_id}: build it with dag_defaults()."
        assert not dag["catchup"], f"{dag_id}: catchup must be off; backfills are asked for."
        assert dag["max_active_runs"] == 1, f"{dag_id}: two runs at once would race for the same partitions."


def test_a_models_dags_carry_its_name_its_page_and_its_owner(dag_bag: dict[str, Any]) -> None:
    for name, model in MODELS.items():
        for hop in HOPS:
            dag = dag_bag["dags"][f"{name}.{hop}"]
            assert name in dag["tags"]
            assert model.description in dag["doc"]
            assert {task["owner"] for task in dag["tasks"].values()} == {model.owner}


def test_every_task_has_an_owner_and_retries(dag_bag: dict[str, Any]) -> None:
    for dag_id, dag in dag_bag["dags"].items():
        for task_id, task in dag["tasks"].items():
            assert task["owner"] not in ("", "airflow"), f"{dag_id}.{task_id}: set an owner (dag_defaults)."
            assert task["retries"] >= 1, f"{dag_id}.{task_id}: set retries (dag_defaults)."


def test_no_sensor_waits_in_a_slot(dag_bag: dict[str, Any]) -> None:
    for dag_id, dag in dag_bag["dags"].items():
        waiting = [task_id for task_id, task in dag["tasks"].items() if task["waits_in_a_slot"]]
        assert waiting == [], f"{dag_id}: {waiting} would keep from work what they wait for: let them defer."


def test_each_hop_ends_in_the_asset_that_starts_the_next(
    dag_bag: dict[str, Any], manifest_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(TARGET_VARIABLE, str(manifest_dir))
    catalog, dags = load_catalog(), dag_bag["dags"]
    produced = {
        outlet: {dag_id for dag_id, dag in dags.items() for task in dag["tasks"].values() if outlet in task["outlets"]}
        for dag in dags.values() for task in dag["tasks"].values() for outlet in task["outlets"]
    }  # fmt: skip
    built = {*map(assets.features_of, catalog.groups), *map(assets.labels_of, catalog.labels)}
    expected = {assets.RAW: {"ingest_sources"}, **{name: {"build_features"} for name in built}}
    consumed = {"build_features": {assets.RAW}}
    for name, model in MODELS.items():
        groups = set(map(assets.features_of, model.features.groups))
        expected |= {
            assets.candidate_of(name): {f"{name}.train_candidates"},
            assets.champion_of(name): {f"{name}.deploy_model", f"{name}.rollback_model"},
            assets.predictions_of(name): {f"{name}.score_batch"},
            assets.retrain_requested_of(name): {f"{name}.monitor_model"},
        }
        consumed |= {
            f"{name}.train_candidates": groups
            | {assets.labels_of(model.label_table), assets.retrain_requested_of(name)},
            f"{name}.deploy_model": {assets.candidate_of(name)},
            f"{name}.score_batch": groups | {assets.champion_of(name)},
            f"{name}.monitor_model": {assets.predictions_of(name)},
        }
    assert produced == expected
    assert {dag_id: set(dag["assets"]) for dag_id, dag in dags.items() if dag["assets"]} == consumed


def test_every_dbt_model_is_a_task_and_every_dbt_test_belongs_to_one(
    dag_bag: dict[str, Any], manifest_dir: Path
) -> None:
    nodes = json.loads((manifest_dir / "manifest.json").read_text(encoding="utf-8"))["nodes"].values()
    tasks = dag_bag["dags"]["build_features"]["tasks"]

    assert {f"dbt.{node['name']}" for node in nodes if node["resource_type"] == "model"} <= set(tasks)
    tests = {node["unique_id"] for node in nodes if node["resource_type"] == "test"}
    assert tests
    owners = Counter(test for task in tasks.values() for test in task["tests"])
    assert set(owners) == tests
    # dbt blocks nothing by a test of two models neither of which is built after the other; a failure would stop both
    # tasks, and what dbt builds meanwhile would be new already. A `depends_on` puts them in order.
    warnings = {node["unique_id"] for node in nodes if node.get("config", {}).get("severity", "").lower() == "warn"}
    assert {test for test, count in owners.items() if count > 1} <= warnings


def test_a_group_is_announced_when_it_and_its_online_table_are_tested_and_not_before(
    dag_bag: dict[str, Any], manifest_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(TARGET_VARIABLE, str(manifest_dir))
    tasks = dag_bag["dags"]["build_features"]["tasks"]
    for group in load_catalog().groups.values():
        upstream = set(tasks[f"publish_{group.name}"]["upstream"])
        nodes = {group.name, *([group.online_model] if group.online_model else [])}
        assert {name.split(".")[1] for name in upstream} == nodes, f"publish_{group.name} waits for {upstream}"


def test_labels_are_announced_after_the_groups_whatever_becomes_of_those(
    dag_bag: dict[str, Any], manifest_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(TARGET_VARIABLE, str(manifest_dir))
    tasks, catalog = dag_bag["dags"]["build_features"]["tasks"], load_catalog()

    assert {f"publish_{name}" for name in catalog.groups} < set(tasks["build_is_over"]["upstream"])
    assert tasks["build_is_over"]["trigger_rule"].lower().endswith("all_done")
    for name in catalog.labels:
        assert set(tasks[f"publish_{name}"]["upstream"]) == {f"dbt.{name}", "build_is_over"}


def test_ingestion_confirms_its_own_day_when_what_is_late_is_published(dag_bag: dict[str, Any]) -> None:
    tasks = dag_bag["dags"]["ingest_sources"]["tasks"]

    assert [*tasks["confirm"]["upstream"]] == ["publish"]
    assert tasks["confirm"]["mapped"], "a run that has brought its own day starts a worker to say so"
    assert not tasks["confirm"]["outlets"], "what is late is announced although the run fails"


def test_what_stands_between_new_data_and_its_scores_starts_before_the_look_whether_to_train(
    dag_bag: dict[str, Any],
) -> None:
    priorities = {
        f"{dag_id}.{task_id}": task["priority"]
        for dag_id, dag in dag_bag["dags"].items()
        for task_id, task in dag["tasks"].items()
    }
    ingestion = [f"ingest_sources.{task}" for task in ("plan", "land", "audit", "publish")]
    scores = [f"{model}.score_batch.score" for model in MODELS]
    looks = [priority for name, priority in priorities.items() if name.endswith(".train_candidates.plan")]
    assert len(looks) == len(MODELS)
    assert min(priorities[name] for name in (*ingestion, *scores)) > max(looks)


def test_the_audit_has_a_button_to_its_page(dag_bag: dict[str, Any]) -> None:
    assert dag_bag["dags"]["ingest_sources"]["tasks"]["audit"]["links"] == ["Quality"]


def test_what_judges_and_registers_has_a_button_to_the_candidates_page(dag_bag: dict[str, Any]) -> None:
    trainings = [dag for dag_id, dag in dag_bag["dags"].items() if dag_id.endswith(".train_candidates")]
    assert trainings
    for dag in trainings:
        with_button = {name for name, task in dag["tasks"].items() if task["links"] == ["Candidate"]}
        assert with_button == {"judge", "register"}


def test_families_are_mapped_astro_sdk_tasks(dag_bag: dict[str, Any]) -> None:
    for name in MODELS:
        tasks = dag_bag["dags"][f"{name}.train_candidates"]["tasks"]
        assert tasks["fit"]["mapped"]
        assert "Dataframe" in tasks["assemble_training_set"]["type"]


def test_every_gate_is_a_mapped_task_and_nothing_is_decided_before_all_have_answered(dag_bag: dict[str, Any]) -> None:
    for name in MODELS:
        tasks = dag_bag["dags"][f"{name}.train_candidates"]["tasks"]
        assert tasks["gate"]["mapped"]
        assert set(tasks["judge"]["upstream"]) == {"rank", "gate"}
        assert set(tasks["register"]["upstream"]) == {"judge"}


def test_a_file_more_is_a_model_more_and_a_file_less_takes_its_dags_away(
    read_dags: DagBagReader, tmp_path: Path
) -> None:
    shutil.copytree(CONFIG_DIR, tmp_path / "config")
    first, *others = sorted((tmp_path / "config" / "models").glob("*.yml"))
    for path in others:
        path.unlink()
    declaration = yaml.safe_load(first.read_text())
    first.with_name("another.yml").write_text(
        yaml.safe_dump({**declaration, "rollout": {"strategy": "none"}, "training": {"pool": "fits"}})
    )

    dags = read_dags(ORRERY_CONFIG_DIR=str(tmp_path / "config"))["dags"]

    assert set(dags) == SHARED | {f"{model}.{hop}" for model in (first.stem, "another") for hop in HOPS}
    pools = {model: dags[f"{model}.train_candidates"]["tasks"]["fit"]["pool"] for model in (first.stem, "another")}
    assert pools == {first.stem: "default_pool", "another": "fits"}
    # A model without a canary may be given one in a single run, so that its tasks are there.
    assert set(dags["another.deploy_model"]["tasks"]) == set(dags[f"{first.stem}.deploy_model"]["tasks"])


def test_no_strategy_begins_before_the_approval_and_none_is_promoted_past_a_refusal(dag_bag: dict[str, Any]) -> None:
    for name, model in MODELS.items():
        tasks = dag_bag["dags"][f"{name}.deploy_model"]["tasks"]
        steps = [f"canary_{weight:.0%}".replace("%", "_percent") for weight in model.rollout.canary.steps]
        firsts, asked = {steps[0], "ab_test", "blue_green"}, {"approved", "record_approval"}
        assert asked | firsts | {"shadow", "approve"} <= set(tasks)
        assert set(tasks["approve"]["upstream"]) == {"check_staging", "shadow"}
        assert all(set(tasks[first]["upstream"]) == {"check_staging", *asked} for first in firsts)
        ends = {steps[-1], "ab_test", "blue_green"}
        assert set(tasks["promote"]["upstream"]) == {"check_staging", "record_approval", *ends}


def test_models_that_cannot_work_are_named_in_one_import_error_and_touch_no_other(
    read_dags: DagBagReader, tmp_path: Path
) -> None:
    shutil.copytree(CONFIG_DIR, tmp_path / "config")
    folder = tmp_path / "config" / "models"
    first = next(iter(MODELS.values()))
    text = (folder / f"{first.name}.yml").read_text()
    (folder / "wrong.yml").write_text(text.replace("task:", "taks:"))
    (folder / "torn.yml").write_text("description: [")
    (folder / "misfit.yml").write_text(text.replace(first.label_table, "no_labels"))

    bag = read_dags(ORRERY_CONFIG_DIR=str(tmp_path / "config"))

    [(file, message)] = bag["errors"].items()
    assert Path(file).name == "check_models.py"
    for part in (
        "3 of the declared models",
        "wrong.yml",
        "did you mean 'task'?",
        "torn.yml",
        "misfit.yml",
        "no_labels",
    ):
        assert part in message
    assert set(bag["dags"]) == SHARED | {f"{model}.{hop}" for model in (*MODELS, "misfit") for hop in HOPS}


def test_without_a_manifest_the_file_says_so_in_one_line_the_others_go_on_and_it_recovers_by_itself(
    read_dags: DagBagReader, tmp_path: Path
) -> None:
    target = tmp_path / "target"

    bag = read_dags(ORRERY_DBT_TARGET=str(target))

    [message] = bag["errors"].values()
    assert "does not exist yet" in message.strip().splitlines()[-1]
    assert set(bag["dags"]) == SHARED - {"build_features"} | {f"{model}.{hop}" for model in MODELS for hop in HOPS}

    while not (target / "manifest.sha256").exists():
        assert not (target / "manifest.failure.json").exists(), (target / "manifest.log").read_text()
        time.sleep(0.2)
    file = DAGS_DIR / "build_features.py"
    bag = read_dags(ORRERY_DBT_TARGET=str(target), AIRFLOW__CORE__DAGS_FOLDER=str(file))
    assert bag["errors"] == {}
    assert set(bag["dags"]) == {"build_features"}


def test_the_integrity_test_of_the_astro_cli_passes(tmp_path: Path, manifest_dir: Path) -> None:
    """What `astro dev parse` runs; the image holds the manifest."""
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", ".astro/test_dag_integrity_default.py"], cwd=ROOT,
        env={**os.environ, **airflow_test_environment(tmp_path), TARGET_VARIABLE: str(manifest_dir)},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-4000:]
    assert "passed" in done.stdout


@pytest.mark.parametrize("path", DAG_FILES, ids=lambda p: p.name)
def test_a_dag_file_is_wiring(path: Path) -> None:
    """No import from dags/, and no branch or comparison of its own besides the choice of a task's outcome."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    assert not path.name.startswith("dbt_"), f"{path.name}: dbt imports modules of that name as plugins."
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom):
            assert not (node.module or "").startswith("dags"), f"{path.name} imports from dags/."
        if isinstance(node, ast.Compare):
            numbers = [side for side in (node.left, *node.comparators) if isinstance(side, ast.Constant)]
            assert not any(isinstance(side.value, int | float) for side in numbers), (
                f"{path.name}, line {node.lineno} compares with a number: decisions live in include/."
            )
