"""Who hears what, as it is declared: what is refused, and what a model changes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from include.errors import SettingsError
from include.settings import load_settings
from tests.unit.settings.conftest import WriteModel

CHANNELS = {"team": {"kind": "slack", "conn_id": "slack_ml"}, "pager": {"kind": "pagerduty", "conn_id": "pagerduty_ml"}}


def write_shared(config_dir: Path, **changes: Any) -> None:
    path = config_dir / "notifications.yml"
    path.write_text(yaml.safe_dump({**yaml.safe_load(path.read_text()), **changes}))


def test_as_shipped_nobody_is_sent_anything(config_dir: Path, write_model: WriteModel) -> None:
    write_model()
    settings = load_settings(config_dir, "production")

    assert settings.notifications.channels == {}
    assert settings.models["failures"].notifications == settings.notifications
    assert settings.notifications.routes["approvals"].to == ("approvers",)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"routes": {"a": {"to": ["taem"]}}}, "routes.a.to to name declared channels; .*'taem': did you mean 'team'"),
        ({"routes": {"a": {"to": ["fax"]}}}, "no channel is called 'fax': declared are pager, team, owner, approvers"),
        ({"routes": {"a": {"events": ["canary_roled_back"], "to": []}}}, "'canary_rolled_back'.*'canary_roled_back'"),
        ({"routes": {"a": {"severities": ["fatal"], "to": []}}}, "severities.*'critical'.*found 'fatal'"),
        ({"routes": {"a": {"event": [], "to": []}}}, "unknown key 'routes.a.event'; did you mean 'events'"),
        ({"people": {"ada": ["mail"]}}, "people.ada to name declared channels"),
        ({"channels": {"team": {"kind": "slak", "conn_id": "a"}}}, "'channels.team.kind'.*'slack'.*did you mean"),
        ({"channels": {"team": {"kind": "slack", "conn_id": "a", "url": "https://hooks"}}}, "unknown key.*url"),
        ({"channels": {"team": {"kind": "slack"}}}, "conn_id' is missing"),
        ({"channels": {"m": {"kind": "email", "conn_id": "a", "sender": "me", "recipients": ["a@b"]}}}, "sender"),
        ({"channels": {"m": {"kind": "email", "conn_id": "a", "sender": "a@b", "recipients": []}}}, "recipients"),
        ({"channels": {"owner": CHANNELS["team"]}}, "another name than channels.owner"),
        ({"chanels": {}}, "unknown key 'chanels'; did you mean 'channels'"),
    ],
)
def test_what_does_not_fit_is_named(config_dir: Path, changes: dict[str, Any], message: str) -> None:
    write_shared(config_dir, **{"channels": CHANNELS, **changes})

    with pytest.raises(SettingsError, match=f"(?s)notifications.yml.*{message}"):
        load_settings(config_dir, "development")


def test_a_model_changes_a_route_for_itself(config_dir: Path, write_model: WriteModel) -> None:
    write_shared(config_dir, channels=CHANNELS)
    write_model("failures", notifications={"routes": {"owners": {"to": ["pager"]}, "approvals": {"to": []}}})
    write_model("units")

    settings = load_settings(config_dir, "production")

    assert settings.models["failures"].notifications.routes["owners"].to == ("pager",)
    assert "task_failed" in settings.models["failures"].notifications.routes["owners"].events
    assert settings.models["units"].notifications == settings.notifications
    assert settings.notifications.routes["owners"].to == ("owner",)


def test_a_models_mistake_stops_no_other(config_dir: Path, write_model: WriteModel) -> None:
    write_model("failures", notifications={"routes": {"mine": {"to": ["pager"]}}})
    write_model("units")

    settings = load_settings(config_dir, "production")

    assert "routes.mine.to to name declared channels" in settings.broken_models["failures"]
    assert [*settings.models] == ["units"]


def test_an_environment_has_channels_of_its_own(config_dir: Path) -> None:
    write_shared(config_dir, environments={"production": {"channels": CHANNELS}})

    assert set(load_settings(config_dir, "production").notifications.channels) == {"team", "pager"}
    assert load_settings(config_dir, "development").notifications.channels == {}
