"""A challenger in shadow gets copies of questions, and whatever it does with them, clients notice nothing."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, fields
from typing import Any

import pytest

from include.rollout.state import read_rollout, renew_lease, require_rollout, roll_back, start_shadow
from include.serving.inference_log import InferenceLog
from include.serving.loader import ServedModel
from include.serving.router import is_for_challenger
from include.serving.warehouse_pool import WarehousePool
from include.settings.rollout import ServerSettings
from include.warehouse.session import open_session
from tests.unit.serving.live_server import (
    MODEL,
    Shelf,
    by_key,
    constant_load,
    get,
    list_failed,
    make_features,
    predict,
    read_log,
    serve,
    show,
    wait_until,
    wait_until_ready,
)
from tests.unit.serving.test_inference_log import make_row

Rows = Sequence[Mapping[str, Any]]


@dataclass(frozen=True)
class FaultyModel(ServedModel):
    """A version that fails in a way of its own, in the thread where it runs."""

    fault: Callable[[], None] = field(kw_only=True)

    def predict(self, rows: Rows) -> Any:
        """Fail, or take one's time, and then answer."""
        self.fault()
        return super().predict(rows)


@dataclass
class FaultyShelf(Shelf):
    """Version 9 is a good model that first does ``fault`` at every request."""

    fault: Callable[[], None] = field(default=lambda: None)

    def load(self, model_name: str, version: int) -> ServedModel:
        """See ``Shelf``."""
        loaded = super().load(model_name, version)
        if version != 9:
            return loaded
        return FaultyModel(**{one.name: getattr(loaded, one.name) for one in fields(loaded)}, fault=self.fault)


def put_shadow(uri: str, version: int, share: float = 1.0, lease_s: float = 3600.0) -> None:
    """A version in shadow for longer than any test takes."""
    with open_session(uri) as session:
        state = read_rollout(session, MODEL)
        assert state is not None
        start_shadow(session, state, version, share, lease_s)


def wait_until_shadowed(url: str, version: int, share: float = 1.0) -> None:
    """Wait until the server copies questions, with the version loaded or given up."""

    def is_seen() -> bool:
        status = show(url)
        settled = {slot["version"] for slot in status["versions"] if slot["status"] != "loading"}
        return status["shadow_share"] == share and version in settled

    wait_until(is_seen)


def read_shadowed(uri: str) -> list[dict[str, Any]]:
    """What the challenger in shadow answered."""
    return [row for row in read_log(uri) if row["variant"] == "shadow"]


@contextmanager
def serve_faulty(
    uri: str, shelf: Shelf, settings: ServerSettings, fault: Callable[[], None] = lambda: None
) -> Iterator[str]:
    """A server with version 1 as champion and version 9, which is faulty, in shadow."""
    faulty = FaultyShelf(shelf.folder, {**shelf.files, 9: shelf.files.get(9, "other")}, fault=fault)
    with serve(uri, faulty.load, settings) as url:
        wait_until_ready(url)
        put_shadow(uri, 9)
        wait_until_shadowed(url, 9)
        yield url


def test_a_shadow_answers_the_same_questions_and_nobody_gets_its_answers(server_url: str, online_uri: str) -> None:
    put_shadow(online_uri, 2)
    wait_until_shadowed(server_url, 2)
    bodies = [by_key(5), {"features": make_features(6)}]
    answers = [predict(server_url, body, X_Request_Id=f"q{n}").json() for n, body in enumerate(bodies)]
    batch = predict(server_url, {"requests": bodies}, path="predict/batch", X_Request_Id="b").json()["predictions"]
    assert {answer["variant"] for answer in (*answers, *batch)} == {"champion"}
    wait_until(lambda: len(read_shadowed(online_uri)) == 4)
    champions = {row["request_id"]: row for row in read_log(online_uri) if row["variant"] == "champion"}
    for row in read_shadowed(online_uri):
        beside = champions[row["request_id"]]
        assert (row["model_version"], row["is_error"]) == (2, False)
        same = ("keys", "as_of_date", "batch_id", "features")
        assert {name: row[name] for name in same} == {name: beside[name] for name in same}
    assert {row["request_id"]: row["batch_id"] for row in read_shadowed(online_uri)} == {
        "q0": None, "q1": None, "b-0": "b", "b-1": "b",
    }  # fmt: skip


def test_only_the_share_of_entities_is_copied(server_url: str, online_uri: str) -> None:
    put_shadow(online_uri, 2, 0.3)
    wait_until_shadowed(server_url, 2, 0.3)
    for number in range(1, 61):
        predict(server_url, by_key(number))
    chosen = {number for number in range(1, 61) if is_for_challenger(str(number), 2, 0.3)}
    assert 0 < len(chosen) < 60
    wait_until(lambda: len(read_shadowed(online_uri)) >= len(chosen))
    assert {row["keys"]["machine_id"] for row in read_shadowed(online_uri)} == chosen


def test_copies_end_with_the_lease_and_with_the_shadow(server_url: str, online_uri: str) -> None:
    put_shadow(online_uri, 2)
    wait_until_shadowed(server_url, 2)
    with open_session(online_uri) as session:
        renew_lease(session, require_rollout(session, MODEL), 0.1)
    wait_until(lambda: show(server_url)["shadow_share"] == 0.0)
    reason = get(f"{server_url}/models/{MODEL}/readyz").json()["reason"]
    assert "nobody watches the shadow test of version 2 any more" in reason
    predict(server_url, by_key(1))
    with open_session(online_uri) as session:
        roll_back(session, require_rollout(session, MODEL), "enough")
    wait_until(lambda: show(server_url)["challenger_version"] is None)
    predict(server_url, by_key(2))
    wait_until(lambda: len(read_log(online_uri)) == 2)
    assert read_shadowed(online_uri) == []


