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

# Decisions of a release that has kept no run belong to the training of their candidate.
_DECIDED: Final = (
    "(decisions.run_key = {training} and exists (select from ml.candidates as own where own.run_id = decisions.run_id "
    "and own.model_name = {model}) or decisions.run_key is null and decisions.run_id in "
    "(select run_id from ml.trainings where trainings.model_name = {model} and trainings.training = {training}))"
)
_TRAININGS: Final = f"""
with grouped as (
    select trainings.model_name, training, count(*) as fitted, min(run_id) as any_run_id,
        coalesce(max(plans.at), max(candidates.assembled_at)) as started_at, max(plans.cause) as cause,
        max(plans.reason) as cause_reason
    from ml.trainings as trainings
    join ml.candidates as candidates using (run_id)
    left join lateral (
        select * from ml.training_plans as planned
        where planned.model_name = trainings.model_name and planned.run_key = training order by id desc limit 1
    ) as plans on true
    where %s::text is null or trainings.model_name = %s
    group by trainings.model_name, training
), aged as (
    select *, row_number() over (partition by model_name order by started_at desc) as age from grouped
)
select aged.*, judged.run_id, judged.family, judged.feature_set, judged.result ->> 'strategy' as strategy,
    judged.trained_by,
    judged.result ->> 'score_name' as score_name, (judged.result ->> 'score')::float8 as score,
    (judged.result ->> 'score_low')::float8 as score_low, (judged.result ->> 'score_high')::float8 as score_high,
    decided.decision, decided.reasons, decided.at as decided_at, jsonb_array_length(decided.failures) as failures,
    answered.gates, answered.failed, versions.version
from aged
left join lateral (
    select gates.run_id, count(distinct gate) as gates, count(distinct gate) filter (where not is_passed) as failed
    from ml.gate_results as gates join ml.trainings as members using (run_id)
    where members.model_name = aged.model_name and members.training = aged.training
    group by gates.run_id order by max(gates.id) desc limit 1
) as answered on true
left join lateral (
    select decisions.* from ml.decisions as decisions
    where {_DECIDED.format(training="aged.training", model="aged.model_name")}
    order by decisions.id desc limit 1
) as decided on true
left join ml.candidates as judged on judged.run_id = coalesce(decided.run_id, answered.run_id)
left join ml.versions as versions on versions.run_id = judged.run_id
where age <= %s order by aged.model_name, age
"""


@dataclass(frozen=True)
class CandidateRecords:
    """What is kept of one candidate.

    Attributes:
        candidate: its row of ``ml.candidates``.
        gates: the newest answer of each gate.
        decision: the newest of its training, whichever candidate that is about; None before it.
        siblings: all candidates of the newest training that has ranked it.
        plan: why that training was started; None where a release has not kept it.
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
    plan: Row | None = None


def read_trainings(session: Session, model: str | None = None, most: int = INDEX_SIZE) -> list[Row]:
    """The newest trainings of each model, or of one: what was fitted, and what became of the best."""
    return session.fetch_all(_TRAININGS, (model, model, most))


def read_candidate(session: Session, model: str, run_id: str) -> CandidateRecords | None:
    """Everything that the page of a candidate shows; None where no such candidate of the model was fitted."""
    candidate = session.fetch_one("select * from ml.candidates where model_name = %s and run_id = %s", (model, run_id))
    if candidate is None:
        return None
    training = session.fetch_value(
        "select training from ml.trainings left join ml.training_plans as plans "
        "on plans.model_name = trainings.model_name and plans.run_key = training "
        "where trainings.run_id = %s order by plans.at desc nulls last limit 1",
        (run_id,),
    )
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
            f"select decisions.* from ml.decisions as decisions where {_DECIDED.format(training='%s', model='%s')} "
            "order by decisions.id desc limit 1",
            (training, model, model, training),
        ),
        session.fetch_all(
            "select run_id, family, feature_set, result ->> 'strategy' as strategy, "
            "result ->> 'score_name' as score_name, "
            "(result ->> 'score')::float8 as score, (result ->> 'score_low')::float8 as score_low, "
            "(result ->> 'score_high')::float8 as score_high, (result ->> 'training_seconds')::float8 as seconds, "
            "(result ->> 'size_bytes')::float8 as size_bytes from ml.candidates "
            "join ml.trainings using (run_id) where trainings.model_name = %s and training = %s "
            "order by family, feature_set, strategy",
            (model, training),
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
        session.fetch_one(
            "select at, cause, reason, strategies from ml.training_plans where model_name = %s and run_key = %s "
            "order by id desc limit 1",
            (model, training),
        ),
    )
