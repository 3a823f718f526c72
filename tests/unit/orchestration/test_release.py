"""The parameters of a release, as Airflow gives them to a run, and the button that leads to the pages."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from include.errors import SettingsError
from include.settings import load_settings

SOURCES = load_settings().sources
NAME = next(iter(SOURCES.sources))
REASON = "The range was wrong: such values are real."


def make_context(person: str | None = "anna", **params: Any) -> dict[str, Any]:
    given = {"from_day": "2026-03-09", "to_day": "2026-03-09", "accept_refused": [NAME], "reason": REASON, **params}
    return {
        "params": given,
        "dag_run": SimpleNamespace(triggering_user_name=person, logical_date=None, run_after=datetime.now(UTC)),
    }


@pytest.fixture
def release(airflow_home: Path) -> Any:
    from include.orchestration import release

    return release


def test_the_person_is_the_one_who_triggered_the_run(release: Any) -> None:
    given = release.read_release(make_context(), SOURCES)

    assert (given.sources, given.person, given.reason) == ((NAME,), "anna", REASON)


@pytest.mark.parametrize("params", [{"accept_refused": []}, {"accept_refused": None}])
def test_a_run_without_one_names_no_person(release: Any, params: dict[str, Any]) -> None:
    assert release.read_release(make_context(None, **params), SOURCES) is None


def test_the_form_offers_the_sources_and_takes_no_other(release: Any) -> None:
    from airflow.exceptions import ParamValidationError

    accepted = release.release_params(SOURCES.sources)["accept_refused"]

    assert accepted.resolve() == []
    assert accepted.resolve([NAME]) == [NAME]
    assert accepted.schema["examples"] == sorted(SOURCES.sources)
    for wrong in (["no_source"], [NAME, NAME], NAME):
        with pytest.raises(ParamValidationError):
            accepted.resolve(wrong)


@pytest.mark.parametrize("context", [make_context(None), make_context(reason=""), make_context(from_day=None)])
def test_an_incomplete_release_stops_the_run_before_anything_is_planned(
    airflow_home: Path, monkeypatch: pytest.MonkeyPatch, context: dict[str, Any]
) -> None:
    from include.orchestration.plan_load import PlanLoad

    monkeypatch.setenv("AIRFLOW_CONN_WAREHOUSE", "postgresql://nobody@127.0.0.1:1/none")  # would fail otherwise

    with pytest.raises(SettingsError, match="accept_refused needs"):
        PlanLoad(task_id="plan").execute(context)


@pytest.mark.parametrize(
    ("base_url", "prefix"),
    [("", ""), ("http://localhost:8080", ""), ("https://host/airflow/", "/airflow"), ("https://host/a/b", "/a/b")],
)
def test_links_lead_to_the_pages_behind_any_address_of_airflow(
    airflow_home: Path, monkeypatch: pytest.MonkeyPatch, base_url: str, prefix: str
) -> None:
    from include.orchestration.page_apps import page_view
    from include.orchestration.quality_link import QualityLink

    monkeypatch.setenv("AIRFLOW__API__BASE_URL", base_url)
    link = QualityLink().get_link(None, ti_key=SimpleNamespace(run_id="manual__2026-03-09T05:00:00+00:00"))

    assert link == f"{prefix}/quality/runs/manual__2026-03-09T05:00:00+00:00"
    assert page_view("Quality", "/quality", base_url)["href"] == f"{prefix}/quality/"
