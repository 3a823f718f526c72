"""
### Train candidates

Trains every model family on the same point-in-time training set, tests each on a later cutoff, ranks
them, and lets the best one pass through the gates. Three outcomes: **refused** (nothing is
registered, the reasons are in the log), **staging** only, or **production** (goes on to approval).

Runs when features arrive or monitoring asks for it, and trains only if it is due: there is no model
yet, a retraining was requested, or the newest model is too old (`include/config/training.yml`). Trigger
it with `force` to train all the same, for instance after a change of the settings.

**When it fails**
- `fit` for one family: its log names the reason. MLflow being away is retried.
- `LeakageSuspectedError`: a model is too good to be true; the message names the suspicious features.
- `register`: refused means that a gate said no; numbers and thresholds are in its log and in MLflow.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow.sdk import Param, dag, get_current_context, task

from include.assets import CANDIDATE, FEATURES, RETRAIN_REQUESTED
from include.orchestration.assets import asset
from include.orchestration.astro_sdk import Metadata, Table, dataframe
from include.orchestration.connections import WAREHOUSE, mlflow_uri, warehouse_uri
from include.orchestration.defaults import dag_defaults
from include.orchestration.lineage import traced
from include.settings import load_settings

if TYPE_CHECKING:
    import pandas as pd

SETTINGS = load_settings()
TRAINING_SET = Table("training_set", conn_id=WAREHOUSE, metadata=Metadata(schema="ml"))


@dag(
    dag_id="train_candidates",
    schedule=asset(FEATURES) | asset(RETRAIN_REQUESTED),
    params={"force": Param(False, type="boolean", description="train even if no training is due")},
    **dag_defaults(__doc__, "training"),
)
def train_candidates() -> None:
    """Wire the hop."""

    @task.short_circuit
    @traced
    def is_training_due() -> bool:
        """Go on only if there is a reason to train."""
        from include.training.due import check_training_due

        if get_current_context()["params"]["force"]:
            return True
        return check_training_due(warehouse_uri(), mlflow_uri(), SETTINGS.training).is_due

    @dataframe(output_table=TRAINING_SET)
    def assemble_training_set() -> pd.DataFrame:
        """Features as they were known at each cutoff, with what happened afterwards."""
        from include.training.dataset import build_training_set

        return build_training_set(warehouse_uri(), SETTINGS.training)

    @dataframe(map_index_template="{{ task.op_kwargs['family'] }}")
    def fit(frame: pd.DataFrame, family: str) -> dict[str, Any]:
        """Train, test and log one family."""
        from include.orchestration.training import training_lineage
        from include.training.fit import fit_family

        user = get_current_context()["dag_run"].triggering_user_name
        lineage = training_lineage(user, warehouse_uri(), SETTINGS)
        return fit_family(frame, family, SETTINGS.training, lineage, mlflow_uri())

    @task
    @traced
    def judge(results: list[dict[str, Any]]) -> dict[str, Any]:
        """Rank the candidates and run the gates on the best one."""
        from include.gates.gate import judge_candidates

        return judge_candidates(results, mlflow_uri(), SETTINGS.training, SETTINGS.gates)

    @task(outlets=[asset(CANDIDATE)])
    @traced
    def register(judgement: dict[str, Any]) -> dict[str, Any]:
        """Register what passed, with its alias; refuse and say why otherwise."""
        from include.orchestration.training import register_or_refuse

        return register_or_refuse(judgement, mlflow_uri(), SETTINGS)

    training_set = assemble_training_set()
    is_training_due() >> training_set
    results = fit.partial(frame=training_set).expand(family=list(SETTINGS.training.families))
    register(judge(results))


train_candidates()
