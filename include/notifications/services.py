"""A message in the form that a service takes.

Slack: incoming webhooks (https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks). PagerDuty: Events
API v2 (https://developer.pagerduty.com/docs/send-alert-event).
"""

from __future__ import annotations

import hashlib
from typing import Any, Final

from include.notifications.message import Message
from include.notifications.target import HttpTarget

SOURCE: Final = "orrery"
KEY_LENGTH: Final = 255
"""Of PagerDuty's dedup_key."""
_SIGNS: Final = {
    "info": ":information_source:", "warning": ":warning:", "error": ":red_circle:", "critical": ":rotating_light:",
}  # fmt: skip


def build_payload(message: Message, target: HttpTarget) -> dict[str, Any]:
    """What is posted to a service."""
    if target.kind == "slack":
        return build_slack(message)
    return build_pagerduty(message, target.secret) if target.kind == "pagerduty" else message.to_json()


def build_slack(message: Message) -> dict[str, Any]:
    """A message with a bold title; what Slack would read as markup is escaped."""
    lines = [f"{_SIGNS[message.severity]} *{escape_slack(message.title)}*", escape_slack(message.text)]
    lines += [f"<{message.link}|Open>"] if message.link else []
    return {"text": "\n".join(line for line in lines if line)}


def escape_slack(text: str) -> str:
    """Text in which nothing is a link, a mention or a channel."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def build_pagerduty(message: Message, routing_key: str) -> dict[str, Any]:
    """An event that opens an incident, or joins the one that has the same key and is still open."""
    payload = {
        "summary": message.title,
        "source": SOURCE,
        "severity": message.severity,
        "timestamp": message.at.isoformat(),
        "component": message.model_name or SOURCE,
        "class": message.event,
        "custom_details": {"text": message.text, "model_version": message.model_version},
    }
    event = {
        "routing_key": routing_key,
        "event_action": "trigger",
        "dedup_key": shorten_key(message.dedup_key),
        "payload": payload,
    }
    return {**event, "links": [{"href": message.link, "text": "Open"}]} if message.link else event


def shorten_key(key: str) -> str:
    """A key that is as long as PagerDuty takes it; a longer one becomes its hash."""
    return key if len(key) <= KEY_LENGTH else hashlib.sha256(key.encode()).hexdigest()
