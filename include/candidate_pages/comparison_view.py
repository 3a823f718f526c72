"""How a candidate compares: with the rule, the champion and the best ever; and with the others of its training."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from markupsafe import Markup

from include.candidate_pages.bars import Entry, draw_entries, write_gain
from include.candidate_pages.paths import run_path
from include.candidate_pages.queries import CandidateRecords
from include.quality_pages.plots import format_number
from include.training.candidates import name_row

Row = Mapping[str, Any]
_BAR: Final = 200.0
_SHADES: Final = 6


def view_comparisons(result: Mapping[str, Any]) -> dict[str, Any]:
    """The gains over others on the same test rows, as rows and as a picture."""
    rows = [
        row
        for row in (
            _compare("the one-feature rule", result.get("baseline"), "feature"),
            _compare("the champion", result.get("champion"), "version"),
            _compare("the best version ever", result.get("best_ever"), "version"),
        )
        if row
    ]
    entries = [
        Entry(f"over {row['other']}", row["gain"], row["low"], row["high"]) for row in rows if row["gain"] is not None
    ]
    drawing = draw_entries(entries, "Gain in score", form=write_gain, width=400) if entries else None
    return {"rows": rows, "drawing": drawing, "has_champion": bool(result.get("champion"))}


def view_ranking(records: CandidateRecords, root: str) -> dict[str, Any]:
    """All candidates of the training: the ranked ones with their weighted parts, the rule, and those that failed."""
    decision, model = records.decision, records.candidate["model_name"]
    fitted = {row["run_id"]: row for row in records.siblings}
    ranking = decision["ranking"] if decision else []
    names = list(dict.fromkeys(part for one in ranking for part in one.get("parts") or {}))
    shades = {name: at % _SHADES for at, name in enumerate(names)}
    rows = [_view_ranked(at, one, fitted, shades, model, root) for at, one in enumerate(ranking, 1)]
    ranked = {one.get("run_id") for one in ranking}
    rows += [_view_fitted(row, model, root) for run_id, row in fitted.items() if run_id not in ranked]
    for row in rows:
        row["is_this"] = row["run_id"] == records.candidate["run_id"]
    return {
        "rows": rows,
        "parts": [(name.replace("_", " "), shade) for name, shade in shades.items()],
        "gap": decision["gap"] if decision else None,
        "reason": decision["ranking_reason"] if decision else "",
        "failures": decision["failures"] if decision else [],
    }


def draw_parts(parts: Mapping[str, float], shades: Mapping[str, int]) -> Markup:
    """What each criterion adds to the weighted score, side by side on a scale from 0 to 1."""
    rectangles, start = [], 0.0
    for name, part in parts.items():
        width = max(0.0, min(part, 1.0)) * _BAR
        form = Markup('<rect class="part p{}" x="{:.1f}" y="0" width="{:.1f}" height="12"><title>{}</title></rect>')
        rectangles.append(form.format(shades[name], start, width, f"{name.replace('_', ' ')} {part:.4f}"))
        start += width
    text = ", ".join(f"{name.replace('_', ' ')} {part:.4f}" for name, part in parts.items())
    return Markup('<svg class="parts" viewBox="0 0 {0:.0f} 12" width="{0:.0f}" height="12" role="img" aria-label="{1}">'
                  '<rect class="rail" width="{0:.0f}" height="12"/>{2}</svg>').format(
        _BAR, text or "no parts", Markup("").join(rectangles)
    )  # fmt: skip


def _compare(other: str, found: Mapping[str, Any] | None, key: str) -> dict[str, Any] | None:
    if not found:
        return None
    name = f"{other} ({'by ' if key == 'feature' else 'version '}{found.get(key)})"
    return {
        "other": other,
        "name": name,
        "score": format_number(found.get("score")),
        "gain": found.get("gain"),
        "low": found.get("gain_low"),
        "high": found.get("gain_high"),
        "text": _write_gain(found),
        "note": found.get("note") if found.get("gain") is None else None,
    }


def _write_gain(found: Mapping[str, Any]) -> str:
    if found.get("gain") is None:
        return "could not be compared"
    text = f"{found['gain']:+.4f}"
    if found.get("gain_low") is None or found.get("gain_high") is None:
        return text
    return f"{text} ({found['gain_low']:+.4f} to {found['gain_high']:+.4f})"


def _view_ranked(
    place: int, one: Row, fitted: Mapping[str, Row], shades: Mapping[str, int], model: str, root: str
) -> dict[str, Any]:
    row = fitted.get(one.get("run_id", ""), {})
    parts = one.get("parts") or {}
    return {
        **_view_fitted({**one, **row}, model, root),
        "place": place,
        "weighted": one.get("score"),
        "drawing": draw_parts(parts, shades) if parts else None,
    }


def _view_fitted(row: Row, model: str, root: str) -> dict[str, Any]:
    run_id = row.get("run_id")
    return {
        "run_id": run_id,
        "name": name_row(row),
        "path": run_path(model, run_id, root) if run_id else None,
        "place": None,
        "weighted": None,
        "drawing": None,
        "score": _write_score(row),
        "seconds": format_number(row.get("seconds")),
        "size": format_number(row.get("size_bytes")),
    }


def _write_score(row: Row) -> str:
    numbers: Sequence[float | None] = [row.get(key) for key in ("score", "score_low", "score_high")]
    if row.get("score_name") is None or numbers[0] is None:
        return "–"
    if numbers[1] is None or numbers[2] is None:
        return f"{numbers[0]:.4f}"
    return f"{numbers[0]:.4f} ({numbers[1]:.4f} to {numbers[2]:.4f})"
