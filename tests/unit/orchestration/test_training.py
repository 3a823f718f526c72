"""What a training run says of itself, and what becomes of the model that it judged."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pandas as pd
import pytest

from include.errors import RegistryError, SettingsError
from include.features.builds import read_built_version
from include.features.catalog import Catalog
from include.features.spec import ModelSpec, resolve_model
from include.ingestion.version import read_data_version
from include.registry.ledger import RegisteredVersion, list_versions, read_gates, record_candidate, record_gates
from include.registry.registry import find_alias_run
from include.rollout.state import bootstrap_champion, promote_challenger, start_canary
from include.servers.ports import find_free_port
from include.settings import load_settings
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
from tests.unit.registry.planting import make_measured, plant_version
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


def describe_run(user: str | None, facts: dict[str, str] | None = None) -> dict[str, Any]:
    """The part of Airflow's context that says who has started the run, and what its training set was read from."""
    pulled: list[tuple[str, str]] = []

    def pull(task_ids: str, key: str) -> dict[str, str] | None:
        pulled.append((task_ids, key))
        return facts

    return {
        "dag_run": SimpleNamespace(triggering_user_name=user),
        "run_id": "run-1",
        "ti": SimpleNamespace(xcom_pull=pull),
        "pulled": pulled,
    }


FACTS = {"assembled_at": "2026-03-10T12:00:00+00:00", "data_version": "d7", "feature_version": "readings=1"}


@pytest.mark.parametrize(("user", "accountable"), [("grace", "grace"), (None, "ada"), ("", "ada")])
def test_whoever_started_the_run_answers_for_the_model_before_the_trainer(
    model: ModelSettings, user: str | None, accountable: str
) -> None:
    from include.orchestration.training import describe_lineage

    assert model.trainer == "ada"
    context = describe_run(user, FACTS)
    lineage = describe_lineage(context, model)

    assert lineage.trained_by == accountable
    # the data is that of the training set, and not of when this family is fitted
    assert (lineage.assembled_at, lineage.data_version, lineage.feature_version) == tuple(FACTS.values())
    assert context["pulled"] == [("assemble_training_set", "assembled")]


class TrainingSet:
    """Stands in for the reading of a training set; publishes something meanwhile, for the first ``changes`` times."""

    def __init__(self, uri: str, changes: int) -> None:
        self.uri, self.changes, self.reads = uri, changes, 0

    def read(self, *_: Any) -> int:
        self.reads += 1
        if self.reads <= self.changes:
            with open_session(self.uri) as session:
                session.execute("insert into raw.partitions (source, batch_day, row_count, content_hash) "
                    "values ('repairs', date '2026-03-01' + %s, 3, 'a')", (self.reads,))  # fmt: skip
        return self.reads


@pytest.mark.parametrize(("changes", "reads"), [(0, 1), (1, 2), (9, 3)])
def test_a_training_set_under_which_the_data_changes_is_read_again(
    published_uri: str, model: ModelSettings, spec: ModelSpec, monkeypatch: pytest.MonkeyPatch, changes: int, reads: int
) -> None:
    from include.orchestration import training

    training_set, pushed = TrainingSet(published_uri, changes), {}
    monkeypatch.setattr("include.training.dataset.build_training_set", training_set.read)
    monkeypatch.setattr(training, "find_spec", lambda _: spec)
    ti = SimpleNamespace(
        xcom_push=lambda key, value: pushed.update({key: value}), xcom_pull=lambda task_ids, key: ["standard"]
    )  # fmt: skip

    assert training.assemble({"ti": ti}, published_uri, "unused", model) == reads

    facts = pushed["assembled"]
    assert set(facts) == set(FACTS)
    with open_session(published_uri) as session:
        now = read_data_version(session)
    assert (facts["data_version"] == now) is (changes < reads)


def ask(model: ModelSettings, uri: str, spec: ModelSpec, patch: pytest.MonkeyPatch, **params: Any) -> tuple[Any, Any]:
    """What a run with these parameters plans: its candidates, and what it keeps for the tasks after it."""
    from include.orchestration import training

    pushed: dict[str, Any] = {}
    patch.setattr(training, "find_spec", lambda _: spec)
    context = {
        "params": {"force": False, "strategies": [], **params},
        "dag_run": SimpleNamespace(triggering_user_name="grace"),
        "run_id": f"run-{params}",
        "ti": SimpleNamespace(xcom_push=lambda key, value: pushed.update({key: value})),
    }
    return training.plan_run(context, uri, model), pushed


