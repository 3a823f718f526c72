"""Pages of candidates that were judged for real: what they say, and that nothing in them runs or is left open."""

from __future__ import annotations

from dataclasses import replace
from html.parser import HTMLParser
from typing import Any

import pytest

from include.candidate_pages.render import render_candidate, render_index, render_model
from include.candidate_pages.views import view_candidate, view_index
from include.settings.gates import GATE_NAMES
from include.settings.models import TaskName
from tests.unit.candidate_pages.records import (
    AT,
    EVIL,
    judge_good,
    make_candidate,
    make_records,
    make_training,
)
from tests.unit.registry.planting import make_measured

ROOT = "/airflow/candidates"


class Checker(HTMLParser):
    """Refuses tags that are not closed in order, and collects their attributes."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in {"meta", "br"}:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def check(page: str) -> str:
    """Well-formed, nothing loaded or run, links below the root or on the page; what is told, without the style."""
    found = Checker()
    found.feed(page)
    assert found.open == []
    assert not {"script", "link", "img", "iframe", "form"} & {tag for tag, _ in found.tags}
    assert not any(key.startswith("on") for _, attrs in found.tags for key in attrs)
    assert all((attrs["href"] or "").startswith((f"{ROOT}/", "#")) for tag, attrs in found.tags if tag == "a")
    assert EVIL not in page
    ids = [attrs["id"] for _, attrs in found.tags if "id" in attrs]
    assert len(ids) == len(set(ids))
    assert {(attrs["href"] or "")[1:] for tag, attrs in found.tags if tag == "a" and attrs["href"][:1] == "#"} <= set(
        ids
    )
    return page.partition("</style>")[2]


def render(records: Any) -> str:
    return check(render_candidate(view_candidate(records, ROOT), ROOT))


@pytest.mark.parametrize(
    ("task", "curves"),
    [
        ("binary", ["ROC", "Precision and recall", "Cumulative gain", "Profit by the share acted on", "Confusion"]),
        ("multiclass", ["Confusion"]),
        ("regression", ["Label and prediction", "Errors"]),
    ],
)
def test_a_candidate_has_every_gate_with_its_pictures_and_its_curves(task: TaskName, curves: list[str]) -> None:
    page = render(make_records(task))
    for name in GATE_NAMES:
        assert f'id="gate-{name}"' in page
    for text in (
        "Cleared for production: all 18 gates passed", "Score by segment", "Predicted and observed", "Loss of score",
        "Share of the importance", "What moves single answers", "Gain over the best of the others",
        "Milliseconds for one row", "paint: answered", "Days between the splits",
        "Where the features come from: raw.readings", *curves,
    ):  # fmt: skip
        assert text in page, text
    assert "was not recorded" not in page
    assert "No values." not in page
    assert page.count("<figure>") > 15


def test_the_verdict_and_what_failed_come_first() -> None:
    gates = judge_good(
        calibration={"is_passed": False, "severity": "blocking", "reason": f"too far off {EVIL}"},
        fairness={"is_passed": False, "is_clear": False, "severity": "ask", "reason": "too little to tell"},
    )
    page = render(make_records("binary", "refuse", gates))
    places = [page.index(text) for text in (
        "Refused: 1 gate", "Gates that did not pass", "What happened next", 'id="gate-calibration"',
        'id="gate-fairness"', 'id="gate-baseline"',
    )]  # fmt: skip
    assert places == sorted(places)
    assert "This refuses the candidate." in page
    assert "It was not registered" in page


def test_what_happened_next_is_told_with_who_and_when() -> None:
    events = [
        {"at": AT, "event": "promoted", "champion_version": 3, "challenger_version": None, "challenger_weight": 0.0,
         "reason": None},
        {"at": AT, "event": "rolled_back", "champion_version": 3, "challenger_version": 4, "challenger_weight": 0.0,
         "reason": EVIL},
    ]  # fmt: skip
    approval = {"at": AT, "decision": "approved", "answered_by": f"grace {EVIL}", "trained_by": "ada", "reason": "good"}
    page = render(replace(make_records(), version={"version": 3, "at": AT}, approvals=[approval], events=events))
    for text in ("Registered as version 3, 2026-03-01 12:00 UTC", "grace &lt;img", "approved", "was promoted",
                 "was the champion beside version 4"):  # fmt: skip
        assert text in page, text


def test_the_ranking_has_every_candidate_its_parts_and_those_that_failed() -> None:
    page = render(make_records())
    for text in (
        "leads logistic_regression", "training seconds 0.0700", f'href="{ROOT}/models/failures/runs/run-second"',
        "not ranked", "random_forest</strong>: ValueError: no trees &lt;img",
    ):  # fmt: skip
        assert text in page, text


def test_a_candidate_of_an_earlier_release_shows_everything_but_what_was_not_recorded() -> None:
    gates = [{key: value for key, value in gate.items() if key not in ("evidence", "limits")} for gate in judge_good()]
    records = make_records("binary", "production", gates)
    old = {key: value for key, value in make_measured().items() if key not in ("curves", "importance", "parameters")}
    decision = {**(records.decision or {}), "gap": None, "ranking_reason": "", "failures": [], "ranking": []}
    page = render(replace(records, candidate=make_candidate(old | {"run_id": "run-best"}), decision=decision))
    assert page.count("The picture was not recorded") == len(GATE_NAMES)
    assert "The curves were not recorded: this candidate was fitted by an earlier release" in page
    assert "The parameters were not recorded here" in page
    assert gates[0]["reason"] in page


@pytest.mark.parametrize("count", [0, 4])
def test_a_candidate_without_a_decision_says_so(count: int) -> None:
    gates = judge_good()[:count]
    page = render(make_records("binary", None, gates))
    assert "Nothing is decided" in page
    assert "no decision yet" in page
    assert ("No gate has judged it" in page, "These have not answered yet" in page) == (not gates, bool(gates))


def test_a_gate_that_could_not_be_measured_has_its_reason_and_no_picture() -> None:
    failed = {
        "is_passed": False,
        "observed": None,
        "threshold": None,
        "evidence": None,
        "reason": f"ServingError {EVIL}",
    }
    page = render(make_records("binary", "refuse", judge_good(calibration=failed)))
    assert "ServingError &lt;img" in page
    assert "Error with its interval" not in page


def test_markup_in_any_text_is_shown_and_does_not_run() -> None:
    evidence = judge_good(
        stability={"evidence": {"slices": [0.8], "score": 0.8, "small": [EVIL], "segments": [
            {"column": EVIL, "value": EVIL, "score": 0.7, "low": None, "high": None}]}},
        value={"evidence": {"profit": 1.0, "others": {EVIL: 0.5}, "gain": 0.5, "gain_low": 0.1, "gain_high": 0.9}},
        compliance={"evidence": {"sources": [EVIL], "personal": [EVIL]}},
        interpretability={"evidence": {"shares": {EVIL: 1.0}, "agreement": 1.0, "attributions": [
            {"feature": EVIL, "mean": 0.1, "values": [0.1, None], "places": [None, 0.5]}]}},
        fairness={"evidence": [{"attribute": EVIL, "worst": [], "rates": [
            {"kind": EVIL, "title": EVIL, "rates": [{"group": EVIL, "hits": 1, "rows": 3}]}]}]},
    )  # fmt: skip
    names = ("family", "feature_set", "trained_by", "data_version", "code_revision", "score_name", "single_feature")
    records = make_records("binary", "production", evidence, **dict.fromkeys(names, EVIL), parameters={EVIL: EVIL},
                           importance={EVIL: 1.0})  # fmt: skip
    curves = {"confusion": {"classes": [EVIL, "b"], "counts": [[1, 2], [3, 4]]}}
    records.candidate["result"]["curves"] = curves
    page = render(records)
    assert page.count("&lt;img src=x") > 20


def test_the_index_has_every_declared_model_and_the_trainings_of_removed_ones() -> None:
    trainings = [
        make_training(),
        make_training(decision=None, reasons=None, gates=4, failures=None),
        make_training(decision=None, reasons=None, gates=None, run_id=None, family=None, score=None, failures=None),
        make_training(decision="production", reasons=["all 18 gates passed"], version=7, trained_by=EVIL),
    ]
    page = check(render_index(view_index(trainings, ["other"], ROOT), ROOT))
    for text in ("calibration: too far off and 1 more", "4 of 18 gates have answered", "no decision yet",
                 "not judged yet", "cleared for production", "1 failed", "declares it any more",
                 "Not trained yet: run the DAG", f'href="{ROOT}/models/failures"'):  # fmt: skip
        assert text in page, text
    assert "all 18 gates passed" not in page
    assert "No model is declared" in check(render_index([], ROOT))


def test_the_page_of_a_model_has_its_trainings() -> None:
    page = check(render_model(view_index([make_training()], ["failures"], ROOT)[0], ROOT))
    assert "0.8000 (0.7800 to 0.8200)" in page
    assert f'href="{ROOT}/models/failures/runs/run-best"' in page
