"""
### Train candidates

Trains every family of the model, on each compared feature set, from one point-in-time training set, ranks them by what
they reach on later cutoffs (validation), and lets the best one pass through the gates, a task each, which judge what
serves of it on the newest cutoff (test). Three outcomes: **refused** (nothing is registered, the reasons are in the
log), **staging** only, or **production** (goes on to approval).

Runs when the feature groups and the label of this model arrive or monitoring asks for it, and trains only if
it is due: there is no version yet, a retraining was requested, the version of a feature group was raised, or the last
training is too old. `plan` says why, and which strategies that calls for (`strategies` in `include/config/training.yml`
and the model's own file): the standard families, a search, the ensemble, a selection of features, or first a light
validation of the champion. Trigger it with `force`, or with strategies, to train all the same. A candidate that nothing
has changed for is taken from the training before.

**When it fails**
- `fit` for one candidate: one that cannot be fitted is recorded in MLflow with its reason, and the others go on; the
  log of `register` says how many were judged. Without the baseline nothing is. MLflow being away is retried.
- `gate` for one gate: MLflow or the warehouse is away, and it is tried again; or a declaration does not fit. A
  candidate that cannot be measured has failed the gate, and the task succeeds. Nothing is decided before every gate
  has answered: correct what is wrong and clear the failed ones.
- `register`: refused means that a gate said no; the button *Candidate* of `judge` and `register` opens the page with
  every number, threshold and picture (*Browse → Candidates* has all of them).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow.sdk import Param, dag, get_current_context, task

from include.assets import candidate_of, features_of, labels_of, retrain_requested_of
from include.orchestration.assets import all_assets, asset
from include.orchestration.astro_sdk import Metadata, Table, dataframe
from include.orchestration.candidate_link import find_page, link_candidate
from include.orchestration.connections import WAREHOUSE, mlflow_uri, warehouse_uri
from include.orchestration.defaults import model_defaults
from include.orchestration.lineage import traced
from include.orchestration.models import declared_models, name_dag
from include.settings.gates import GATE_NAMES
from include.settings.models import ModelSettings
from include.settings.strategies import STRATEGIES
from include.warehouse.names import name_table

if TYPE_CHECKING:
    import pandas as pd


def train_candidates(model: ModelSettings) -> None:
    """Make the DAG of one model."""
    table = name_table(model.name, "training_set")
    training_set = Table(table.name, conn_id=WAREHOUSE, metadata=Metadata(schema=table.schema))
    needed = [*(features_of(group) for group in model.features.groups), labels_of(model.label_table)]

    @dag(
        dag_id=name_dag(model.name, "train_candidates"),
        schedule=all_assets(needed) | asset(retrain_requested_of(model.name)),
        params={
            "force": Param(False, type="boolean", description="train even if no training is due"),
            "strategies": Param(
                [],
                type="array",
                items={"enum": [*STRATEGIES]},
                examples=[*STRATEGIES],
                description="train by these, and not by those that the settings name for the cause",
            ),
        },
        **model_defaults(__doc__, model, "training"),
    )
    def wire() -> None:
        @task.short_circuit
        @traced
        def plan() -> list[dict[str, Any]]:
            """The candidates that there is a reason to fit; without any, nothing goes on."""
            from include.orchestration.training import plan_run

            return plan_run(get_current_context(), warehouse_uri(), model)

        @dataframe(output_table=training_set)
        def assemble_training_set() -> pd.DataFrame:
            """Features as they were known at each cutoff, with what happened afterwards."""
            from include.orchestration.training import assemble

            return assemble(get_current_context(), warehouse_uri(), mlflow_uri(), model)

        @dataframe(map_index_template="{{ task.op_kwargs['candidate']['name'] }}", pool=model.training.pool)
        def fit(frame: pd.DataFrame, candidate: dict[str, Any]) -> dict[str, Any]:
            """Train, test and log one family on one feature set."""
            from include.orchestration.training import fit_candidate

            return fit_candidate(get_current_context(), frame, candidate, warehouse_uri(), mlflow_uri(), model)

        @task
        @traced
        def rank(results: list[dict[str, Any]]) -> dict[str, Any]:
            """Rank the candidates on what they reach in validation."""
            from include.gates.gate import rank_results

            return rank_results(results, model)

        @task(map_index_template="{{ task.op_kwargs['name'] }}")
        @traced
        def gate(ranked: dict[str, Any], name: str) -> dict[str, Any]:
            """Measure one kind of evidence of the best candidate, and judge it."""
            from include.orchestration.training import answer_gate

            return answer_gate(name, ranked, model, warehouse_uri(), mlflow_uri())

        @task
        @traced
        def judge(ranked: dict[str, Any], answers: list[dict[str, Any]]) -> dict[str, Any]:
            """Decide from what the gates say: refuse, staging or production."""
            from include.gates.gate import conclude
            from include.orchestration.told_events import tell_refusal
            from include.orchestration.training import record_judgement

            context, page = get_current_context(), find_page(model.name, ranked["candidate"]["run_id"])
            judgement = record_judgement(context, warehouse_uri(), conclude(ranked, answers, mlflow_uri(), page))
            tell_refusal(context, warehouse_uri(), model.name, judgement)
            return judgement

        @task(outlets=[asset(candidate_of(model.name))])
        @traced
        def register(judgement: dict[str, Any]) -> dict[str, Any]:
            """Register what passed, with its alias; refuse and say why otherwise."""
            from include.orchestration.training import register_or_refuse

            registered = register_or_refuse(judgement, warehouse_uri(), mlflow_uri(), model.name)
            events = get_current_context()["outlet_events"]
            events[asset(candidate_of(model.name))].extra = {"version": registered["version"]}
            return registered

        candidates, frame = plan(), assemble_training_set()
        candidates >> frame
        ranked = rank(fit.partial(frame=frame).expand(candidate=candidates))
        judged = link_candidate(judge(ranked, gate.partial(ranked=ranked).expand(name=list(GATE_NAMES))))
        link_candidate(register(judged))

    wire()


for declared in declared_models("train_candidates"):
    train_candidates(declared)