def read_plans(uri: str, name: str) -> list[dict[str, Any]]:
    with open_session(uri) as session:
        return session.fetch_all("select * from ml.training_plans where model_name = %s order by id", (name,))


def test_why_a_run_trains_and_what_it_tries_is_on_record(
    warehouse_uri: str, model: ModelSettings, spec: ModelSpec, monkeypatch: pytest.MonkeyPatch
) -> None:
    candidates, pushed = ask(model, warehouse_uri, spec, monkeypatch)
    assert [one["strategy"] for one in candidates] == ["standard"] * len(model.training.families)
    assert pushed == {"strategies": ["standard"]}

    newest = make_measured(assembled_at=datetime.now(UTC).isoformat(), feature_version=spec.feature_version)
    plant_version(warehouse_uri, model.name, newest)
    assert ask(model, warehouse_uri, spec, monkeypatch) == ([], {}), "nothing is due"
    candidates, _ = ask(model, warehouse_uri, spec, monkeypatch, force=True)
    assert len(candidates) == len(model.training.families)
    candidates, pushed = ask(model, warehouse_uri, spec, monkeypatch, strategies=["light_validation", "search"])
    assert {one["strategy"] for one in candidates if one["family"] != "baseline"} == {"search"}
    assert pushed == {"strategies": ["light_validation", "search"]}

    first, *others = read_plans(warehouse_uri, model.name)
    assert (first["cause"], first["reason"]) == ("first", "there is no model yet")
    assert first["candidates"] == list(model.training.families)
    assert [(one["cause"], one["reason"]) for one in others] == [("person", "grace asked for it")] * 2


def test_strategies_that_fit_no_candidate_are_refused_by_name(
    warehouse_uri: str, model: ModelSettings, spec: ModelSpec, monkeypatch: pytest.MonkeyPatch
) -> None:
    search = model.training.search.model_copy(update={"spaces": {}})
    bare = model.model_copy(update={"training": model.training.model_copy(update={"search": search})})
    with pytest.raises(SettingsError, match=f"search fit no candidate of {model.name}"):
        ask(bare, warehouse_uri, spec, monkeypatch, strategies=["search"])


@pytest.mark.parametrize(
    ("strategies", "is_held", "goes_on"),
    [
        (["standard"], False, True),
        (["light_validation", "standard"], True, False),
        (["light_validation", "standard"], False, True),
        (["light_validation"], False, False),
    ],
)
def test_nothing_is_fitted_while_a_champion_holds_that_is_validated_lightly(
    published_uri: str, model: ModelSettings, spec: ModelSpec, monkeypatch: pytest.MonkeyPatch,
    strategies: list[str], is_held: bool, goes_on: bool,
) -> None:  # fmt: skip
    from airflow.sdk.exceptions import AirflowSkipException

    from include.orchestration import training
    from include.training.validation import ChampionValidation

    number = plant_version(published_uri, model.name, make_measured())
    with open_session(published_uri) as session:
        bootstrap_champion(session, model.name, number)
    found = ChampionValidation(number, date(2026, 3, 2), None, None, None, is_held, "so it was measured")
    monkeypatch.setattr("include.training.dataset.build_training_set", lambda *_: "the frame")
    monkeypatch.setattr("include.training.validation.validate_champion", lambda *_: found)
    monkeypatch.setattr(training, "find_spec", lambda _: spec)
    ti = SimpleNamespace(xcom_push=lambda key, value: None, xcom_pull=lambda task_ids, key: strategies)

    if goes_on:
        assert training.assemble({"ti": ti}, published_uri, "unused", model) == "the frame"
    else:
        with pytest.raises(AirflowSkipException, match=r"holds?: version 1 on 2026-03-02: so it was measured"):
            training.assemble({"ti": ti}, published_uri, "unused", model)

    with open_session(published_uri) as session:
        rows = session.fetch_all("select is_held from ml.champion_validations where model_name = %s", (model.name,))
    assert [row["is_held"] for row in rows] == ([is_held] if "light_validation" in strategies else [])


