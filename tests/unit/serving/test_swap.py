"""Models are swapped under constant load, and no request is lost."""

from __future__ import annotations

from include.rollout.state import promote_challenger, require_rollout, restore_champion
from include.warehouse.session import open_session
from tests.unit.serving.live_server import (
    MODEL,
    Shelf,
    constant_load,
    list_failed,
    put_canary,
    read_log,
    show,
    wait_until,
)


def test_promotions_and_rollbacks_lose_no_request(server_url: str, online_uri: str, shelf: Shelf) -> None:
    def champion() -> int:
        return int(show(server_url)["champion_version"])

    with constant_load(server_url) as responses:
        for version in (2, 3, 4):
            shelf.files[version] = "good" if version % 2 else "other"
            put_canary(online_uri, version, 0.5)
            wait_until(lambda version=version: show(server_url)["challenger_version"] == version)  # type: ignore[misc]
            with open_session(online_uri) as session:
                promote_challenger(session, require_rollout(session, MODEL), version)
            wait_until(lambda version=version: champion() == version)  # type: ignore[misc]
        with open_session(online_uri) as session:
            # Version 1 is not in memory any more: it is loaded while version 4 answers.
            restore_champion(session, require_rollout(session, MODEL), 1, "test")
        wait_until(lambda: champion() == 1)
        answered = len(responses)
        wait_until(lambda: len(responses) > answered + 20)
    assert list_failed(responses) == []
    answers = [response.json() for response in responses]
    assert {answer["model_version"] for answer in answers} == {1, 2, 3, 4}
    assert answers[-1]["model_version"] == 1
    wait_until(lambda: len(read_log(online_uri)) == len(responses))
    logged = {(row["request_id"], row["model_version"], row["prediction"]) for row in read_log(online_uri)}
    assert logged == {(a["request_id"], a["model_version"], a["probability"]) for a in answers}
