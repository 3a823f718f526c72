"""Traffic to several models, against a real server on loopback and entities in a real warehouse."""

from __future__ import annotations

from collections import Counter
from uuid import UUID

import pytest

from include.errors import SourceError
from include.features.spec import ModelSpec
from include.operate.traffic import Traffic, read_entities, to_json_value
from include.rollout.server_address import ServerAddress
from include.servers.ports import find_free_port
from include.warehouse.session import open_session
from tests.unit.operate.model_server import MACHINES, PARTS, ModelServer, make_spec

ENTITIES = [{"machine_id": machine} for machine in MACHINES]


def test_entities_are_known_by_all_their_keys_in_json_types(uri: str, machines: ModelSpec, parts: ModelSpec) -> None:
    assert sorted(keys["machine_id"] for keys in read_entities(uri, machines)) == list(MACHINES)
    found = sorted(read_entities(uri, parts), key=lambda keys: keys["site_id"])
    assert found == [{"site_id": site, "part": part, "since": day.isoformat()} for site, part, day in PARTS]
    assert len(read_entities(uri, machines, limit=2)) == 2


def test_a_key_that_json_does_not_know_is_sent_as_text() -> None:
    assert to_json_value(UUID(int=7)) == "00000000-0000-0000-0000-000000000007"
    assert to_json_value(7) == 7


def test_a_model_that_cannot_be_asked_by_key_says_why(uri: str) -> None:
    keys = {"machine_id": "integer"}
    with pytest.raises(SourceError, match="failures_state has no online table"):
        read_entities(uri, make_spec("failures", keys, None))
    with pytest.raises(SourceError, match=r"online\.absent does not exist yet: run the DAG build_features"):
        read_entities(uri, make_spec("failures", keys, "absent"))
    with open_session(uri) as session:
        session.execute("delete from online.machines")
    with pytest.raises(SourceError, match=r"online\.machines is empty"):
        read_entities(uri, make_spec("failures", keys, "machines"))


def test_each_model_is_asked_about_its_own_entities_and_counted_for_itself(
    server: ModelServer, address: ServerAddress, uri: str, machines: ModelSpec, parts: ModelSpec
) -> None:
    server.asked = {"failures": [], "units": []}
    first = Traffic(address, "failures", read_entities(uri, machines))
    second = Traffic(address, "units", read_entities(uri, parts))
    with first, second:
        server.wait_until_enough()
    assert {keys["machine_id"] for keys in server.asked["failures"]} <= set(MACHINES)
    assert {(keys["site_id"], keys["part"]) for keys in server.asked["units"]} <= {part[:2] for part in PARTS}
    assert first.answers == Counter({200: len(server.asked["failures"])})
    assert second.answers == Counter({200: len(server.asked["units"])})
    assert len({keys["machine_id"] for keys in server.asked["failures"]}) > 1


def test_clients_come_when_the_model_is_ready_and_no_earlier(server: ModelServer, address: ServerAddress) -> None:
    server.unready = 2
    with Traffic(address, "failures", ENTITIES) as traffic:
        server.wait_until_enough()
        assert server.readiness == {"failures": 3}
    assert (traffic.requests, traffic.failed) == (len(server.asked["failures"]), 0)


def test_bad_answers_and_no_answers_are_counted_as_failed(server: ModelServer, address: ServerAddress) -> None:
    server.answers = [200, 500, 0, 503, 200]
    with Traffic(address, "failures", ENTITIES) as traffic:
        server.wait_until_enough()
    assert traffic.answers == Counter({200: traffic.requests - 3, 500: 1, 0: 1, 503: 1})
    assert traffic.failed == 3


def test_nobody_asks_a_model_that_never_gets_ready(server: ModelServer, address: ServerAddress) -> None:
    server.unready = 1_000_000
    with Traffic(address, "failures", ENTITIES) as traffic:
        for _ in range(2400):
            if traffic._stop.wait(0.05) or server.readiness:
                break
        assert server.readiness
    assert server.asked == {}
    assert (traffic.requests, traffic.failed) == (0, 0)


def test_a_server_that_is_away_is_waited_for() -> None:
    with Traffic(ServerAddress(f"http://127.0.0.1:{find_free_port()}"), "failures", ENTITIES) as traffic:
        traffic._stop.wait(0.5)
        assert traffic._thread is not None
        assert traffic._thread.is_alive()
    assert not traffic._thread.is_alive()
    assert traffic.requests == 0


def test_a_proxy_of_the_environment_is_not_asked_for_loopback(
    server: ModelServer, url: str, address: ServerAddress, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", url)
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)
    with Traffic(address, "failures", ENTITIES) as traffic:
        server.wait_until_enough()
    assert server.proxied == []
    assert traffic.failed == 0


@pytest.mark.parametrize("token", ["", "of-somebody-else"])
def test_a_server_that_refuses_the_token_is_asked_once_and_it_is_said_what_to_do(
    server: ModelServer, address: ServerAddress, token: str
) -> None:
    with Traffic(ServerAddress(address.url, token), "failures", ENTITIES) as traffic:
        assert traffic._thread is not None
        traffic._thread.join()
    assert server.asked == {}
    assert traffic.answers == Counter({401: 1})
    assert traffic.failed == 1
    assert f"{address.url} refuses the token (401)" in str(traffic.refusal)
    assert "ORRERY_SERVER_TOKEN" in str(traffic.refusal)
    assert token == "" or token not in str(traffic.refusal) + repr(traffic)
