"""What the demo did, read back from the stores that it filled: nothing here is carried by hand."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from include.governance.store import find_unproduced, list_written_tables
from include.operate.figures import name_metric
from include.operate.model_report import report_model
from include.settings.training import BASELINE
from include.warehouse.session import Session, open_session

if TYPE_CHECKING:
    from include.operate.hops import ModelNotes
    from include.operate.progress import Progress
    from include.settings.models import ModelSettings


def build_report(
    uri: str,
    models: Mapping[str, ModelSettings],
    notes: Mapping[str, ModelNotes],
    progress: Progress,
    dag_runs: list[dict[str, Any]],
) -> dict[str, Any]:
    """Everything the summary shows and ``report.json`` holds: what all models share, and a section for each.

    Args:
        notes: by model.
        progress: the demo's stages with their seconds.
        dag_runs: ``{dag_id, run_id, state}`` of every run.
    """
    with open_session(uri) as session:
        shared = {"data": read_data(session), "lineage": read_lineage(session)}
    report = {
        "stages": [
            {"name": stage.name, "model": stage.model, "seconds": round(stage.seconds, 1)}
            for stage in progress.stages
            if stage.seconds is not None
        ],
        "total_seconds": round(progress.total_s, 1),
        **shared,
        "models": {name: _report_model(uri, model, progress, notes[name]) for name, model in models.items()},
        "dag_runs": dag_runs,
    }
    report["shortcomings"] = find_shortcomings(report)
    return report


def find_shortcomings(report: dict[str, Any]) -> list[str]:
    """What did not work, in words, of each model and of what they share; empty if all of it worked."""
    found = [f"{name}: {text}" for name, section in report["models"].items() for text in section["shortcomings"]]
    failed = [f"{run['dag_id']} {run['run_id']}" for run in report["dag_runs"] if run["state"] == "failed"]
    if failed:
        found.append(f"runs failed: {', '.join(failed)}")
    if unproduced := report["lineage"]["tables_without_producer"]:
        found.append(f"tables have no producing run: {', '.join(unproduced)}")
    return found


def _report_model(uri: str, model: ModelSettings, progress: Progress, notes: ModelNotes) -> dict[str, Any]:
    section = report_model(uri, model, progress.stages, notes)
    return {**section, "shortcomings": find_model_shortcomings(section)}


def find_model_shortcomings(section: dict[str, Any]) -> list[str]:
    """What the loop should have done for a model and did not, in words; empty if all of it worked."""
    if section["failure"]:
        return [section["failure"].splitlines()[0]]
    champion = section["champion"]
    if champion is None:
        return ["no version serves; look at the runs of its deploy_model in the Airflow UI"]
    approval, traffic, decision = section["approval"], section["traffic"], section["gates"]["decision"]
    checks = {
        "the champion is still the baseline": champion["family"] != BASELINE,
        _describe_tie(section): section["baseline"] is None or section["baseline"]["gain"] > 0,
        f"the gates decided {decision!r}, not production": decision == "production",
        f"{approval['answered_by']} approved a model of {approval['trained_by']}": (
            not approval["is_required"] or approval["answered_by"] not in (None, approval["trained_by"])
        ),
        "the trainer's own approval was not refused": approval["is_trainer_refused"] is not False,
        "no client asked during the rollout": traffic["requests"] > 0,
        f"{traffic['failed']} requests failed during the rollout": traffic["failed"] == 0,
        "monitoring decided nothing": section["monitoring"]["action"] is not None,
    }
    return [shortcoming for shortcoming, is_met in checks.items() if not is_met]


def _describe_tie(section: dict[str, Any]) -> str:
    champion, baseline = section["champion"], section["baseline"]
    if baseline is None:
        return ""
    name = name_metric(champion["score_name"])
    return f"the champion's {name} {champion['score']} does not beat {baseline['feature']} alone, {baseline['score']}"


def read_lineage(session: Session) -> dict[str, Any]:
    """How many tables hold data, and which of them no run in the lineage store has produced."""
    tables = list_written_tables(session)
    return {
        "tables_written": len(tables),
        "tables_without_producer": [str(table) for table in find_unproduced(session, tables)],
        "events": session.fetch_value("select count(*) from governance.lineage_events"),
    }


def read_data(session: Session) -> dict[str, Any]:
    """Rows and delivered days that were published, in all and by source."""
    rows = session.fetch_all(
        "select source, sum(row_count)::bigint as rows, count(*) as days, min(batch_day)::text as first_day, "
        "max(batch_day)::text as last_day from raw.partitions group by source order by source"
    )
    sources = {row.pop("source"): row for row in rows}
    return {
        "rows": sum(source["rows"] for source in sources.values()),
        "days": max((source["days"] for source in sources.values()), default=0),
        "first_day": min((source["first_day"] for source in sources.values()), default=None),
        "last_day": max((source["last_day"] for source in sources.values()), default=None),
        "sources": sources,
    }


def write_report(path: Path, report: dict[str, Any]) -> None:
    """Write ``report.json``, replacing the old one at once."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_suffix(".tmp")
    draft.write_text(json.dumps(report, indent=2, default=str) + "\n", encoding="utf-8")
    draft.replace(path)
