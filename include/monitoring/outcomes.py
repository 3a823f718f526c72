"""Joins what happened to what was predicted, as soon as it is known."""

from __future__ import annotations

from datetime import datetime

from include.warehouse.session import Session


def record_outcomes(session: Session, known_at: datetime) -> int:
    """Copy the labels of every prediction whose label has matured to ``ml.outcomes``.

    An outcome that stands already keeps its time, unless a late row has changed the label itself.

    Returns:
        outcomes that are new or changed.
    """
    return session.execute(
        """
        insert into ml.outcomes (as_of_date, household_id, churned, known_at)
        select
            labels.as_of_date,
            labels.household_id,
            labels.churned,
            %s
        from features.churn_labels as labels
        where exists (
            select
            from ml.predictions as predictions
            where predictions.as_of_date = labels.as_of_date
                and predictions.household_id = labels.household_id
        )
        on conflict (as_of_date, household_id) do update
        set
            churned = excluded.churned,
            known_at = excluded.known_at
        where ml.outcomes.churned <> excluded.churned
        """,
        (known_at,),
    )