@pytest.mark.parametrize(("built", "is_taken"), [("version-of-the-build", True), ("undone", False), (None, False)])
def test_the_data_version_is_that_of_which_the_features_were_built(
    published_uri: str, built: str | None, is_taken: bool
) -> None:
    with open_session(published_uri) as session:
        if built:
            session.execute(
                "insert into governance.feature_builds (data_version, project_hash) values (%s, 'p')", (built,)
            )
        assert read_built_version(session) == (built if is_taken else read_data_version(session))


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
def test_other_data_is_another_data_version(published_uri: str, change: str) -> None:
    with open_session(published_uri) as session:
        before = read_data_version(session)
        assert session.execute(change) == 1
        assert read_data_version(session) != before


def test_the_same_data_published_again_is_the_same_version(published_uri: str) -> None:
    with open_session(published_uri) as session:
        before = read_data_version(session)
        assert session.execute("update raw.partitions set published_at = published_at + interval '1 day'") == 2
        assert read_data_version(session) == before


def test_the_champion_is_followed_by_the_champions_of_before(warehouse_uri: str, model: ModelSettings) -> None:
    from include.orchestration.training import find_incumbents

    name = model.name
    assert find_incumbents(warehouse_uri, name) == []
    baseline = plant_version(warehouse_uri, name, make_measured(family="baseline"))
    assert [one.version for one in find_incumbents(warehouse_uri, name)] == [baseline]
    later = plant_version(warehouse_uri, name, make_measured())
    never = plant_version(warehouse_uri, name, make_measured())
    with open_session(warehouse_uri) as session:
        state = start_canary(session, bootstrap_champion(session, name, baseline), later, 0.5)
        promote_challenger(session, state, later)
    assert [one.version for one in find_incumbents(warehouse_uri, name)] == [later, baseline]
    assert never == 3


@pytest.fixture
def judge(warehouse_uri: str, make_result: MakeResult, model: ModelSettings) -> Callable[[str], dict[str, Any]]:
    """What the gates hand over, recorded: two logged models, and what was decided about the better one."""

    def make(decision: str) -> dict[str, Any]:
        from include.orchestration.training import record_judgement

        gate = {
            "name": "auc", "is_passed": decision != "refuse", "observed": 0.85, "threshold": 0.8, "reason": "auc .85",
            "severity": "blocking",
        }  # fmt: skip
        judgement = {
            "candidate": make_result(), "baseline": make_result(family="baseline", score=0.8), "decision": decision,
            "gates": [gate], "reasons": ["auc is too low", "parity is broken"],
            "ranking": [{"family": "logistic_regression"}], "gap": 0.01,
            "ranking_reason": "logistic_regression ranks first",
            "failures": [{"name": "random_forest", "reason": "ValueError: no trees", "run_id": "run-9"}],
        }  # fmt: skip
        with open_session(warehouse_uri) as session:
            for one in ("candidate", "baseline"):
                record_candidate(session, model.name, judgement[one])
            record_gates(session, judgement["candidate"]["run_id"], judgement["gates"])
            session.execute(
                "create table if not exists ml.machines_training_set as select 'train' as split, n::real as wear, "
                "n % 2 = 0 as is_covered, n as uses from generate_series(1, 50) as n"
            )
        return record_judgement(describe_run(None, FACTS), warehouse_uri, judgement)

    return make


def test_what_a_training_found_beside_its_best_candidate_is_kept_with_the_decision(
    warehouse_uri: str, judge: Callable[[str], dict[str, Any]]
) -> None:
    judgement = judge("refuse")
    with open_session(warehouse_uri) as session:
        row = session.fetch_one("select ranking, gap, ranking_reason, failures from ml.decisions")
    assert row == {key: judgement.get(key) for key in ("ranking", "gap", "ranking_reason", "failures")}


