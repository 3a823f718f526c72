"""Which strategy a run of ``deploy_model`` takes, and how the rollout's events name the run."""

from __future__ import annotations

from typing import Any, Final, get_args

from airflow.sdk.exceptions import AirflowSkipException

from include.errors import SettingsError
from include.rollout.runs import DeploymentRun
from include.settings.models import ModelSettings
from include.settings.rollout import Strategy

STRATEGIES: Final[tuple[str, ...]] = get_args(Strategy)


def list_strategies(model: ModelSettings) -> list[str]:
    """Those that a run of a model may take: that of its file first, and ``none`` only if its file says so."""
    own = model.rollout.strategy
    return [own, *(name for name in STRATEGIES if name not in (own, "none"))]


def choose_strategy(model: ModelSettings, name: str | None) -> ModelSettings:
    """The model with the strategy of a run in place of that of its file.

    Raises:
        SettingsError: a run of this model may not take it.
    """
    allowed = list_strategies(model)
    if name is not None and name not in allowed:
        raise SettingsError(
            f"A run of {model.name}.deploy_model cannot take the strategy {name!r}; it can take: {', '.join(allowed)}. "
            "'none' is for the model's file alone."
        )
    rollout = model.rollout.model_copy(update={"strategy": name or model.rollout.strategy})
    return model.model_copy(update={"rollout": rollout})


def enter_run(context: Any, model: ModelSettings, *strategies: str) -> tuple[ModelSettings, DeploymentRun]:
    """The model with its run's strategy, and the run as the rollout's events name it.

    Airflow counts the attempts of a task through automatic retries and clearing alike; it raises the number that is
    allowed at each clearing only, so that what exceeds the task's own is how many were made before.

    Raises:
        AirflowSkipException: the run takes none of ``strategies``.
        SettingsError: see :func:`choose_strategy`.
    """
    chosen = choose_strategy(model, context["params"].get("strategy"))
    name = chosen.rollout.strategy
    if name not in strategies:
        raise AirflowSkipException(f"This run takes the strategy {name!r}, which does without this task.")
    ti = context["ti"]
    before = max(0, ti.max_tries - (ti.task.retries or 0))
    return chosen, DeploymentRun(context["dag_run"].run_id, name, before)
