"""One process serves all declared models, and one model's trouble is no other's."""

from __future__ import annotations

import logging
import re
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from include.rollout.state import promote_challenger, require_rollout
from include.serving.loader import ServedModel
from include.settings.rollout import ServerSettings
from include.warehouse.session import open_session
from tests.unit.serving.live_server import (
    MODEL,
    SENSOR,
    Shelf,
    bootstrap_all,
    by_key,
    constant_load,
    count_stuck,
    get,
    make_features,
    predict,
    put_canary,
    read_log,
    serve,
    show,
    wait_until,
    wait_until_ready,
    wait_until_seen,
)

NAMES = (MODEL, "units", "grade")
BOLT = {"keys": {"site_id": 3, "part": "bolt"}}


@pytest.fixture
def many_uri(online_uri: str) -> str:
    """A warehouse with three champions."""
    bootstrap_all(online_uri, NAMES)
    return online_uri


@pytest.fixture
def many_url(many_uri: str, shelf: Shelf, hasty_settings: ServerSettings) -> Iterator[str]:
    """Three models that are ready, with the deadlines of production."""
    with serve(many_uri, shelf.load, hasty_settings, NAMES) as url:
        for name in NAMES:
            wait_until_ready(url, name)
        yield url


def test_the_log_holds_each_model_under_its_name_with_typed_keys(many_url: str, many_uri: str) -> None:
    units = predict(many_url, BOLT, "units").json()
    grade = predict(many_url, {"keys": SENSOR}, "grade").json()
    binary = predict(many_url, {"features": make_features(1)}).json()
    wait_until(lambda: len(read_log(many_uri)) == 3)
    rows = {row["model_name"]: row for row in read_log(many_uri)}
    assert rows["units"]["keys"] == BOLT["keys"]
    assert rows["units"]["features"] == {"zone": None, "stock": 3.0, "is_open": True}
    assert rows["units"]["answer"] == {"prediction": units["prediction"]}
    assert rows["units"]["prediction"] == units["prediction"]
    assert rows["grade"]["keys"] == SENSOR
    assert rows["grade"]["answer"] == {"prediction": "high", "probabilities": grade["probabilities"]}
    assert rows["grade"]["prediction"] == grade["probabilities"]["high"]
    assert rows[MODEL]["keys"] is None
    assert rows[MODEL]["answer"] == {"prediction": binary["prediction"], "probability": binary["probability"]}


def test_locked_tables_refuse_their_own_models_in_time_and_no_other(
    many_uri: str, shelf: Shelf, hasty_settings: ServerSettings
) -> None:
    settings = hasty_settings.model_copy(update={"connections_max": 2})
    with serve(many_uri, shelf.load, settings, NAMES) as url:
        for name in NAMES:
            wait_until_ready(url, name)
        with open_session(many_uri) as session, ThreadPoolExecutor(1) as pool:
            session.execute(
                "lock table online.machine_load_latest, online.sensor_state_latest in access exclusive mode"
            )
            # The first ones find out; from then on, both locked tables together hold one of the two connections.
            refused = predict(url, by_key(1))
            assert predict(url, {"keys": SENSOR}, "grade").status_code == 503
            with constant_load(url) as locked:
                other = pool.submit(lambda: [predict(url, {"keys": SENSOR}, "grade").status_code for _ in range(2)])
                answered, stuck = [], []
                while not other.done():
                    answered.append(predict(url, BOLT, "units").status_code)
                    stuck.append(count_stuck(many_uri))
            assert max(stuck) == 1
            assert set(answered) == {200}
            assert other.result() == [503, 503]
            assert {response.status_code for response in locked} == {503}
            assert (refused.status_code, refused.headers["Retry-After"]) == (503, "1")
            assert "online.machine_load_latest" in refused.json()["detail"]
            assert predict(url, {"features": make_features(20)}).status_code == 200
        wait_until(lambda: predict(url, by_key(1)).status_code == 200)
        assert predict(url, {"keys": SENSOR}, "grade").status_code == 200


def test_a_dropped_table_refuses_its_own_model_and_no_other(many_url: str, many_uri: str) -> None:
    with open_session(many_uri) as session:
        session.execute("drop table online.machine_load_latest")
    refused = predict(many_url, by_key(1))
    assert (refused.status_code, refused.headers["Retry-After"]) == (503, "30")
    assert "does not exist" in refused.json()["detail"]
    assert predict(many_url, {"features": make_features(20)}).status_code == 200
    assert predict(many_url, BOLT, "units").status_code == 200