def test_what_is_only_drawn_is_kept_and_handed_on_to_no_task(
    warehouse_uri: str, make_result: MakeResult, model: ModelSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    from include.orchestration import training

    measured = make_result(curves={"roc": {"x": [0, 1], "y": [0, 1]}}, importance={"wear": 0.1}, parameters={"seed": 1})
    monkeypatch.setattr("include.training.attempt.attempt_family", lambda *_: measured)
    monkeypatch.setattr(training, "find_spec", lambda _: None)

    candidate = {"family": "logistic_regression", "feature_set": None, "strategy": "standard", "name": "it"}
    handed_on = training.fit_candidate(
        describe_run("ada", FACTS), pd.DataFrame({"wear": [1.0]}), candidate, warehouse_uri, "nowhere", model
    )

    assert {"curves", "importance", "parameters"}.isdisjoint(handed_on)
    assert handed_on["run_id"] == measured["run_id"]
    with open_session(warehouse_uri) as session:
        kept = session.fetch_value("select result from ml.candidates")
    assert kept["curves"] == measured["curves"]


def test_a_candidate_is_fitted_once_and_belongs_to_each_training_that_has_ranked_it(
    warehouse_uri: str, tracking_uri: str, make_result: MakeResult, model: ModelSettings,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    from include.orchestration import training

    results = [make_result(curves={}), make_result(curves={})]
    fits = iter(results)
    monkeypatch.setattr("include.training.attempt.attempt_family", lambda *_: next(fits))
    monkeypatch.setattr(training, "find_spec", lambda _: None)

    def fit(run_id: str, user: str = "ada") -> str:
        candidate = {"family": "logistic_regression", "feature_set": None, "strategy": "standard", "name": "it"}
        context = {**describe_run(user, FACTS), "run_id": run_id}
        handed_on = training.fit_candidate(
            context, pd.DataFrame({"wear": [1.0]}), candidate, warehouse_uri, tracking_uri, model
        )
        assert "curves" not in handed_on
        return str(handed_on["run_id"])

    first, second = (one["run_id"] for one in results)
    assert [fit("run-1"), fit("run-2"), fit("run-2"), fit("run-3", "grace")] == [first, first, first, second]
    with open_session(warehouse_uri) as session:
        rows = session.fetch_all("select run_key, run_id from ml.training_candidates order by run_key")
    assert [(row["run_key"], row["run_id"]) for row in rows] == [("run-1", first), ("run-2", first), ("run-3", second)]


Judge = Callable[[str], dict[str, Any]]


def read_versions(uri: str, name: str) -> list[RegisteredVersion]:
    with open_session(uri) as session:
        return list_versions(session, name)


@pytest.mark.parametrize("decision", ["production", "staging"])
def test_a_candidate_that_passed_is_registered_and_the_baseline_is_its_incumbent(
    warehouse_uri: str, tracking_uri: str, judge: Judge, model: ModelSettings, decision: str
) -> None:
    from include.orchestration.training import register_or_refuse

    name, judgement = model.name, judge(decision)

    registered = register_or_refuse(judgement, warehouse_uri, tracking_uri, name)

    candidate, champion = read_versions(warehouse_uri, name)
    assert registered == {"model": name, "version": candidate.version, "decision": decision}
    assert champion.run_id == judgement["baseline"]["run_id"]
    assert candidate.run_id == judgement["candidate"]["run_id"]
    assert (champion.decision, candidate.decision) == ("baseline", decision)
    assert find_alias_run(tracking_uri, name, "champion") == champion.run_id
    assert find_alias_run(tracking_uri, name, "candidate") == candidate.run_id
    with open_session(warehouse_uri) as session:
        assert read_gates(session, candidate.run_id) == judgement["gates"]


def test_a_rerun_registers_nothing_new(
    warehouse_uri: str, tracking_uri: str, judge: Judge, model: ModelSettings
) -> None:
    from include.orchestration.training import register_or_refuse

    judgement = judge("production")
    first = register_or_refuse(judgement, warehouse_uri, tracking_uri, model.name)
    before = read_versions(warehouse_uri, model.name)

    assert register_or_refuse(judgement, warehouse_uri, tracking_uri, model.name) == first
    assert read_versions(warehouse_uri, model.name) == before
    assert len(before) == 2


def test_the_next_candidate_does_not_unseat_the_champion(
    warehouse_uri: str, tracking_uri: str, judge: Judge, model: ModelSettings
) -> None:
    from include.orchestration.training import register_or_refuse

    name = model.name
    register_or_refuse(judge("production"), warehouse_uri, tracking_uri, name)
    before = find_alias_run(tracking_uri, name, "champion")

    second = register_or_refuse(judge("production"), warehouse_uri, tracking_uri, name)

    assert find_alias_run(tracking_uri, name, "champion") == before
    assert second["version"] == 3
    assert [one.version for one in read_versions(warehouse_uri, name)] == [3, 2, 1]


def test_a_refused_candidate_is_not_registered_and_every_reason_is_told(
    warehouse_uri: str, tracking_uri: str, judge: Judge, model: ModelSettings
) -> None:
    from airflow.sdk.exceptions import AirflowSkipException

    from include.orchestration.training import register_or_refuse

    judgement = judge("refuse")

    with pytest.raises(AirflowSkipException, match="auc is too low; parity is broken"):
        register_or_refuse(judgement, warehouse_uri, tracking_uri, model.name)

    assert [one.run_id for one in read_versions(warehouse_uri, model.name)] == [judgement["baseline"]["run_id"]]


def test_whoever_rewrites_what_the_tasks_hand_over_registers_nothing(
    warehouse_uri: str, tracking_uri: str, judge: Judge, model: ModelSettings
) -> None:
    from include.orchestration.training import register_or_refuse

    judgement = judge("refuse") | {"decision": "production"}

    with pytest.raises(RegistryError, match=r"newest decision in ml\.decisions is 'refuse'"):
        register_or_refuse(judgement, warehouse_uri, tracking_uri, model.name)


def test_without_mlflow_a_judgement_is_not_taken_for_a_refusal(
    warehouse_uri: str, judge: Judge, model: ModelSettings
) -> None:
    from include.orchestration.training import register_or_refuse

    with pytest.raises(RegistryError, match="is away"):
        register_or_refuse(judge("refuse"), warehouse_uri, f"http://127.0.0.1:{find_free_port()}", model.name)


def test_a_gate_is_answered_from_what_was_ranked_and_the_answer_is_kept(
    warehouse_uri: str, make_result: MakeResult, model: ModelSettings
) -> None:
    from include.orchestration.training import answer_gate

    ranked = {"candidate": make_result(size_bytes=10), "baseline": make_result(family="baseline")}
    with open_session(warehouse_uri) as session:
        record_candidate(session, model.name, ranked["candidate"])
    answer = answer_gate("size", ranked, model, warehouse_uri, "http://127.0.0.1:1")

    assert (answer["name"], answer["is_passed"], answer["observed"], answer["is_clear"]) == ("size", True, 10.0, True)
    assert "evidence" not in answer
    with open_session(warehouse_uri) as session:
        assert read_gates(session, ranked["candidate"]["run_id"]) == [answer]
        detail = session.fetch_value("select detail from ml.gate_results")
    assert (detail["evidence"], detail["limits"]["max_bytes"]) == (10, int(answer["threshold"]))


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


def test_what_a_version_was_trained_on_is_kept_when_it_is_registered(
    warehouse_uri: str, tracking_uri: str, model: ModelSettings, judge: Judge
) -> None:
    from include.orchestration.training import register_or_refuse

    def read_edges() -> list[float]:
        with open_session(warehouse_uri) as session:
            rows = session.fetch_all(
                "select model_version, edges from monitoring.reference_profiles "
                "where model_name = 'machines' and feature = 'wear' order by model_version"
            )
        return [max(row["edges"]) for row in rows]

    register_or_refuse(judge("production"), warehouse_uri, tracking_uri, model.name)
    assert len(read_edges()) == 2, "of the baseline and of the candidate"
    before = read_edges()
    with open_session(warehouse_uri) as session:  # the next training, while the approval waits
        session.execute("update ml.machines_training_set set wear = wear * 1000")
    register_or_refuse(judge("production"), warehouse_uri, tracking_uri, model.name)
    after = read_edges()
    assert after[:2] == before
    assert after[2] > 100 * after[1]
