"""Who hears of an event."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from include.notifications.message import Message
from include.notifications.routes import find_channels
from include.settings.notifications import NotificationSettings
from include.settings.section import check_section

DELIVERY = {
    "window_hours": 24, "attempt_timeout_s": 5, "task_budget_s": 10, "maintain_budget_s": 60, "max_attempts": 3,
    "retry_first_s": 60, "retry_max_s": 600,
}  # fmt: skip


def settle(**routes: dict[str, Any]) -> NotificationSettings:
    """Four channels, and persons who have some of them."""
    content = {
        "channels": {name: {"kind": "slack", "conn_id": name} for name in ("team", "pager", "mail", "ada_mail")},
        "people": {"maintenance": ["team"], "ada": ["ada_mail", "team"], "grace": ["mail"]},
        "routes": routes,
        "delivery": DELIVERY,
    }
    return check_section(content, NotificationSettings, "development", "notifications.yml")


@pytest.mark.parametrize(
    ("route", "expected"),
    [
        ({"to": ["pager"]}, ("pager",)),
        ({"to": ["owner"]}, ("team",)),
        ({"to": ["approvers", "pager"]}, ("ada_mail", "team", "mail", "pager")),
        ({"events": ["canary_rolled_back", "task_failed"], "to": ["pager"]}, ("pager",)),
        ({"events": ["task_failed"], "to": ["pager"]}, ()),
        ({"severities": ["error"], "to": ["pager"]}, ("pager",)),
        ({"severities": ["info", "critical"], "to": ["pager"]}, ()),
        ({"models": ["failures"], "to": ["pager"]}, ("pager",)),
        ({"models": ["units"], "to": ["pager"]}, ()),
        ({"events": ["canary_rolled_back"], "models": ["units"], "to": ["pager"]}, ()),
        ({"to": []}, ()),
    ],
)
def test_a_route_takes_what_it_names(message: Message, route: dict[str, Any], expected: tuple[str, ...]) -> None:
    assert find_channels(message, settle(only=route), "maintenance", ("ada", "grace")) == expected


def test_each_channel_hears_once_whatever_takes_the_event(message: Message) -> None:
    settings = settle(one={"to": ["team", "pager"]}, two={"to": ["owner", "pager", "mail"]})

    assert find_channels(message, settings, "maintenance", ("ada",)) == ("team", "pager", "mail")


def test_whoever_has_no_channel_hears_nothing_and_so_do_routes_of_models_where_there_is_none(message: Message) -> None:
    assert find_channels(message, settle(only={"to": ["owner", "approvers"]}), "nobody", ("nobody_else",)) == ()
    of_no_model = replace(message, model_name=None)
    assert find_channels(of_no_model, settle(only={"models": ["failures"], "to": ["pager"]}), "house") == ()
