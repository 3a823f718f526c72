"""
### Deploy the model

Takes a candidate into production: **staging check** by real requests → **approval** by a person who did not train
it → **canary** in steps, each judged on its own traffic → **champion**. A candidate that was cleared for staging only
stops after the check. A model with `strategy: none` in `include/config/rollout.yml` has neither the check by requests
nor the canary.

A run is about one version, also when it is repeated: the one whose registration has started it, or the parameter
`version`. Canary and promotion look for its decision in `ml.decisions` and its approval in `governance.approvals`.

**To approve**: open this run, tab *Required Actions*; what was measured stands in the request. Who may
approve, and whether it is needed at all, stands in `include/config/governance.yml` and in the model's file.

**When it fails**
- `check_staging`: the log lists every check with its number and threshold; production is untouched.
- `record_approval`: the approver may not be the person who trained the model. Clear `approve`.
- `canary_…`: *rolled back* means that the champion carried all traffic before the task failed. Any other failure leaves
  the candidate its share until its lease ends (`lease_s`), unless the task is repeated.
  *Inconclusive* means too little traffic: send more, or lengthen the step in `include/config/rollout.yml`.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any, Final

from airflow.providers.standard.operators.empty import EmptyOperator
from airflow.providers.standard.operators.hitl import ApprovalOperator
from airflow.sdk import Param, PokeReturnValue, chain, dag, get_current_context, task

from include.assets import candidate_of, champion_of
from include.orchestration.approval_notifier import ApprovalNotifier
from include.orchestration.assets import asset
from include.orchestration.connections import mlflow_uri, model_server, warehouse_uri
from include.orchestration.defaults import WATCHING, model_defaults
from include.orchestration.lineage import traced
from include.orchestration.models import declared_models, name_dag
from include.rollout.canary import plan_steps
from include.settings.models import ModelSettings

HELD_S: Final = 10.0
"""A canary that is looked at more often than this keeps its slot for so long at a time."""


def deploy_model(model: ModelSettings) -> None:
    """Make the DAG of one model."""

    @dag(
        dag_id=name_dag(model.name, "deploy_model"),
        schedule=asset(candidate_of(model.name)),
        params={"version": Param(None, type=["null", "integer"], minimum=1, description="another than the newest")},
        **model_defaults(__doc__, model, "deployment"),
    )
    def wire() -> None:
        @task
        @traced
        def check_staging() -> dict[str, Any]:
            """Send real requests to the candidate, beside production."""
            from include.orchestration.deployment import check_candidate, pick_version

            version = pick_version(get_current_context(), warehouse_uri(), model)
            return check_candidate(warehouse_uri(), mlflow_uri(), model_server(), model, version)

        def ask() -> ApprovalOperator:
            """Ask a person; an answer that does not come in time is a no."""
            return ApprovalOperator(
                task_id="approve",
                subject="{{ ti.xcom_pull(task_ids='check_staging')['subject'] }}",
                body="{{ ti.xcom_pull(task_ids='check_staging')['summary'] }}",
                assigned_users=[{"id": user, "name": user} for user in model.governance.all_approvers],
                response_timeout=timedelta(hours=model.governance.approval_timeout_hours),
                defaults=ApprovalOperator.REJECT,
                notifiers=ApprovalNotifier(model),
            )

        @task(trigger_rule="all_done")
        @traced
        def record_approval() -> dict[str, Any]:
            """Copy the answer, yes or no, to our own ledger; refuse it from whoever trained the model."""
            from include.orchestration.deployment import record_answer

            return record_answer(get_current_context(), warehouse_uri(), model)

        def canary(candidate: dict[str, Any], weight: float) -> Any:
            criteria = model.rollout.canary.criteria

            @task.sensor(
                task_id=f"canary_{weight:.0%}".replace("%", "_percent"),
                mode="reschedule",
                poke_interval=criteria.poll_interval_s,
                timeout=2 * criteria.max_wait_s + 3600,
                **WATCHING,
            )
            @traced
            def watch(candidate: dict[str, Any]) -> PokeReturnValue:
                """Give the candidate this share of the traffic and judge what happens; between looks it has no slot."""
                from include.orchestration.deployment import run_step

                context, version = get_current_context(), candidate["version"]
                is_begun = context["ti"].get_first_reschedule_date(context) is not None
                done = run_step(warehouse_uri(), mlflow_uri(), version, weight, model, HELD_S, is_begun=is_begun)
                return PokeReturnValue(is_done=done is not None, xcom_value=done)

            return watch(candidate)

        @task(outlets=[asset(champion_of(model.name))])
        @traced
        def promote(candidate: dict[str, Any]) -> dict[str, Any]:
            """Make the candidate the champion: the rollout table first, the registry's alias after it."""
            from include.orchestration.deployment import promote_candidate

            return promote_candidate(warehouse_uri(), mlflow_uri(), candidate["version"], model)

        candidate = check_staging()
        steps = [*(canary(candidate, weight) for weight in plan_steps(model.rollout)), promote(candidate)]
        chain(candidate, *steps)
        if model.governance.is_approval_required:
            # A refusal skips what stands right behind the question, and must reach the ledger all the same.
            approved = EmptyOperator(task_id="approved")
            chain(candidate, ask(), approved, record_approval(), steps[0])
            approved >> steps[0]

    wire()


for declared in declared_models("deploy_model"):
    deploy_model(declared)
