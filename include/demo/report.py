"""What the demo did, read back from the stores that it filled: nothing here is carried by hand."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from include.errors import StackError
from include.governance.store import find_unproduced, list_written_tables
from include.registry.registry import read_version
from include.warehouse.session import Session, open_session

if TYPE_CHECKING:
    from include.demo.progress import Stage

HOPS: Final = (
    "ingest_sources", "build_features", "train_candidates", "deploy_model", "score_batch", "monitor_model",
)  # fmt: skip


def build_report(
    uri: str, tracking_uri: str, model_name: str, stages: list[Stage], dag_runs: list[dict[str, Any]]
) -> dict[str, Any]:
    """Everything the summary shows and ``report.json`` holds.

    Raises:
        StackError: no model serves.

    Args:
        stages: the demo's stages with their seconds.
        dag_runs: ``{dag_id, run_id, state}`` of every run.
    """
    finished = [stage for stage in stages if stage.seconds is not None]
    with open_session(uri) as session:
        rollout = session.fetch_one("select * from serving.rollouts where model_name = %s", (model_name,)) or {}
        facts = {
            "approval": read_approval(session, model_name),
            "lineage": read_lineage(session),
            "canary": read_canary(session, model_name),
            "retraining": read_retraining(session, model_name),
            "performance": read_performance(session, model_name),
            "data": read_data(session),
        }
    champion = read_version(tracking_uri, model_name, str(rollout["champion_version"])) if rollout else None
    if champion is None:
        raise StackError(f"No version of {model_name!r} serves. Look at the runs of deploy_model in the Airflow UI.")
    tags = champion.tags
    return {
        "stages": [{"name": stage.name, "seconds": round(stage.seconds or 0.0, 1)} for stage in finished],
        "total_seconds": round(sum(stage.seconds or 0.0 for stage in finished), 1),
        "champion": {
            "name": model_name,
            "family": tags["family"],
            "version": rollout["champion_version"],
            **{key: round(float(tags[key]), 6) for key in ("auc", "auc_low", "auc_high")},
        },
        "baseline": {"feature": tags["baseline_feature"], "auc": round(float(tags["baseline_auc"]), 6)},
        "decision": tags["decision"],
        **facts,
        "dag_runs": dag_runs,
    }


def find_shortcomings(report: dict[str, Any]) -> list[str]:
    """What the loop should have done and did not, in words; empty if all of it worked."""
    champion, baseline, approval = report["champion"], report["baseline"], report["approval"]
    unproduced, traffic = report["lineage"]["tables_without_producer"], report["traffic"]
    failed = [f"{run['dag_id']} {run['run_id']}" for run in report["dag_runs"] if run["state"] == "failed"]
    checks = {
        f"the champion's AUC {champion['auc']} does not beat {baseline['feature']} alone, {baseline['auc']}": (
            champion["auc"] > baseline["auc"]
        ),
        f"the gates decided {report['decision']!r}, not production": report["decision"] == "production",
        f"{approval['answered_by']} approved a model of {approval['trained_by']}": (
            approval["answered_by"] not in (None, approval["trained_by"])
        ),
        "the trainer's own approval was not refused": approval["is_trainer_refused"],
        f"runs failed: {', '.join(failed)}": not failed,
        f"tables have no producing run: {', '.join(unproduced)}": not unproduced,
        "no customer asked during the rollout": traffic["requests"] > 0,
        f"{traffic['failed']} requests failed during the rollout": traffic["failed"] == 0,
        "monitoring decided nothing": report["retraining"]["action"] is not None,
    }
    return [shortcoming for shortcoming, is_met in checks.items() if not is_met]


def read_approval(session: Session, model_name: str) -> dict[str, Any]:
    """Who answered the newest approval request, and who had trained the model."""
    row = session.fetch_one(
        "select answered_by, trained_by, decision, model_version from governance.approvals "
        "where model_name = %s order by at desc limit 1",
        (model_name,),
    )
    return dict(row or {"answered_by": None, "trained_by": None})


def read_lineage(session: Session) -> dict[str, Any]:
    """How many tables hold data, and which of them no run in the lineage store has produced."""
    tables = list_written_tables(session)
    return {
        "tables_written": len(tables),
        "tables_without_producer": [str(table) for table in find_unproduced(session, tables)],
        "events": session.fetch_value("select count(*) from governance.lineage_events"),
    }


def read_canary(session: Session, model_name: str) -> list[dict[str, Any]]:
    """The rollout's events in order, with the challenger's share at each."""
    return session.fetch_all(
        "select event, champion_version, challenger_version, challenger_weight "
        "from serving.rollout_events where model_name = %s order by id",
        (model_name,),
    )


def read_retraining(session: Session, model_name: str) -> dict[str, Any]:
    """The newest decision of monitoring, with its reasons."""
    row = session.fetch_one(
        "select action, reasons, as_of_date::text as as_of_date from monitoring.decisions "
        "where model_name = %s order by decided_at desc limit 1",
        (model_name,),
    )
    return dict(row or {"action": None, "reasons": []})


def read_performance(session: Session, model_name: str) -> dict[str, Any]:
    """The champion's figures on outcomes that became known, newest first."""
    row = session.fetch_one(
        "select * from monitoring.performance where model_name = %s order by as_of_date desc, computed_at desc limit 1",
        (model_name,),
    )
    return {key: value for key, value in (row or {}).items() if isinstance(value, int | float | str)}


def read_data(session: Session) -> dict[str, Any]:
    """Rows and days that were published."""
    row = session.fetch_one(
        "select count(*) as rows, count(distinct day) as days, min(day)::text as first_day, "
        "max(day)::text as last_day from raw.transactions"
    )
    return dict(row or {})


def write_report(path: Path, report: dict[str, Any]) -> None:
    """Write ``report.json``, replacing the old one at once."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_suffix(".tmp")
    draft.write_text(json.dumps(report, indent=2, default=str) + "\n", encoding="utf-8")
    draft.replace(path)
