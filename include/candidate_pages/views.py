"""From the rows of the ledger to what the templates show: pure, and forgiving towards records of earlier releases."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from markupsafe import Markup

from include.candidate_pages.bars import Entry, draw_entries
from include.candidate_pages.comparison_view import view_comparisons, view_ranking
from include.candidate_pages.curve_pictures import draw_curves
from include.candidate_pages.gate_pictures import MOST_ENTRIES
from include.candidate_pages.gate_view import list_missing, view_gates
from include.candidate_pages.paths import model_path, run_path
from include.candidate_pages.queries import CandidateRecords
from include.candidate_pages.verdict import STATES, UNDECIDED, conclude
from include.quality_pages.plots import format_number
from include.rollout.events import CHAMPION_EVENTS
from include.settings.gates import GATE_NAMES
from include.training.candidates import name_row

Row = Mapping[str, Any]
_HASHES: Final = {
    "run_id": "MLflow run", "model_uri": "Logged model", "onnx_sha256": "SHA-256 of the file",
    "data_version": "Data version", "feature_version": "Feature version", "code_revision": "Code revision",
}  # fmt: skip
CAUSES: Final = {
    "first": "the first one", "person": "somebody asked", "schedule": "its age", "feature_version": "new features",
    "drift": "drift", "decay": "decay",
}  # fmt: skip
"""Why a training was started, in words."""
_EVENTS: Final = {
    "bootstrapped": "became the first champion", "canary_started": "its canary began",
    "shadow_started": "its shadow test began", "shadow_ended": "its shadow test ended",
    "ab_test_registered": "its A/B test was registered", "ab_test_started": "its A/B test began",
    "ab_test_ended": "its A/B test ended", "blue_green_started": "took all traffic at once",
    "taken_over": "was taken over by another run", "resumed": "was watched again",
    "weight_set": "its share changed", "promoted": "was promoted", "rolled_back": "was rolled back",
    "restored": "was restored",
}  # fmt: skip


def view_index(trainings: Sequence[Row], declared: Iterable[str], root: str) -> list[dict[str, Any]]:
    """One entry for each model that is declared or was ever trained, by name, with its newest trainings."""
    names, known = set(declared), {row["model_name"] for row in trainings}
    return [
        {
            "name": name,
            "path": model_path(name, root),
            "is_declared": name in names,
            "trainings": [view_training(row, root) for row in trainings if row["model_name"] == name],
        }
        for name in sorted(names | known)
    ]


def view_training(row: Row, root: str) -> dict[str, Any]:
    """One training: what was fitted, and what became of the best candidate."""
    state, text = STATES[row["decision"]] if row["decision"] else UNDECIDED
    is_judged = row["run_id"] is not None
    if not row["decision"] and row["gates"]:
        text = f"{row['gates']} of {len(GATE_NAMES)} gates have answered"
    return {
        **{key: row[key] for key in ("started_at", "fitted", "version", "trained_by", "score_name", "failures")},
        "path": run_path(row["model_name"], row["run_id"] or row["any_run_id"], root),
        "name": name_row(row) if is_judged else "not judged yet",
        "score": _write_interval(row["score"], row["score_low"], row["score_high"]) if is_judged else "–",
        "cause": CAUSES.get(row["cause"], row["cause"]),
        "cause_reason": row["cause_reason"],
        "state": state,
        "state_text": text,
        "reason": row["reasons"][0] if row["reasons"] and row["decision"] != "production" else None,
        "more": max(0, len(row["reasons"] or ()) - 1),
    }


def view_candidate(records: CandidateRecords, root: str) -> dict[str, Any]:
    """One candidate: the verdict first, then everything that it rests on."""
    candidate, result = records.candidate, records.candidate["result"]
    conclusion = conclude(candidate, records.gates, records.decision, len(GATE_NAMES))
    gates = view_gates(records.gates)
    model = candidate["model_name"]
    return {
        "model": model,
        "model_path": model_path(model, root),
        "name": name_row(result),
        "plan": records.plan,
        "cause": records.plan and CAUSES.get(records.plan["cause"], records.plan["cause"]),
        "notes": result.get("notes") or [],
        "conclusion": conclusion,
        "candidate": candidate,
        "version": records.version,
        "gates": gates,
        "not_passed": [gate for gate in gates if gate["state"] != "passed"],
        "missing_gates": list_missing(records.gates) if records.gates else [],
        "has_old_gates": any(not gate["is_recorded"] for gate in gates),
        "score": _write_interval(result.get("score"), result.get("score_low"), result.get("score_high")),
        "score_name": result.get("score_name"),
        "facts": _list_facts(result),
        "hashes": [(title, candidate[key]) for key, title in _HASHES.items()],
        "comparisons": view_comparisons(result),
        "ranking": view_ranking(records, root),
        "curves": draw_curves(_leave_out_shown(result.get("curves") or {}, records.gates)),
        "confusion": _view_confusion((result.get("curves") or {}).get("confusion")),
        "has_curves": "curves" in result,
        "metrics": _pair_metrics(result),
        "parameters": [(key, _write(value)) for key, value in sorted((result.get("parameters") or {}).items())],
        "importance": _draw_importance(result.get("importance") or {}),
        "approvals": records.approvals,
        "events": [_view_event(row, records.version) for row in records.events],
    }


def _write_interval(value: float | None, low: float | None, high: float | None) -> str:
    if value is None:
        return "–"
    return f"{value:.4f}" if low is None or high is None else f"{value:.4f} ({low:.4f} to {high:.4f})"


def _list_facts(result: Mapping[str, Any]) -> list[tuple[str, str]]:
    """What was measured of the fit, where it is known."""
    selected = result.get("selected_features")
    facts = {
        "Kind of label": result.get("task"),
        "Tested on": result.get("test_as_of_date"),
        "Training rows": result.get("training_rows"),
        "Test rows": result.get("test_rows"),
        "Seconds of training": result.get("training_seconds"),
        "Bytes of the file": result.get("size_bytes"),
        "Search": result.get("search") and "{trials} trials ({method})".format(**result["search"]),
        "Features chosen": selected and f"{selected} by {result.get('selection_method')}",
    }
    return [(title, _write(value)) for title, value in facts.items() if value is not None]


def _pair_metrics(result: Mapping[str, Any]) -> list[tuple[str, str, str]]:
    """Each metric on the test rows, and over the validation folds."""
    test, folds = result.get("metrics") or {}, (result.get("validation") or {}).get("metrics") or {}
    names = [name for name in dict.fromkeys([*test, *folds]) if name != "score"]
    return [(name, format_number(test.get(name)), format_number(folds.get(name))) for name in names]


def _leave_out_shown(curves: Mapping[str, Any], gates: Sequence[Row]) -> dict[str, Any]:
    """The curves without the calibration, where its gate shows it."""
    evidence = (row["detail"].get("evidence") or {} for row in gates if row["gate"] == "calibration")
    is_shown = any(one.get("bins") for one in evidence)
    return {name: curve for name, curve in curves.items() if not (is_shown and name == "calibration")}


def _draw_importance(importance: Mapping[str, float]) -> Markup | None:
    """The features whose shuffling costs most."""
    ranked = sorted(importance.items(), key=lambda one: -(one[1] or 0.0))[:MOST_ENTRIES]
    entries = [Entry(name, loss) for name, loss in ranked]
    return draw_entries(entries, "Loss of score", with_bars=True, width=420) if entries else None


def _view_confusion(found: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """The counts with their share of the row."""
    if not found:
        return None
    rows = []
    for at, (name, counts) in enumerate(zip(found["classes"], found["counts"], strict=True)):
        total = sum(counts)
        cells = [
            {"count": count, "share": f"{count / total:.0%}" if total else "–", "is_right": column == at}
            for column, count in enumerate(counts)
        ]
        rows.append({"name": name, "cells": cells, "total": total})
    return {"classes": found["classes"], "rows": rows}


def _view_event(row: Row, version: Row | None) -> dict[str, Any]:
    """What happened to the version, or to the champion beside it."""
    number = version["version"] if version else None
    is_own = number in (row["challenger_version"], row["champion_version"])
    text = _EVENTS.get(row["event"], row["event"])
    if row["event"] not in CHAMPION_EVENTS and row["champion_version"] == number:
        text = f"was the champion beside version {row['challenger_version']}: {row['event'].replace('_', ' ')}"
    return {**row, "text": text if is_own else row["event"]}


def _write(value: Any) -> str:
    if isinstance(value, bool) or value is None:
        return {True: "yes", False: "no", None: "none"}[value]
    return format_number(value) if isinstance(value, int | float) else str(value)
