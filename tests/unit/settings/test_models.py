"""A file in the models' folder is a model: what it changes, what is refused, and what its absence means."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from include.errors import SettingsError
from include.settings import load_settings
from include.settings.section import merge_mappings
from tests.unit.settings.conftest import WriteModel


def read_refusal(config_dir: Path, name: str = "failures") -> str:
    """What is said of a model that is refused."""
    settings = load_settings(config_dir, "development")
    assert settings.models == {}
    return settings.broken_models[name]


def test_without_a_file_there_is_no_model(config_dir: Path) -> None:
    assert load_settings(config_dir, "production").models == {}


def test_a_model_takes_what_it_does_not_change_from_the_shared_files(config_dir: Path, write_model: WriteModel) -> None:
    write_model(gates={"baseline": {"min_gain": 0.2}})

    model = load_settings(config_dir, "production").models["failures"]

    assert model.gates.baseline.min_gain == 0.2
    assert model.gates.baseline.severity == "blocking"
    assert model.gates.production.min_gain == -0.005
    assert (model.label_table, model.label_column) == ("failure_labels", "failed")


@pytest.mark.parametrize(
    ("task", "gains"),
    [("binary", {"correct": 1}), ("multiclass", {"true_positive": 1}), ("regression", {"over": -1, "undre": -2})],
)
def test_gains_of_another_task_are_refused(
    task: str, gains: dict[str, float], config_dir: Path, write_model: WriteModel
) -> None:
    label = {"binary": "failure_labels.failed"}.get(task, "hour_labels.hours")
    write_model("failures", task=task, label=label, gates={"value": {"gains": gains}})

    problem = load_settings(config_dir, "production").broken_models["failures"]

    assert f"gates.value.gains of a {task} model" in problem
    assert next(iter(set(gains) - {"over"})) in problem


@pytest.mark.parametrize(
    ("training", "told"),
    [
        ({"decision": "value"}, "the answers of a regression model have no threshold"),
        ({"decision_gains": {"over": -1}}, "they are those of gates.value.gains"),
    ],
)
def test_answers_cannot_be_decided_by_what_no_gate_declares(
    training: dict[str, object], told: str, config_dir: Path, write_model: WriteModel
) -> None:
    write_model("hours", task="regression", label="hour_labels.hours", training=training)

    assert told in load_settings(config_dir, "production").broken_models["hours"]


def test_the_task_decides_which_defaults_hold(config_dir: Path, write_model: WriteModel) -> None:
    write_model("failures")
    write_model("hours", task="regression", label="hour_labels.hours")

    models = load_settings(config_dir, "production").models

    assert "logistic_regression" in models["failures"].training.families
    assert "ridge" in models["hours"].training.families
    assert models["hours"].training.selection_weights.f1 == 0


def test_the_environment_and_then_the_model_and_then_its_environment_win(
    config_dir: Path, write_model: WriteModel
) -> None:
    shared = config_dir / "monitoring.yml"
    shared.write_text(
        shared.read_text() + "environments: {staging: {drift: {min_rows: 11}, retraining: {cooldown_days: 1}}}\n"
    )
    write_model(
        monitoring={"drift": {"min_rows": 22}},
        environments={"production": {"monitoring": {"drift": {"min_rows": 33}}}},
    )

    found = {
        environment: load_settings(config_dir, environment).models["failures"].monitoring
        for environment in ("development", "staging", "production")
    }

    assert {name: found[name].drift.min_rows for name in found} == {
        "development": 22, "staging": 22, "production": 33,
    }  # fmt: skip
    assert found["staging"].retraining.cooldown_days == 1


def test_extra_approvers_are_added_to_those_of_every_model(config_dir: Path, write_model: WriteModel) -> None:
    write_model(governance={"approvers": ["grace"]})

    governance = load_settings(config_dir, "development").models["failures"].governance

    assert governance.all_approvers == ("grace", "Anonymous")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"taks": "binary"}, r"failures\.yml.*unknown key 'taks'; did you mean 'task'\?"),
        ({"task": "ranking"}, r"key 'task': expected 'binary', 'multiclass' or 'regression', found 'ranking'"),
        ({"label": "failed"}, r"key 'label'"),
        ({"features": {"groups": []}}, r"key 'features\.groups'"),
        ({"features": {"groups": ["a", "a"]}}, r"each group and each set once"),
        ({"features": {"group": ["a"]}}, r"unknown key 'features\.group'; did you mean 'groups'\?"),
        ({"owner": None}, r"key 'owner' is missing"),
        (
            {"gates": {"base_line": {}}},
            r"failures\.yml, section 'gates'.*unknown key 'base_line'; did you mean 'baseline'\?",
        ),
        ({"training": {"families": ["baseline", "ridge"]}}, r"ridge does not fit binary"),
        (
            {
                "training": {
                    "families": ["baseline", "ensemble"],
                    "parameters": {"ensemble": {"members": ["ridge", "xgboost"]}},
                }
            },
            r"ensemble\.members to hold two families at least that fit binary",
        ),
        (
            {
                "task": "regression",
                "training": {
                    "families": ["baseline", "lightgbm"],
                    "parameters": {"lightgbm": {"class_weight": "balanced"}},
                },
            },
            r"parameters\.lightgbm\.class_weight to be null: regression has no classes",
        ),
        ({"training": {"families": ["baseline", "forest"]}}, r"section 'training'.*'families\.1'"),
        ({"rollout": {"server": {"log_capacity": 1}}}, r"section 'rollout'.*unknown key 'server'"),
        ({"environments": {"live": {}}}, r"unknown environment 'environments\.live'"),
        (
            {"environments": {"production": {"gates": {"parity": {"max_difference": 0}}}}},
            r"'production'.*max_difference",
        ),
    ],
)
def test_a_mistake_is_named_with_its_file_and_the_nearest_key(
    config_dir: Path, write_model: WriteModel, change: dict[str, Any], message: str
) -> None:
    write_model(**change)
    assert re.search(message, read_refusal(config_dir))


def test_a_mistake_in_a_shared_file_is_not_put_down_to_a_model(config_dir: Path, write_model: WriteModel) -> None:
    write_model()
    gates = config_dir / "gates.yml"
    gates.write_text(gates.read_text().replace("min_test_count", "min_tests_count"))

    with pytest.raises(SettingsError, match=r"gates\.yml \(task 'binary'\)") as error:
        load_settings(config_dir, "development")
    assert "failures.yml" not in str(error.value)


@pytest.mark.parametrize(
    ("file", "content", "key"),
    [
        (
            "training.yml",
            {"environments": {"development": {"tasks": {"regression": {}}}}},
            "environments.development.tasks",
        ),
        ("training.yml", {"environments": {"staging": {"environments": {}}}}, "environments.staging.environments"),
        ("training.yml", {"environments": {"staging": {"server": {}}}}, "server"),
        ("rollout.yml", {"tasks": {"binary": {"server": {"nonsense": 1}}}}, "tasks.binary.server"),
        ("governance.yml", {"tasks": {"binary": {"lineage": {}}}}, "tasks.binary.lineage"),
        ("gates.yml", {"tasks": {"binary": {"environments": {}}}}, "tasks.binary.environments"),
        ("gates.yml", {"tasks": {"binary": {"tasks": {}}}}, "tasks.binary.tasks"),
        ("gates.yml", {"tasks": {"binary": {"baseline": {"tasks": {}}}}}, "baseline.tasks"),
    ],
)
def test_a_key_that_would_have_no_effect_is_refused(
    config_dir: Path, file: str, content: dict[str, Any], key: str
) -> None:
    path = config_dir / file
    path.write_text(yaml.safe_dump(merge_mappings(yaml.safe_load(path.read_text()), content)))
    with pytest.raises(SettingsError, match=rf"(?s){re.escape(file)}.*unknown key '{re.escape(key)}'"):
        load_settings(config_dir, "development")


@pytest.mark.parametrize("task", ["binary", "multiclass", "regression"])
def test_a_mistake_for_one_task_is_found_though_no_model_has_it(config_dir: Path, task: str) -> None:
    path = config_dir / "monitoring.yml"
    path.write_text(path.read_text() + f"tasks: {{{task}: {{drift: {{min_rows: 0}}}}}}\n")
    with pytest.raises(SettingsError, match=rf"(?s)monitoring\.yml \(task '{task}'\).*drift\.min_rows"):
        load_settings(config_dir, "development")


@pytest.mark.parametrize(
    "content",
    [
        "description: [",
        "taks: binary",
        "- a list",
        "2026-13-45: no month",
        "2026-12-24: a day",
        "owner: &a [*a]",
        "? [a]\n: b",
    ],
)
def test_a_wrong_file_stops_its_own_model_and_no_other(config_dir: Path, write_model: WriteModel, content: str) -> None:
    write_model("hours", task="regression", label="hour_labels.hours")
    write_model().write_text(content)

    settings = load_settings(config_dir, "development")

    assert list(settings.models) == ["hours"]
    [(name, message)] = settings.broken_models.items()
    assert name == "failures"
    assert "failures.yml" in message
    assert "\n" not in message
    with pytest.raises(SettingsError) as error:
        settings.find_model("failures")
    assert str(error.value) == message


def test_a_folder_called_like_a_model_stops_no_other(config_dir: Path, write_model: WriteModel) -> None:
    write_model("hours")
    (config_dir / "models" / "failures.yml").mkdir()

    settings = load_settings(config_dir, "development")

    assert list(settings.models) == ["hours"]
    assert "failures.yml cannot be read" in settings.broken_models["failures"]


def test_two_files_of_one_name_are_no_model_and_the_others_go_on(config_dir: Path, write_model: WriteModel) -> None:
    write_model("hours")
    path = write_model()
    path.with_suffix(".yaml").write_text(path.read_text())

    settings = load_settings(config_dir, "development")

    assert list(settings.models) == ["hours"]
    assert "failures.yaml and failures.yml declare one model, 'failures'" in settings.broken_models["failures"]


@pytest.mark.parametrize("name", ["Failures", "2nd", "fail-ures", "a" * 32])
def test_a_name_that_cannot_name_tables_and_dags_is_refused(
    config_dir: Path, write_model: WriteModel, name: str
) -> None:
    write_model(name)
    assert "the file of a model is called NAME.yml" in read_refusal(config_dir, name)


@pytest.mark.parametrize("name", ["features", "labels"])
def test_a_name_whose_assets_would_be_those_of_the_features_is_refused(
    config_dir: Path, write_model: WriteModel, name: str
) -> None:
    write_model(name)
    assert f"cannot be called '{name}'" in read_refusal(config_dir, name)


def test_a_model_whose_only_approver_is_its_trainer_is_refused(config_dir: Path, write_model: WriteModel) -> None:
    write_model(governance={"approvers": ["ada"]})
    assert "'ada' trains this model and may not approve it" in read_refusal(config_dir)


def test_an_approval_that_is_not_required_needs_nobody(config_dir: Path, write_model: WriteModel) -> None:
    write_model(governance={"approvers": ["ada"], "is_approval_required": False})
    assert list(load_settings(config_dir, "production").models) == ["failures"]


def test_an_unknown_model_is_answered_with_the_nearest_name(config_dir: Path, write_model: WriteModel) -> None:
    write_model()
    with pytest.raises(SettingsError, match=r"a model 'failure'\. Did you mean 'failures'\?"):
        load_settings(config_dir, "development").find_model("failure")