def test_a_version_that_cannot_be_loaded_keeps_no_other_model_from_clients(
    many_uri: str, shelf: Shelf, hasty_settings: ServerSettings
) -> None:
    shelf.files[1] = "corrupt"
    with serve(many_uri, shelf.load, hasty_settings, NAMES) as url:
        wait_until(lambda: get(f"{url}/readyz").status_code == 200)
        readiness = get(f"{url}/readyz").json()
        assert readiness["failed"].keys() == {MODEL}
        assert "no ONNX model" in readiness["failed"][MODEL]
        assert predict(url, BOLT, "units").status_code == 200
        assert get(f"{url}/models/{MODEL}/readyz").status_code == 503
        assert predict(url, {"features": make_features(1)}).status_code == 503


def test_a_contract_of_another_release_leaves_its_model_and_all_others_in_step(
    many_uri: str, shelf: Shelf, hasty_settings: ServerSettings, caplog: pytest.LogCaptureFixture
) -> None:
    shelf.files[2], shelf.others["units", 2] = "timed", "units"
    with caplog.at_level(logging.WARNING), serve(many_uri, shelf.load, hasty_settings, NAMES) as url:
        for name in NAMES:
            wait_until_ready(url, name)
        promote_second_version(many_uri, MODEL)
        wait_until(lambda: {"version": 2, "status": "failed"}.items() <= show(url)["versions"][-1].items())
        promote_second_version(many_uri, "units")
        wait_until(lambda: show(url, "units")["champion_version"] == 2)
        assert predict(url, by_key(1)).json()["model_version"] == 1
        readiness = get(f"{url}/models/{MODEL}/readyz").json()
        assert readiness["is_ready"]
        assert "version 2" in readiness["reason"] and "timestamp" in readiness["reason"]
        wait_until(lambda: find_attempts(show(url)["versions"][-1]["reason"]) > 3)
    warnings = [record.getMessage() for record in caplog.records if "Version 2" in record.getMessage()]
    assert len(warnings) == 1
    assert f"{MODEL!r}" in warnings[0] and "timestamp" in warnings[0]


def find_attempts(reason: str) -> int:
    """How often a version was tried, by its reason."""
    return int(re.search(r"\((\d+) attempts", reason)[1])  # type: ignore[index]


def promote_second_version(uri: str, name: str) -> None:
    """Version 2 becomes the champion."""
    put_canary(uri, 2, 0.5, name)
    with open_session(uri) as session:
        promote_challenger(session, require_rollout(session, name), 2)


def test_a_download_that_hangs_keeps_no_other_model_waiting(
    many_uri: str, shelf: Shelf, hasty_settings: ServerSettings
) -> None:
    may_go_on, running, most = threading.Event(), [], []

    def load(model_name: str, version: int) -> ServedModel:
        running.append(model_name)
        most.append(len(running))
        try:
            if model_name == MODEL:
                may_go_on.wait()
            return shelf.load(model_name, version)
        finally:
            running.remove(model_name)

    settings = hasty_settings.model_copy(update={"loads_at_once": 2})
    with serve(many_uri, load, settings, NAMES) as url:
        wait_until_ready(url, "units")
        wait_until_ready(url, "grade")
        readiness = get(f"{url}/readyz")
        assert (readiness.status_code, readiness.json()["failed"]) == (503, {})
        assert "champion version 1 is being loaded" in readiness.json()["reason"]
        may_go_on.set()
        wait_until(lambda: get(f"{url}/readyz").status_code == 200)
    assert max(most) == 2


def test_a_slow_champion_answers_beside_the_others(many_uri: str, shelf: Shelf, hasty_settings: ServerSettings) -> None:
    shelf.files[1] = "slow"
    with serve(many_uri, shelf.load, hasty_settings, NAMES) as url, ThreadPoolExecutor(1) as pool:
        for name in NAMES:
            wait_until_ready(url, name)
        slow = pool.submit(predict, url, {"features": make_features(1)})
        wait_until(slow.running)
        others = [predict(url, BOLT, "units").status_code for _ in range(5)]
        assert not slow.done()
        assert others == [200] * 5
        assert slow.result().json()["variant"] == "champion"


