"""House rules of the DAGs; a failure names the DAG and the remedy."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import Any

import pytest

from include import assets

DAGS_DIR = Path(__file__).resolve().parents[2] / "dags"
DAG_FILES = sorted(DAGS_DIR.glob("*.py"))
HOPS = {"ingest_sources", "build_features", "train_candidates", "deploy_model", "score_batch", "monitor_model"}


def test_all_dags_are_found_and_none_fails_to_import(dag_bag: dict[str, Any]) -> None:
    assert dag_bag["errors"] == {}
    assert set(dag_bag["dags"]) == HOPS | {"rollback_model"}


def test_a_dag_has_the_name_of_its_file(dag_bag: dict[str, Any]) -> None:
    for dag_id, dag in dag_bag["dags"].items():
        assert Path(dag["file"]).stem == dag_id, f"{dag_id} stands in {dag['file']}: give both one name."


def test_a_dag_has_a_page_tags_and_one_run_at_a_time(dag_bag: dict[str, Any]) -> None:
    for dag_id, dag in dag_bag["dags"].items():
        assert "When it" in (dag["doc"] or ""), f"{dag_id}: its docstring must say what to do when it fails."
        assert "orrery" in dag["tags"], f"{dag_id}: build it with dag_defaults()."
        assert not dag["catchup"], f"{dag_id}: catchup must be off; backfills are asked for."
        assert dag["max_active_runs"] == 1, f"{dag_id}: two runs at once would race for the same partitions."


def test_every_task_has_an_owner_and_retries(dag_bag: dict[str, Any]) -> None:
    for dag_id, dag in dag_bag["dags"].items():
        for task_id, task in dag["tasks"].items():
            assert task["owner"] not in ("", "airflow"), f"{dag_id}.{task_id}: set an owner (dag_defaults)."
            assert task["retries"] >= 1, f"{dag_id}.{task_id}: set retries (dag_defaults)."


def test_no_task_waits_in_a_slot(dag_bag: dict[str, Any]) -> None:
    for dag_id, dag in dag_bag["dags"].items():
        waiting = [task_id for task_id, task in dag["tasks"].items() if task["waits_in_a_slot"]]
        assert waiting == [], f"{dag_id}: {waiting} would keep from work what they wait for: let them defer."


def test_each_hop_ends_in_the_asset_that_starts_the_next(dag_bag: dict[str, Any]) -> None:
    dags = dag_bag["dags"]
    produced = {
        outlet: dag_id for dag_id in HOPS for task in dags[dag_id]["tasks"].values() for outlet in task["outlets"]
    }
    consumed = {name: {dag_id for dag_id, dag in dags.items() if name in dag["assets"]} for name in assets.FLOW}
    assert {name: produced[name] for name in assets.FLOW} == {
        assets.RAW: "ingest_sources",
        assets.FEATURES: "build_features",
        assets.CANDIDATE: "train_candidates",
        assets.CHAMPION: "deploy_model",
        assets.PREDICTIONS: "score_batch",
        assets.RETRAIN_REQUESTED: "monitor_model",
    }
    assert consumed == {
        assets.RAW: {"build_features"},
        assets.FEATURES: {"train_candidates", "score_batch"},
        assets.CANDIDATE: {"deploy_model"},
        assets.CHAMPION: {"score_batch"},
        assets.PREDICTIONS: {"monitor_model"},
        assets.RETRAIN_REQUESTED: {"train_candidates"},
    }


def test_dbt_tests_follow_their_models(dag_bag: dict[str, Any]) -> None:
    tasks = dag_bag["dags"]["build_features"]["tasks"]
    tested = [task_id for task_id in tasks if task_id.endswith(".test")]
    assert tested, "no dbt test is rendered: look at dbt_models()."
    for task_id in tested:
        assert task_id.removesuffix("test") + "run" in tasks[task_id]["upstream"]


def test_families_are_mapped_astro_sdk_tasks(dag_bag: dict[str, Any]) -> None:
    tasks = dag_bag["dags"]["train_candidates"]["tasks"]
    assert tasks["fit"]["mapped"]
    assert "Dataframe" in tasks["assemble_training_set"]["type"]


@pytest.mark.parametrize("path", DAG_FILES, ids=lambda p: p.name)
def test_a_dag_file_is_wiring(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    tree = ast.parse(text)
    assert not path.name.startswith("dbt_"), f"{path.name}: dbt imports modules of that name as plugins."
    assert len(text.splitlines()) <= 150, f"{path.name}: move code to include/; a DAG file is wiring."
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom):
            assert not (node.module or "").startswith("dags"), f"{path.name} imports from dags/."
        if isinstance(node, ast.Compare | ast.For | ast.While) and not isinstance(node, ast.comprehension):
            names = {getattr(child, "id", "") for child in ast.walk(node)}
            assert not names & {"auc", "threshold", "metric"}, f"{path.name} decides: decisions live in include/."
