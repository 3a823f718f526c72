"""What a training run says of itself, and what becomes of the model that it judged."""

from __future__ import annotations

import re
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from include.errors import RegistryError
from include.features.catalog import Catalog
from include.features.spec import ModelSpec, resolve_model
from include.registry.registry import list_versions, read_version
from include.servers.ports import find_free_port
from include.settings import PROJECT_ROOT, load_settings
from include.settings.models import ModelSettings
from include.warehouse.session import open_session
from tests.unit.features.conftest import catalog, manifest
from tests.unit.registry.conftest import (
    MakeResult,
    classifier,
    make_result,
    mlflow_server,
    model_name,
    onnx_bytes,
    tracking_uri,
)
from tests.unit.settings.conftest import WriteModel, config_dir, write_model

__all__ = [
    "catalog", "classifier", "config_dir", "make_result", "manifest", "mlflow_server", "model_name", "onnx_bytes",
    "tracking_uri", "write_model",
]  # fmt: skip

pytestmark = pytest.mark.usefixtures("airflow_home")


@pytest.fixture
def model(config_dir: Path, write_model: WriteModel, model_name: str) -> ModelSettings:
    """A registered model of this test's own; ada is its trainer."""
    write_model(model_name, label="outage_labels.failed", features={"groups": ["readings"]})
    return load_settings(config_dir, "development").models[model_name]


@pytest.fixture
def spec(model: ModelSettings, catalog: Catalog) -> ModelSpec:
    """The model against the catalog."""
    return resolve_model(model, catalog)


@pytest.fixture
def published_uri(warehouse_uri: str) -> str:
    """A warehouse with two published partitions."""
    with open_session(warehouse_uri) as session:
        session.execute(
            "insert into raw.partitions (source, batch_day, row_count, content_hash) "
            "values ('readings', '2026-03-09', 12, 'a'), ('readings', '2026-03-10', 12, 'b')"
        )
    return warehouse_uri


@pytest.mark.parametrize(("triggered_by", "accountable"), [("grace", "grace"), (None, "ada"), ("", "ada")])
def test_whoever_started_the_run_answers_for_the_model_before_the_trainer(
    published_uri: str, model: ModelSettings, spec: ModelSpec, triggered_by: str | None, accountable: str
) -> None:
    from include.orchestration.training import training_lineage

    assert model.trainer == "ada"
    lineage = training_lineage(triggered_by, published_uri, model, spec)

    assert lineage.trained_by == accountable
    assert lineage.feature_version == "readings=1"


@pytest.mark.parametrize(
    "change",
    [
        "update raw.partitions set content_hash = 'c' where batch_day = '2026-03-10'",
        "update raw.partitions set row_count = 13 where batch_day = '2026-03-10'",
        "update raw.partitions set batch_day = '2026-03-11' where batch_day = '2026-03-10'",
        "delete from raw.partitions where batch_day = '2026-03-10'",
        "insert into raw.partitions (source, batch_day, row_count, content_hash) "
        "values ('repairs', '2026-03-09', 3, 'a')",
    ],
)
def test_other_data_is_another_data_version(
    published_uri: str, model: ModelSettings, spec: ModelSpec, change: str
) -> None:
    from include.orchestration.training import training_lineage

    before = training_lineage(None, published_uri, model, spec)
    with open_session(published_uri) as session:
        assert session.execute(change) == 1
    after = training_lineage(None, published_uri, model, spec)

    assert after.data_version != before.data_version
    assert replace(after, data_version=before.data_version) == before


def test_the_same_data_published_again_is_the_same_version(
    published_uri: str, model: ModelSettings, spec: ModelSpec
) -> None:
    from include.orchestration.training import training_lineage

    before = training_lineage(None, published_uri, model, spec)
    with open_session(published_uri) as session:
        assert session.execute("update raw.partitions set published_at = published_at + interval '1 day'") == 2

    assert training_lineage(None, published_uri, model, spec) == before


def test_the_image_says_which_code_it_holds(monkeypatch: pytest.MonkeyPatch) -> None:
    from include.orchestration.training import read_code_revision

    monkeypatch.setenv("ORRERY_CODE_REVISION", "release-7")

    assert read_code_revision() == "release-7"


@pytest.mark.skipif(shutil.which("git") is None, reason="needs git (the Astro image does not carry it)")
def test_without_an_image_git_says_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    from include.orchestration import training

    monkeypatch.delenv("ORRERY_CODE_REVISION", raising=False)
    git = ["git", "-c", "user.name=t", "-c", "user.email=t@example.com"]
    for command in (["init", "-q"], ["commit", "-q", "--allow-empty", "-m", "first"]):
        subprocess.run([*git, *command], cwd=tmp_path, check=True)
    monkeypatch.setattr(training, "PROJECT_ROOT", tmp_path)

    assert re.fullmatch("[0-9a-f]{12}", training.read_code_revision())


@pytest.mark.parametrize("is_git_there", [True, False])
def test_code_of_unknown_origin_is_said_to_be(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, is_git_there: bool
) -> None:
    from include.orchestration import training

    monkeypatch.setenv("ORRERY_CODE_REVISION", "")
    monkeypatch.setattr(training, "PROJECT_ROOT", tmp_path)
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    if not is_git_there:
        monkeypatch.setenv("PATH", str(tmp_path))

    assert tmp_path != PROJECT_ROOT
    assert training.read_code_revision() == "unknown"


