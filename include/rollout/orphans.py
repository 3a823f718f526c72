"""Canaries of models whose declaration was removed: no DAG of their own is left to end them."""

from __future__ import annotations

from collections.abc import Collection

from include.rollout.state import COLUMNS, RolloutState, roll_back
from include.warehouse.session import Session


def end_orphaned_canaries(session: Session, declared_names: Collection[str]) -> list[str]:
    """Roll back the canaries of models that are declared no longer: the DAG that would end them is gone.

    Returns:
        the names of those models.
    """
    rows = session.fetch_all(
        f"select {COLUMNS} from serving.rollouts where stage = 'canary' and not model_name = any(%s) "
        "order by model_name for update",
        (list(declared_names),),
    )
    for row in rows:
        roll_back(session, RolloutState(**row), "the model is declared no longer")
    return [row["model_name"] for row in rows]
