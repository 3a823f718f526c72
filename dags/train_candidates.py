"""
### Train candidates

Trains every family of the model, on each compared feature set, from one point-in-time training set, ranks them by what
they reach on later cutoffs (validation), and lets the best one pass through the gates, which judge it on the newest
cutoff (test). Three outcomes: **refused** (nothing is registered, the reasons are in the log), **staging** only, or
**production** (goes on to approval).

Runs when the feature groups and the label of this model arrive or monitoring asks for it, and trains only if
it is due: there is no version yet, a retraining was requested, or the newest version is too old
(`include/config/training.yml` and the model's own file). Trigger it with `force` to train all the same, for
instance after a change of the settings.

**When it fails**
- `fit` for one candidate: one that cannot be fitted is recorded in MLflow with its reason, and the others go on; the
  log of `register` says how many were judged. Without the baseline nothing is. MLflow being away is retried.
- `register`: refused means that a gate said no; numbers and thresholds are in its log and in MLflow.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow.sdk import Param, dag, get_current_context, task

from include.assets import candidate_of, features_of, labels_of, retrain_requested_of
from include.orchestration.assets import all_assets, asset
from include.orchestration.astro_sdk import Metadata, Table, dataframe
from include.orchestration.connections import WAREHOUSE, mlflow_uri, warehouse_uri
from include.orchestration.defaults import model_defaults
from include.orchestration.lineage import traced
from include.orchestration.models import declared_models, name_dag
from include.settings.models import ModelSettings
from include.training.candidates import list_candidates
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
        params={"force": Param(False, type="boolean", description="train even if no training is due")},
        **model_defaults(__doc__, model, "training"),
    )
    def wire() -> None:
        @task.short_circuit
        @traced
        def is_training_due() -> bool:
            """Go on only if there is a reason to train."""
            from include.training.due import check_training_due

            if get_current_context()["params"]["force"]:
                return True
            return check_training_due(warehouse_uri(), mlflow_uri(), model).is_due

        @dataframe(output_table=training_set)
        def assemble_training_set() -> pd.DataFrame:
            """Features as they were known at each cutoff, with what happened afterwards."""
            from include.orchestration.models import find_spec
            from include.training.dataset import build_training_set

            return build_training_set(warehouse_uri(), find_spec(model), model.training)

        @dataframe(map_index_template="{{ task.op_kwargs['candidate']['name'] }}")
        def fit(frame: pd.DataFrame, candidate: dict[str, Any]) -> dict[str, Any]:
            """Train, test and log one family on one feature set."""
            from include.orchestration.models import find_spec
            from include.orchestration.training import find_former_champions, training_lineage
            from include.training.attempt import attempt_family

            user, spec = get_current_context()["dag_run"].triggering_user_name, find_spec(model)
            lineage = training_lineage(user, warehouse_uri(), model, spec)
            family, feature_set = candidate["family"], candidate["feature_set"]
            former = find_former_champions(warehouse_uri(), model)
            return attempt_family(
                frame, family, spec, model.training, lineage, mlflow_uri(), feature_set, former, warehouse_uri()
            )

        @task
        @traced
        def judge(results: list[dict[str, Any]]) -> dict[str, Any]:
            """Rank the candidates and run the gates on the best one."""
            from include.gates.gate import judge_candidates

            return judge_candidates(results, mlflow_uri(), model)

        @task(outlets=[asset(candidate_of(model.name))])
        @traced
        def register(judgement: dict[str, Any]) -> dict[str, Any]:
            """Register what passed, with its alias; refuse and say why otherwise."""
            from include.orchestration.training import register_or_refuse

            return register_or_refuse(judgement, mlflow_uri(), model.name)

        frame = assemble_training_set()
        is_training_due() >> frame
        register(judge(fit.partial(frame=frame).expand(candidate=list_candidates(model))))

    wire()


for declared in declared_models("train_candidates"):
    train_candidates(declared)
