"""What was fitted, what the gates said, what was decided, which versions there are: tables that are only appended to.

Who reaches MLflow's API can rewrite its tags, move its aliases, and delete a model, whose versions are then counted
from 1 again. Production is therefore decided by these tables alone; what MLflow shows are copies.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from include.errors import RegistryError
from include.warehouse.jsonb import to_jsonb
from include.warehouse.session import Row, Session

BASELINE: Final = "baseline"
"""In place of a decision, for the rule that is the first champion: no gate judges it."""

_COLUMNS: Final = (
    "versions.model_name, versions.version, versions.at as registered_at, "
    "candidates.run_id, candidates.model_uri, candidates.onnx_sha256, candidates.trained_by, candidates.result, "
    "case candidates.family when 'baseline' then 'baseline' else (select decision from ml.decisions "
    "where decisions.run_id = versions.run_id order by id desc limit 1) end as decision"
)
_VERSIONS: Final = f"select {_COLUMNS} from ml.versions as versions join ml.candidates as candidates using (run_id)"


@dataclass(frozen=True)
class RegisteredVersion:
    """One version of a model.

    Attributes:
        model_uri: the logged model, ``models:/m-…``.
        onnx_sha256: of the file that was tested.
        decision: 'staging', 'production', or 'baseline'; None for one that was never decided about.
        result: what was measured (see ``include.training.fit.fit_family``).
    """

    model_name: str
    version: int
    registered_at: datetime
    run_id: str
    model_uri: str
    onnx_sha256: str
    trained_by: str
    decision: str | None
    result: Mapping[str, Any]


def record_candidate(
    session: Session, model_name: str, result: Mapping[str, Any], inputs_hash: str | None = None
) -> None:
    """Append what was measured of a fitted model; the same run again changes nothing.

    Args:
        result: what ``include.training.fit.fit_family`` returned.
        inputs_hash: of everything that it was made from (``include.training.unchanged``).
    """
    session.execute(
        "insert into ml.candidates (run_id, assembled_at, model_name, family, feature_set, trained_by, data_version, "
        "feature_version, code_revision, model_uri, onnx_sha256, inputs_hash, result) "
        "values (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s::jsonb) on conflict (run_id) do nothing",
        (
            result["run_id"], result["assembled_at"], model_name, result["family"], result.get("feature_set"),
            result["trained_by"], result["data_version"], result["feature_version"], result["code_revision"],
            result["model_uri"], result["onnx_sha256"], inputs_hash, to_jsonb(result),
        ),
    )  # fmt: skip


def record_gates(session: Session, run_id: str, gates: Iterable[Mapping[str, Any]]) -> None:
    """Append what gates said of a candidate, each as the fields of ``include.gates.result.GateResult``.

    With them come ``evidence`` and ``limits`` (see ``include.gates.gate.GateAnswer``), where they are known.
    """
    rows = [
        (
            run_id, gate["name"], gate["is_passed"], gate["observed"], gate["threshold"], gate["severity"],
            gate["reason"], to_jsonb(gate),
        )
        for gate in gates
    ]  # fmt: skip
    session.execute_many(
        "insert into ml.gate_results (run_id, gate, is_passed, observed, threshold, severity, reason, detail) "
        "values (%s, %s, %s, %s, %s, %s, %s, %s::jsonb)",
        rows,
    )


def record_decision(
    session: Session, run_id: str, decision: str, reasons: Sequence[str], training: Mapping[str, Any] | None = None
) -> None:
    """Append how far a candidate may go: 'refuse', 'staging' or 'production'.

    Args:
        training: what is known of it: ``ranking``, ``gap``, ``ranking_reason`` and ``failures`` (see
            ``include.gates.gate.rank_results``), ``run_key`` (of the run of ``train_candidates``), and ``assembled_at``
            (ISO; when the training set was read, which is after that of a candidate taken from an earlier training).
    """
    known = training or {}
    session.execute(
        "insert into ml.decisions (run_id, decision, reasons, ranking, gap, ranking_reason, failures, assembled_at, "
        "run_key) values (%s, %s, %s, %s::jsonb, %s, %s, %s::jsonb, %s, %s)",
        (
            run_id, decision, list(reasons), to_jsonb(known.get("ranking", [])), known.get("gap"),
            known.get("ranking_reason", ""), to_jsonb(known.get("failures", [])), known.get("assembled_at"),
            known.get("run_key"),
        ),
    )  # fmt: skip


def record_membership(session: Session, model_name: str, run_key: str, run_id: str) -> None:
    """Append that a training ranks a candidate, which it has fitted or taken from an earlier one; once."""
    session.execute(
        "insert into ml.training_candidates (model_name, run_key, run_id) values (%s, %s, %s) on conflict do nothing",
        (model_name, run_key, run_id),
    )


def add_version(session: Session, model_name: str, run_id: str, registry_version: int) -> int:
    """Give a run its version number; a run that has one keeps it.

    Args:
        registry_version: the number in MLflow's registry, which is taken unless it, or a higher one, was given before.
    """
    session.execute("select pg_advisory_xact_lock(hashtextextended('ml.versions.' || %s, 0))", (model_name,))
    session.execute(
        "insert into ml.versions (model_name, version, run_id) "
        "select %s, greatest(%s, coalesce(max(version), 0) + 1), %s from ml.versions where model_name = %s "
        "on conflict (run_id) do nothing",
        (model_name, registry_version, run_id, model_name),
    )
    version: int = session.fetch_value("select version from ml.versions where run_id = %s", (run_id,))
    return version


def find_candidate(session: Session, run_id: str) -> Row | None:
    """A fitted model by its run: ``model_name``, ``result`` and ``decision`` (the newest); None when there is none."""
    return session.fetch_one(
        "select model_name, result, (select decision from ml.decisions where decisions.run_id = candidates.run_id "
        "order by id desc limit 1) as decision from ml.candidates as candidates where run_id = %s",
        (run_id,),
    )


def find_version(session: Session, model_name: str, version: int) -> RegisteredVersion | None:
    """A version by its number; None when there is none."""
    return _read_one(session, "versions.model_name = %s and versions.version = %s", model_name, version)


def require_version(session: Session, model_name: str, version: int) -> RegisteredVersion:
    """A version by its number.

    Raises:
        RegistryError: there is none.
    """
    found = find_version(session, model_name, version)
    if found is None:
        raise RegistryError(
            f"Model {model_name!r} has no version {version} in ml.versions, which holds what was trained and judged "
            "here. A version that only MLflow knows is not opened: train, and let the gates judge it."
        )
    return found


def find_newest(
    session: Session, model_name: str, *, is_baseline: bool = False, until: datetime | None = None
) -> RegisteredVersion | None:
    """The newest version that the gates have judged, or the newest baseline; None when there is none.

    Args:
        until: of those registered by then.
    """
    return _read_one(
        session,
        "versions.model_name = %s and (candidates.family = 'baseline') = %s "
        "and versions.at <= coalesce(%s, 'infinity'::timestamptz) order by version desc",
        model_name, is_baseline, until,
    )  # fmt: skip


def has_versions(session: Session, model_name: str) -> bool:
    """Whether a model has any version."""
    return bool(session.fetch_value("select exists (select from ml.versions where model_name = %s)", (model_name,)))


def list_versions(session: Session, model_name: str) -> list[RegisteredVersion]:
    """Every version, newest first."""
    rows = session.fetch_all(f"{_VERSIONS} where versions.model_name = %s order by version desc", (model_name,))
    return [RegisteredVersion(**row) for row in rows]


def read_gates(session: Session, run_id: str) -> list[dict[str, Any]]:
    """The newest answer of each gate about a candidate, in the order in which they were given, without the evidence."""
    rows = session.fetch_all(
        "select detail - 'evidence' - 'limits' as detail from "
        "(select distinct on (gate) id, detail from ml.gate_results where run_id = %s "
        "order by gate, id desc) as newest order by id",
        (run_id,),
    )
    return [row["detail"] for row in rows]


def find_last_decision(session: Session, model_name: str) -> Row | None:
    """The newest decision about a training of a model.

    Returns:
        ``run_id``, ``decision``, ``reasons``, and of the training set ``assembled_at`` and ``feature_version``.
    """
    return session.fetch_one(
        "select run_id, decision, reasons, coalesce(decisions.assembled_at, candidates.assembled_at) as assembled_at, "
        "feature_version from ml.decisions as decisions join ml.candidates as candidates using (run_id) "
        "where model_name = %s order by decisions.id desc limit 1",
        (model_name,),
    )


def _read_one(session: Session, condition: str, *values: Any) -> RegisteredVersion | None:
    row = session.fetch_one(f"{_VERSIONS} where {condition} limit 1", values)
    return None if row is None else RegisteredVersion(**row)
