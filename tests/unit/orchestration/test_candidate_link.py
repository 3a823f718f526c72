"""Links to the page of a candidate."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

pytestmark = pytest.mark.usefixtures("airflow_home")

RANKED = {"candidate": {"run_id": "run/7"}}


@pytest.mark.parametrize(
    ("base_url", "ranked", "path"),
    [
        ("", RANKED, "/candidates/models/failures/runs/run%2F7"),
        ("https://example.com/airflow/", RANKED, "/airflow/candidates/models/failures/runs/run%2F7"),
        ("", None, "/candidates/models/failures"),
    ],
)
def test_the_button_leads_to_the_candidate_that_was_ranked_first(
    monkeypatch: pytest.MonkeyPatch, base_url: str, ranked: object, path: str
) -> None:
    from include.orchestration import candidate_link

    asked = []
    monkeypatch.setenv("AIRFLOW__API__BASE_URL", base_url)
    monkeypatch.setattr(candidate_link, "read_ranked", lambda *key: asked.append(key) or ranked)

    key = SimpleNamespace(dag_id="failures.train_candidates", run_id="manual__1", task_id="register")
    assert candidate_link.CandidateLink().get_link(None, ti_key=key) == path
    assert asked == [("failures.train_candidates", "manual__1")]


@pytest.mark.parametrize(
    ("base_url", "page", "link"),
    [
        ("", None, "/candidates/models/failures/runs/r1"),
        ("http://localhost:8080", *["http://localhost:8080/candidates/models/failures/runs/r1"] * 2),
        ("https://example.com/airflow/", *["https://example.com/airflow/candidates/models/failures/runs/r1"] * 2),
    ],
)
def test_only_a_whole_address_is_given_to_those_outside_of_airflow(
    monkeypatch: pytest.MonkeyPatch, base_url: str, page: str | None, link: str
) -> None:
    from include.orchestration.candidate_link import find_link, find_page

    monkeypatch.setenv("AIRFLOW__API__BASE_URL", base_url)
    assert (find_page("failures", "r1"), find_link("failures", "r1")) == (page, link)
