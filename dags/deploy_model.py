"""
### Deploy the model

Takes a candidate into production: **staging check** by real requests → **approval** by a person who did not train
it → its **strategy** → **champion**. A candidate that was cleared for staging only stops after the check.

The strategy stands in `include/config/rollout.yml` or the model's file; the parameter `strategy` chooses another for
one run. Tasks of other strategies are skipped.
- `canary`: shares of traffic in steps, each judged on its own traffic.
- `shadow`: before the approval, the candidate gets copies of the champion's questions; then a canary.
- `ab_test`: entities are split at a fixed share, and outcomes decide; the plan is registered before it starts.
- `blue_green`: all traffic at once, watched for a while, and back at once if harm is shown.
- `none`: no check by requests and no canary.

A run is about one version, also when it is repeated: the one whose registration has started it, or the parameter
`version`. Canary and promotion look for its decision in `ml.decisions` and its approval in `governance.approvals`.

**To approve**: open this run, tab *Required Actions*; what was measured stands in the request. Who may
approve, and whether it is needed at all, stands in `include/config/governance.yml` and in the model's file.

**When it fails**
- `check_staging`: the log lists every check with its number and threshold; production is untouched.
- `shadow`: the candidate failed, or differs too much, on copies of questions; the log has its report, and no client
  has seen an answer of it.
- `record_approval`: the approver may not be the person who trained the model. Clear `approve`.
- `canary_…`, `blue_green`, `ab_test`: *rolled back* means that the champion carried all traffic before the task
  failed. Any other failure leaves the candidate its share until its lease ends (`lease_s`), unless the task is
  repeated.
  *Inconclusive* means too little traffic: send more, or lengthen the step in `include/config/rollout.yml`.
  An automatic retry tells a rollback again; clear the first canary task, `ab_test` or `blue_green` to start again.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from airflow.providers.standard.operators.empty import EmptyOperator
from airflow.providers.standard.operators.hitl import ApprovalOperator
from airflow.sdk import Param, chain, dag, get_current_context, task

from include.assets import candidate_of, champion_of
from include.orchestration.approval_notifier import ApprovalNotifier
from include.orchestration.assets import asset
from include.orchestration.connections import mlflow_uri, model_server, warehouse_uri
from include.orchestration.defaults import model_defaults
from include.orchestration.lineage import traced
from include.orchestration.models import declared_models, name_dag
from include.orchestration.strategy_choice import STRATEGIES, choose_strategy, enter_run, list_strategies
from include.orchestration.strategy_tasks import FIRST, watch_ab_test, watch_canary_step, watch_shadow, watch_switch
from include.settings.models import ModelSettings


def deploy_model(model: ModelSettings) -> None:
    """Make the DAG of one model."""

    @dag(
        dag_id=name_dag(model.name, "deploy_model"),
        schedule=asset(candidate_of(model.name)),
        params={
            "version": Param(None, type=["null", "integer"], minimum=1, description="another than the newest"),
            "strategy": Param(None, enum=[None, *list_strategies(model)], description="another than the model's"),
        },
        **model_defaults(__doc__, model, "deployment"),
    )
    def wire() -> None:
        @task
        @traced
        def check_staging() -> dict[str, Any]:
            """Send real requests to the candidate, beside production."""
            from include.orchestration.deployment import check_candidate, pick_version

            context = get_current_context()
            version = pick_version(context, warehouse_uri(), model)
            chosen = choose_strategy(model, context["params"]["strategy"])
            return check_candidate(warehouse_uri(), mlflow_uri(), model_server(), chosen, version)

        def ask() -> ApprovalOperator:
            """Ask a person; an answer that does not come in time is a no."""
            return ApprovalOperator(
                task_id="approve",
                subject="{{ ti.xcom_pull(task_ids='check_staging')['subject'] }}",
                body="{{ ti.xcom_pull(task_ids='check_staging')['summary'] }}"
                "{{ (ti.xcom_pull(task_ids='shadow') or {}).get('summary', '') }}",
                assigned_users=[{"id": user, "name": user} for user in model.governance.all_approvers],
                response_timeout=timedelta(hours=model.governance.approval_timeout_hours),
                defaults=ApprovalOperator.REJECT,
                notifiers=ApprovalNotifier(model),
                trigger_rule=FIRST,
            )

        @task(trigger_rule="all_done")
        @traced
        def record_approval() -> dict[str, Any]:
            """Copy the answer, yes or no, to our own ledger; refuse it from whoever trained the model."""
            from include.orchestration.deployment import record_answer

            return record_answer(get_current_context(), warehouse_uri(), model)

        @task(outlets=[asset(champion_of(model.name))], trigger_rule=FIRST)
        @traced
        def promote(candidate: dict[str, Any]) -> dict[str, Any]:
            """Make the candidate the champion: the rollout table first, the registry's alias after it."""
            from include.orchestration.deployment import promote_candidate

            chosen, run = enter_run(get_current_context(), model, *STRATEGIES)
            return promote_candidate(warehouse_uri(), mlflow_uri(), candidate["version"], chosen, run)

        candidate = check_staging()
        shadowed, champion = watch_shadow(model)(candidate), promote(candidate)
        steps = [watch_canary_step(model, weight)(candidate) for weight in model.rollout.canary.steps]
        firsts = [steps[0], watch_ab_test(model)(candidate), watch_switch(model)(candidate)]
        chain(*steps, champion)
        chain(firsts[1:], champion)
        if not model.governance.is_approval_required:
            chain(shadowed, firsts)
            return
        # A refusal skips what stands right behind the question, and must reach the ledger all the same.
        approved, recorded = EmptyOperator(task_id="approved"), record_approval()
        chain([candidate, shadowed], ask(), approved, recorded, [*firsts, champion])
        chain(approved, firsts)

    wire()


for declared in declared_models("deploy_model"):
    deploy_model(declared)
