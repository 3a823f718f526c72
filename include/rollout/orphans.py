"""Canaries that nobody is left to end: of models whose declaration was removed, or of runs that were given up."""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

from include.rollout.state import COLUMNS, RolloutState, roll_back
from include.warehouse.session import Session

UNWATCHED_S: Final = 3600.0


def end_orphaned_canaries(session: Session, declared_names: Collection[str]) -> list[str]:
    """Roll back the canaries of models that are declared no longer, and those that nobody has watched for an hour.

    The DAG that would end the former is gone. Of the latter the lease has run out, so that no traffic is theirs.

    Returns:
        the names of those models.
    """
    rows = session.fetch_all(
        f"select {COLUMNS} from serving.rollouts where stage <> 'idle' and (not model_name = any(%s) "
        "or coalesce(lease_until, updated_at) < clock_timestamp() - make_interval(secs => %s)) "
        "order by model_name for update",
        (list(declared_names), UNWATCHED_S),
    )
    for row in rows:
        is_declared = row["model_name"] in declared_names
        reason = "nobody has watched it for an hour" if is_declared else "the model is declared no longer"
        roll_back(session, RolloutState(**row), reason)
    return [row["model_name"] for row in rows]