@pytest.mark.parametrize(
    ("file", "error"),
    [("raising", "out of"), ("nan", "answered nan, no prediction"), ("corrupt", "no ONNX model"),
     ("wider", "visits_7d")],
)  # fmt: skip
def test_a_shadow_that_fails_is_on_record_and_no_answer_is_touched(
    online_uri: str, shelf: Shelf, server_settings: ServerSettings, file: str, error: str
) -> None:
    shelf.files[9] = file
    with serve(online_uri, shelf.load, server_settings) as url:
        wait_until_ready(url)
        expected = [predict(url, by_key(number)).json()["probability"] for number in range(1, 21)]
        put_shadow(online_uri, 9)
        wait_until_shadowed(url, 9)
        found = [predict(url, by_key(number)).json() for number in range(1, 21)]
        assert [answer["probability"] for answer in found] == expected
        assert {answer["variant"] for answer in found} == {"champion"}
        wait_until(lambda: len(read_shadowed(online_uri)) == 20)
    assert all(row["is_error"] and error in row["error"] for row in read_shadowed(online_uri))


def test_a_shadow_that_raises_where_it_should_not_is_on_record(
    online_uri: str, shelf: Shelf, server_settings: ServerSettings
) -> None:
    def fail() -> None:
        raise MemoryError("no room")

    with serve_faulty(online_uri, shelf, server_settings, fail) as url:
        assert predict(url, by_key(1)).status_code == 200
        wait_until(lambda: len(read_shadowed(online_uri)) == 1)
    assert read_shadowed(online_uri)[0]["error"] == "no room"


def test_a_shadow_that_hangs_holds_one_thread_and_drops_the_rest(
    online_uri: str, shelf: Shelf, server_settings: ServerSettings
) -> None:
    is_freed = threading.Event()
    settings = server_settings.model_copy(update={"shadow_capacity": 10, "shadow_deadline_ms": 50.0})
    with serve_faulty(online_uri, shelf, settings, lambda: is_freed.wait(timeout=3600) and None) as url:
        with constant_load(url, threads=4) as responses:
            wait_until(lambda: len(responses) >= 300)
            threads = [thread.name for thread in threading.enumerate() if "-shadow-" in thread.name]
            status = show(url)
        assert list_failed(responses) == []
        assert {response.json()["variant"] for response in responses} == {"champion"}
        # One question hangs, ten wait, and all others were dropped.
        assert threads == [f"{MODEL}-shadow-9"]
        assert status["shadow_dropped"] >= 300 - 11 - 4
        scraped = get(f"{url}/metrics").text
        assert f'orrery_shadow_rows_waiting{{model="{MODEL}"}} 10.0' in scraped
        assert f'orrery_shadow_rows_dropped_total{{model="{MODEL}"}}' in scraped
        wait_until(lambda: len(read_shadowed(online_uri)) == 1)
        assert read_shadowed(online_uri)[0]["error"] == "no answer within 50 ms"
        # Once it goes on, so does the queue.
        is_freed.set()
        wait_until(lambda: len([row for row in read_shadowed(online_uri) if not row["is_error"]]) >= 10)
    answered = [row for row in read_log(online_uri) if row["variant"] == "champion"]
    assert len(answered) == len(responses)


def test_another_version_does_not_wait_for_one_that_hangs(
    online_uri: str, shelf: Shelf, server_settings: ServerSettings
) -> None:
    is_freed = threading.Event()
    with serve_faulty(online_uri, shelf, server_settings, lambda: is_freed.wait(timeout=3600) and None) as url:
        predict(url, by_key(1))
        wait_until(lambda: any("-shadow-9" in thread.name for thread in threading.enumerate()))
        with open_session(online_uri) as session:
            roll_back(session, require_rollout(session, MODEL), "it hangs")
        put_shadow(online_uri, 2)
        wait_until_shadowed(url, 2)
        predict(url, by_key(2))
        # Whether the other one had no answer in time before it was rolled back is for the machine to say.
        wait_until(lambda: 2 in [row["model_version"] for row in read_shadowed(online_uri)])
        is_freed.set()


def test_a_slow_shadow_slows_nobody(online_uri: str, shelf: Shelf, server_settings: ServerSettings) -> None:
    is_answered = threading.Event()

    def wait_for_clients() -> None:
        # It goes on only after a client has had its answer: were the answer to wait for it, neither would end.
        is_answered.wait(timeout=3600)
        time.sleep(0.01)

    settings = server_settings.model_copy(update={"shadow_deadline_ms": 3600e3})
    with serve_faulty(online_uri, shelf, settings, wait_for_clients) as url:
        assert [predict(url, by_key(number)).status_code for number in range(1, 31)] == [200] * 30
        assert read_shadowed(online_uri) == []
        is_answered.set()
        wait_until(lambda: len(read_shadowed(online_uri)) == 30)
    # In the order of the questions, none twice.
    assert [row["keys"]["machine_id"] for row in read_shadowed(online_uri)] == list(range(1, 31))


def test_a_shadow_has_no_more_than_half_of_the_log(online_uri: str) -> None:
    log = InferenceLog(WarehousePool(online_uri, 1, 1.0, "test"), 1.0, capacity=10)
    for number in range(8):
        log.append(make_row(number, variant="shadow"))
    assert (log.waiting, log.dropped) == (5, 3)
    for number in range(8):
        log.append(make_row(number))
    assert (log.waiting, log.dropped) == (10, 6)
