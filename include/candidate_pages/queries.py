"""Reads what the pages show from the ledger: ``ml.*``, ``governance.approvals``, ``serving.rollout_events``."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from include.warehouse.session import Row, Session

INDEX_SIZE: Final = 8
"""Trainings of each model on the index."""
MODEL_SIZE: Final = 100
"""Trainings on the page of a model."""
_EVENTS: Final = 50

_TRAININGS: Final = """
with trainings as (
    select model_name, assembled_at, max(at) as fitted_at, count(*) as fitted, min(run_id) as any_run_id,
        row_number() over (partition by model_name order by assembled_at desc) as age
    from ml.candidates where %s::text is null or model_name = %s group by model_name, assembled_at
)
select trainings.*, judged.run_id, judged.family, judged.feature_set, judged.trained_by,
    judged.result ->> 'score_name' as score_name, (judged.result ->> 'score')::float8 as score,
    (judged.result ->> 'score_low')::float8 as score_low, (judged.result ->> 'score_high')::float8 as score_high,
    decided.decision, decided.reasons, decided.at as decided_at, jsonb_array_length(decided.failures) as failures,
    answered.gates, answered.failed, versions.version
from trainings
left join lateral (
    select gates.run_id, count(distinct gate) as gates, count(distinct gate) filter (where not is_passed) as failed
    from ml.gate_results as gates join ml.candidates using (run_id)
    where candidates.model_name = trainings.model_name and candidates.assembled_at = trainings.assembled_at
    group by gates.run_id order by max(gates.id) desc limit 1
) as answered on true
left join lateral (
    select decisions.* from ml.decisions as decisions join ml.candidates using (run_id)
    where candidates.model_name = trainings.model_name and candidates.assembled_at = trainings.assembled_at
    order by decisions.id desc limit 1
) as decided on true
left join ml.candidates as judged on judged.run_id = coalesce(decided.run_id, answered.run_id)
left join ml.versions as versions on versions.run_id = judged.run_id
where age <= %s order by trainings.model_name, age
"""


@dataclass(frozen=True)
class CandidateRecords:
    """What is kept of one candidate.

    Attributes:
        candidate: its row of ``ml.candidates``.
        gates: the newest answer of each gate.
        decision: the newest of its training, whichever candidate that is about; None before it.
        siblings: all candidates that were fitted on the same training set.
        version: its number and when it was registered; None where it was not.
        approvals: answers about that version, the newest first.
        events: of the rollout in which that version takes part, the newest first.
    """

    candidate: Row
    gates: list[Row] = field(default_factory=list)
    decision: Row | None = None
    siblings: list[Row] = field(default_factory=list)
    version: Row | None = None
    approvals: list[Row] = field(default_factory=list)
    events: list[Row] = field(default_factory=list)


def read_trainings(session: Session, model: str | None = None, most: int = INDEX_SIZE) -> list[Row]:
    """The newest trainings of each model, or of one: what was fitted, and what became of the best."""
    return session.fetch_all(_TRAININGS, (model, model, most))


def read_candidate(session: Session, model: str, run_id: str) -> CandidateRecords | None:
    """Everything that the page of a candidate shows; None where no such candidate of the model was fitted."""
    candidate = session.fetch_one("select * from ml.candidates where model_name = %s and run_id = %s", (model, run_id))
    if candidate is None:
        return None
    training = (model, candidate["assembled_at"])
    version = session.fetch_one("select version, at from ml.versions where run_id = %s", (run_id,))
    number = version["version"] if version else None
    return CandidateRecords(
        candidate,
        session.fetch_all(
            "select distinct on (gate) gate, at, is_passed, observed, threshold, severity, reason, detail "
            "from ml.gate_results where run_id = %s order by gate, id desc",
            (run_id,),
        ),
        session.fetch_one(
            "select decisions.* from ml.decisions as decisions join ml.candidates using (run_id) "
            "where model_name = %s and assembled_at = %s order by decisions.id desc limit 1",
            training,
        ),
        session.fetch_all(
            "select run_id, family, feature_set, result ->> 'score_name' as score_name, "
            "(result ->> 'score')::float8 as score, (result ->> 'score_low')::float8 as score_low, "
            "(result ->> 'score_high')::float8 as score_high, (result ->> 'training_seconds')::float8 as seconds, "
            "(result ->> 'size_bytes')::float8 as size_bytes from ml.candidates "
            "where model_name = %s and assembled_at = %s order by family, feature_set",
            training,
        ),
        version,
        session.fetch_all(
            "select at, decision, answered_by, trained_by, reason from governance.approvals "
            "where model_name = %s and model_version = %s order by id desc",
            (model, number),
        ),
        session.fetch_all(
            "select at, event, champion_version, challenger_version, challenger_weight, detail ->> 'reason' as reason "
            "from serving.rollout_events where model_name = %s and %s in (champion_version, challenger_version) "
            "order by id desc limit %s",
            (model, number, _EVENTS),
        ),
    )
