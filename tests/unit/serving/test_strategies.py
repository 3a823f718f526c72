"""Switch, A/B test and shadow on a real server: clients notice nothing but the version."""

from __future__ import annotations

import pytest

from include.rollout.begin import begin_challenge
from include.rollout.blue_green import plan_switch
from include.rollout.canary import run_canary_step
from include.rollout.runs import DeploymentRun
from include.rollout.shadow import look_at_shadow
from include.rollout.state import promote_challenger, require_rollout
from include.serving.router import is_for_challenger
from include.settings.rollout import RolloutSettings
from include.warehouse.session import open_session
from tests.unit.serving.live_server import (
    MACHINES,
    MODEL,
    Shelf,
    by_key,
    constant_load,
    list_failed,
    predict,
    show,
    wait_until,
    wait_until_seen,
)

RUN = DeploymentRun("scheduled__1", "blue_green")


@pytest.mark.parametrize(("file", "action"), [("other", "proceed"), ("raising", "roll_back")])
def test_a_switch_under_load_takes_all_traffic_or_gives_it_back_and_no_request_fails(
    server_url: str, online_uri: str, shelf: Shelf, rollout_settings: RolloutSettings, file: str, action: str
) -> None:
    shelf.files[9] = file
    blue_green = rollout_settings.blue_green.model_copy(update={"watch_s": 1.0, "max_wait_s": 3600.0})
    plan = plan_switch(rollout_settings.model_copy(update={"blue_green": blue_green}))
    with constant_load(server_url) as responses:
        wait_until(lambda: len(responses) > 50)
        with open_session(online_uri) as session:
            assert begin_challenge(session, MODEL, 9, 1.0, 3600.0, RUN, "blue_green") is None
        decision = run_canary_step(online_uri, MODEL, 1.0, plan, run=RUN, compare_s=3600.0)
        assert decision is not None
        assert decision.action == action, decision.reason
        if action == "proceed":
            assert show(server_url)["challenger_weight"] == 1.0
            assert predict(server_url, by_key(1)).json()["model_version"] == 9
            with open_session(online_uri) as session:
                promote_challenger(session, require_rollout(session, MODEL), 9, RUN)
        wait_until(lambda: show(server_url)["challenger_version"] is None)
        expected = 9 if action == "proceed" else 1
        wait_until(lambda: responses[-1].json().get("model_version") == expected)
    assert list_failed(responses) == []


def test_an_ab_test_splits_entities_for_good(server_url: str, online_uri: str) -> None:
    run = DeploymentRun("scheduled__1", "ab_test")
    with open_session(online_uri) as session:
        begin_challenge(session, MODEL, 2, 0.5, 3600.0, run, "ab_test")
    wait_until_seen(server_url, 2, 0.5)
    bodies = {"requests": [by_key(number) for number in range(1, MACHINES + 1)]}
    first, second = (predict(server_url, bodies, path="predict/batch").json()["predictions"] for _ in range(2))
    variants = {answer["keys"]["machine_id"]: answer["variant"] for answer in first}
    assert variants == {answer["keys"]["machine_id"]: answer["variant"] for answer in second}
    assert {number for number, variant in variants.items() if variant == "challenger"} == {
        number for number in variants if is_for_challenger(str(number), 2, 0.5)
    }


@pytest.mark.parametrize(
    ("file", "verdict"), [("other", "proceed"), ("raising", "refuse"), ("inverted", "refuse"), ("nan", "refuse")]
)
def test_a_shadow_test_under_load_tells_good_from_bad(
    server_url: str, online_uri: str, shelf: Shelf, rollout_settings: RolloutSettings, file: str, verdict: str
) -> None:
    shelf.files[9] = file
    run = DeploymentRun("scheduled__1", "shadow")
    settings = rollout_settings.shadow.model_copy(
        update={"max_wait_s": 3600.0, "latency_floor_ms": 1e7, "min_entities": 100}
    )
    with constant_load(server_url) as responses:
        reports = []

        def is_over() -> bool:
            report = look_at_shadow(online_uri, MODEL, 9, settings, run)
            reports.extend([] if report is None else [report])
            return report is not None

        wait_until(is_over)
        wait_until(lambda: show(server_url)["shadow_share"] == 0.0)
    assert reports[-1]["verdict"] == verdict, reports[-1]["reason"]
    assert list_failed(responses) == []
    assert {response.json()["variant"] for response in responses} == {"champion"}