def judge(make_result: MakeResult, decision: str) -> dict[str, Any]:
    """What the gates hand over: two logged models, and what was decided about the better one."""
    gate = {"name": "auc", "is_passed": decision != "refuse", "observed": 0.85, "threshold": 0.8, "reason": "auc .85"}
    return {
        "candidate": make_result(),
        "baseline": make_result(family="baseline", score=0.8, baseline_feature="wear"),
        "decision": decision,
        "gates": [gate],
        "reasons": ["auc is too low", "parity is broken"],
        "ranking": [{"family": "logistic_regression"}],
        "ranking_reason": "logistic_regression ranks first",
        "failures": [{"name": "random_forest", "reason": "ValueError: no trees", "run_id": "run-9"}],
    }


@pytest.mark.parametrize("decision", ["production", "staging"])
def test_a_candidate_that_passed_is_registered_and_the_baseline_is_its_incumbent(
    tracking_uri: str, make_result: MakeResult, model: ModelSettings, decision: str
) -> None:
    from include.orchestration.training import register_or_refuse

    name, judgement = model.name, judge(make_result, decision)

    registered = register_or_refuse(judgement, tracking_uri, model.name)

    champion, candidate = (read_version(tracking_uri, name, alias) for alias in ("champion", "candidate"))
    assert champion is not None
    assert candidate is not None
    assert registered == {"model": name, "version": candidate.version, "decision": decision}
    assert champion.run_id == judgement["baseline"]["run_id"]
    assert candidate.run_id == judgement["candidate"]["run_id"]
    assert (champion.tags["decision"], candidate.tags["decision"]) == ("baseline", decision)
    assert candidate.tags["baseline_score"] == "0.8"


def test_a_rerun_registers_nothing_new(tracking_uri: str, make_result: MakeResult, model: ModelSettings) -> None:
    from include.orchestration.training import register_or_refuse

    judgement = judge(make_result, "production")
    first = register_or_refuse(judgement, tracking_uri, model.name)
    before = list_versions(tracking_uri, model.name)

    assert register_or_refuse(judgement, tracking_uri, model.name) == first
    assert list_versions(tracking_uri, model.name) == before
    assert len(before) == 2


def test_the_next_candidate_does_not_unseat_the_champion(
    tracking_uri: str, make_result: MakeResult, model: ModelSettings
) -> None:
    from include.orchestration.training import register_or_refuse

    name = model.name
    register_or_refuse(judge(make_result, "production"), tracking_uri, model.name)
    before = read_version(tracking_uri, name, "champion")

    second = register_or_refuse(judge(make_result, "production"), tracking_uri, model.name)

    assert read_version(tracking_uri, name, "champion") == before
    candidate = read_version(tracking_uri, name, "candidate")
    assert candidate is not None
    assert candidate.version == second["version"] == 3


def test_a_refused_candidate_is_not_registered_and_every_reason_is_told(
    tracking_uri: str, make_result: MakeResult, model: ModelSettings
) -> None:
    from airflow.sdk.exceptions import AirflowSkipException

    from include.orchestration.training import register_or_refuse

    name, judgement = model.name, judge(make_result, "refuse")

    with pytest.raises(AirflowSkipException, match="auc is too low; parity is broken"):
        register_or_refuse(judgement, tracking_uri, model.name)

    assert [(item.aliases, item.run_id) for item in list_versions(tracking_uri, name)] == [
        (("champion",), judgement["baseline"]["run_id"])
    ]


def test_without_mlflow_a_judgement_is_not_taken_for_a_refusal(model: ModelSettings) -> None:
    from include.orchestration.training import register_or_refuse

    judgement = {
        "gates": [],
        "ranking": [],
        "failures": [],
        "ranking_reason": "",
        "decision": "refuse",
        "reasons": ["r"],
        "baseline": {},
    }

    with pytest.raises(RegistryError, match="is away"):
        register_or_refuse(judgement, f"http://127.0.0.1:{find_free_port()}", model.name)


def test_a_gate_is_answered_from_what_was_ranked(make_result: MakeResult, model: ModelSettings) -> None:
    from include.orchestration.training import answer_gate

    ranked = {"candidate": make_result(size_bytes=10), "baseline": make_result(family="baseline")}
    answer = answer_gate("size", ranked, model, "postgresql://127.0.0.1:1/none", "http://127.0.0.1:1")

    assert (answer["name"], answer["is_passed"], answer["observed"], answer["is_clear"]) == ("size", True, 10.0, True)


@pytest.mark.parametrize(
    ("answer", "text"),
    [
        ({"is_passed": True, "is_clear": True}, "passed parity"),
        ({"is_passed": False, "is_clear": True}, "FAILED parity"),
        ({"is_passed": False, "is_clear": False}, "unclear parity"),
        ({"is_passed": True}, "passed parity"),
    ],
)
def test_the_log_says_whether_a_gate_passed(answer: dict[str, Any], text: str) -> None:
    from include.orchestration.training import describe_answer

    assert describe_answer({"name": "parity", **answer}) == text