def test_two_models_promoted_at_the_same_moment_both_switch(
    many_uri: str, shelf: Shelf, hasty_settings: ServerSettings
) -> None:
    shelf.others["units", 2] = "units"
    with serve(many_uri, shelf.load, hasty_settings, NAMES) as url:
        wait_until_ready(url, "units")
        put_canary(many_uri, 2, 0.5)
        put_canary(many_uri, 2, 0.5, "units")
        wait_until_seen(url, 2, 0.5)
        with open_session(many_uri) as session:
            for name in (MODEL, "units"):
                promote_challenger(session, require_rollout(session, name), 2)
        wait_until(lambda: show(url)["champion_version"] == 2 and show(url, "units")["champion_version"] == 2)
        assert predict(url, by_key(1)).json()["model_version"] == 2
        assert predict(url, BOLT, "units").json()["model_version"] == 2
        assert show(url, "grade")["champion_version"] == 1


def test_a_model_whose_file_is_removed_in_its_canary_is_served_no_more_and_keeps_its_records(
    many_uri: str, shelf: Shelf, hasty_settings: ServerSettings, caplog: pytest.LogCaptureFixture
) -> None:
    with serve(many_uri, shelf.load, hasty_settings, NAMES) as url:
        wait_until_ready(url)
        put_canary(many_uri, 2, 0.5)
        wait_until_seen(url, 2, 0.5)
        predict(url, by_key(1))

    with caplog.at_level(logging.WARNING), serve(many_uri, shelf.load, hasty_settings, ["units", "grade"]) as url:
        wait_until_ready(url, "units")
        assert predict(url, by_key(1)).status_code == 404
        assert MODEL not in get(f"{url}/models").text
        assert predict(url, BOLT, "units").status_code == 200

    warnings = [record.getMessage() for record in caplog.records if "is not served" in record.getMessage()]
    assert len(warnings) == 1
    assert f"{MODEL!r}" in warnings[0] and "canary of version 2" in warnings[0]
    assert [row["model_name"] for row in read_log(many_uri)] == [MODEL, "units"]
    with open_session(many_uri) as session:
        assert require_rollout(session, MODEL).challenger_version == 2


def test_a_row_that_the_warehouse_refuses_takes_no_other_models_rows_with_it(
    many_uri: str, shelf: Shelf, hasty_settings: ServerSettings
) -> None:
    with open_session(many_uri) as session:
        session.execute("alter table serving.inference_log add check (model_name <> 'grade')")
    settings = hasty_settings.model_copy(update={"log_flush_interval_s": 0.5})
    with serve(many_uri, shelf.load, settings, NAMES) as url:
        for name in NAMES:
            wait_until_ready(url, name)
        for _ in range(5):
            predict(url, BOLT, "units")
            predict(url, {"keys": SENSOR}, "grade")
        wait_until(lambda: get(f"{url}/models").json()["log_rows_waiting"] == 0)
        assert get(f"{url}/models").json()["log_rows_dropped"] == 5
    assert [row["model_name"] for row in read_log(many_uri)] == ["units"] * 5


def test_each_model_is_reported_once_with_the_online_tables_that_it_reads(
    many_uri: str, shelf: Shelf, hasty_settings: ServerSettings
) -> None:
    told: list[tuple[str, list[str]]] = []

    def report(model_name: str, tables: object) -> None:
        told.append((model_name, [str(table) for table in tables]))  # type: ignore[attr-defined]
        if model_name == "units":
            raise ValueError("no lineage today")

    with serve(many_uri, shelf.load, hasty_settings, NAMES, report) as url:
        for name in NAMES:
            wait_until_ready(url, name)
        for _ in range(3):
            predict(url, BOLT, "units")
            wait_until(lambda: get(f"{url}/models").json()["log_rows_waiting"] == 0)
        predict(url, {"keys": SENSOR}, "grade")
        wait_until(lambda: len(told) == 2)
        wait_until(lambda: "no lineage today" in get(f"{url}/models").json()["log_error"])
    assert told == [("units", ["online.part_stock_latest"]), ("grade", ["online.sensor_state_latest"])]
    assert len(read_log(many_uri)) == 4
