"""What each service gets, and what is known afterwards: taken, refused, away, silent."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from include.errors import NotificationError
from include.notifications.message import TEXT_LENGTH, TITLE_LENGTH, Message
from include.notifications.send import Attempt, send_message
from include.notifications.services import shorten_key
from include.notifications.target import Login, Target, find_target
from include.servers.ports import find_free_port
from include.settings.notifications import EmailChannel, ServiceChannel, ServiceKind
from tests.unit.notifications.receivers import Service, pagerduty_like, serve, serve_mail, slack_like

TOKEN = "T0000/B0000/abcdefgh"
TIMEOUT_S = 20.0
BOARD = EmailChannel(
    kind="email", conn_id="smtp", sender="orrery@example.com", recipients=("a@b.example", "c@d.example")
)


def reach(kind: ServiceKind, **fields: object) -> Target:
    return find_target(ServiceChannel(kind=kind, conn_id="there"), Login(**fields))  # type: ignore[arg-type]


def reach_mail(port: int, login: str = "", password: str = "") -> Target:
    extra = {"disable_ssl": True, "disable_tls": True}
    return find_target(BOARD, Login("127.0.0.1", port, login=login, password=password, extra=extra))


class TestSlack:
    def test_a_message_is_taken_with_its_link_and_without_markup_of_its_text(
        self, service: Service, message: Message
    ) -> None:
        service.judge = slack_like(TOKEN)

        answer = send_message(message, reach("slack", host=f"{service.url}/services", password=TOKEN), TIMEOUT_S)

        assert (answer.is_delivered, answer.detail) == (True, "HTTP 200 ok")
        [post] = service.posts
        assert "*failures: the canary of version 4 was rolled back*" in post["text"]
        assert "12 % &lt;of&gt; answers &amp; more" in post["text"]
        assert "<http://airflow.example/dags/failures.deploy_model|Open>" in post["text"]

    def test_the_whole_address_may_be_the_secret(self, service: Service, message: Message) -> None:
        service.judge = slack_like(TOKEN)

        assert send_message(message, reach("slack", password=f"{service.url}/services/{TOKEN}"), 20).is_delivered

    def test_a_wrong_token_is_told_and_not_shown(self, service: Service, message: Message) -> None:
        service.replies = [(403, {}, f"invalid_token {TOKEN} in /services/wrong/token")]

        target = reach("slack", host=f"{service.url}/services", password="wrong/token")
        answer = send_message(message, target, TIMEOUT_S)

        assert (answer.is_delivered, answer.detail[:22]) == (False, "HTTP 403 invalid_token")
        assert "wrong/token" not in answer.detail

    def test_without_a_host_it_is_slacks_own(self) -> None:
        target = reach("slack", password=TOKEN)
        assert target.url == f"https://hooks.slack.com/services/{TOKEN}"  # type: ignore[union-attr]
        assert TOKEN not in repr(target)


class TestPagerDuty:
    def test_an_event_has_the_key_by_which_its_copies_are_known(self, service: Service, message: Message) -> None:
        service.judge = pagerduty_like("r0uting")

        answer = send_message(message, reach("pagerduty", host=service.url, password="r0uting"), TIMEOUT_S)

        assert answer.is_delivered, answer.detail
        assert answer.detail.startswith("HTTP 202")
        [post] = service.posts
        assert (post["event_action"], post["dedup_key"]) == ("trigger", message.dedup_key)
        assert post["payload"]["severity"] == "error"
        assert post["payload"]["timestamp"] == "2026-03-09T12:00:00+00:00"
        assert post["links"] == [{"href": message.link, "text": "Open"}]

    def test_a_wrong_routing_key_is_refused_and_no_log_shows_it(self, service: Service, message: Message) -> None:
        service.judge = pagerduty_like("r0uting")

        answer = send_message(message, reach("pagerduty", host=service.url, password="an0ther"), TIMEOUT_S)

        assert not answer.is_delivered
        assert "invalid event" in answer.detail
        assert "an0ther" not in answer.detail

    def test_a_long_key_becomes_a_short_one_and_no_two_the_same(self) -> None:
        assert shorten_key("a" * 255) == "a" * 255
        assert len(shorten_key("a" * 256)) <= 255
        assert shorten_key("a" * 256) != shorten_key("a" * 257)

    def test_without_a_key_there_is_no_target(self) -> None:
        with pytest.raises(NotificationError, match="'there' has no password"):
            reach("pagerduty")


class TestWebhook:
    def test_it_gets_the_message_as_it_is(self, service: Service, message: Message) -> None:
        target = reach("webhook", host=f"{service.url}/hook?room=7", password="tok3n")
        assert send_message(message, target, TIMEOUT_S).is_delivered

        assert service.paths == ["/hook?room=7"]
        assert service.posts == [message.to_json()]
        assert service.posts[0]["event"] == "canary_rolled_back"
        assert service.headers[0]["Authorization"] == "Bearer tok3n"
        assert service.headers[0]["Idempotency-Key"] == message.dedup_key

    def test_with_a_login_the_password_belongs_to_it(self, service: Service, message: Message) -> None:
        send_message(message, reach("webhook", host=service.url, login="ada", password="tok3n"), TIMEOUT_S)
        assert service.headers[0]["Authorization"].startswith("Basic ")

    def test_an_address_that_leads_elsewhere_is_not_followed(self, service: Service, message: Message) -> None:
        with serve(Service()) as other:
            service.replies = [(307, {"Location": f"{other.url}/there"}, "")]
            answer = send_message(message, reach("webhook", host=service.url, password="tok3n"), TIMEOUT_S)

        assert (answer.is_delivered, answer.detail) == (False, "HTTP 307")
        assert other.posts == []

    def test_without_an_address_there_is_no_target(self) -> None:
        with pytest.raises(NotificationError, match="'there' names no address"):
            reach("webhook", password="tok3n")

    @pytest.mark.parametrize(
        ("headers", "low", "high"),
        [
            ({"Retry-After": "37"}, 37, 37),
            ({"Retry-After": format_datetime(datetime.now(UTC) + timedelta(hours=2), usegmt=True)}, 3600, 7200),
            ({"Retry-After": "99999999"}, 86400, 86400),
            ({"Retry-After": "soon"}, 0, 0),
            ({}, 0, 0),
        ],
        ids=["seconds", "a date", "for ever", "no time", "not said"],
    )
    def test_a_service_that_is_busy_says_how_long(
        self, service: Service, message: Message, headers: Mapping[str, str], low: float, high: float
    ) -> None:
        service.replies = [(429, headers, "slow down")]

        answer = send_message(message, reach("webhook", host=service.url), TIMEOUT_S)

        assert (answer.is_delivered, answer.detail) == (False, "HTTP 429 slow down")
        assert low <= answer.retry_after_s <= high

    def test_one_that_is_down_is_an_answer_too(self, message: Message) -> None:
        answer = send_message(message, reach("webhook", host=f"http://127.0.0.1:{find_free_port()}"), TIMEOUT_S)
        assert (answer.is_delivered, answer.detail[:13]) == (False, "ConnectError:")


class TestMail:
    def test_a_mail_says_it_all_to_everybody(self, message: Message) -> None:
        with serve_mail() as box:
            answer = send_message(message, reach_mail(box.port), TIMEOUT_S)

        assert (answer.is_delivered, answer.detail) == (True, "taken for 2 of 2 recipients")
        [mail] = box.mails
        assert mail["Subject"] == "[error] failures: the canary of version 4 was rolled back"
        assert (mail["From"], box.recipients) == ("orrery@example.com", ["a@b.example", "c@d.example"])
        assert message.text in mail.get_content()
        assert str(message.link) in mail.get_content()

    def test_two_copies_of_a_mail_have_one_id_and_two_events_have_two(self, message: Message) -> None:
        with serve_mail() as box:
            for one in (message, message, replace(message, dedup_key="another")):
                send_message(one, reach_mail(box.port), TIMEOUT_S)

        first, copy, other = (mail["Message-ID"] for mail in box.mails)
        assert first == copy != other

    def test_the_right_password_is_let_in_and_a_wrong_one_is_not_shown(self, message: Message) -> None:
        with serve_mail("ada", "right-one") as box:
            right = send_message(message, reach_mail(box.port, "ada", "right-one"), TIMEOUT_S)
            wrong = send_message(message, reach_mail(box.port, "ada", "wrong-one"), TIMEOUT_S)
            nobody = send_message(message, reach_mail(box.port), TIMEOUT_S)

        assert right.is_delivered, right.detail
        assert not wrong.is_delivered
        assert wrong.detail.startswith("SMTPAuthenticationError: (535")
        assert "wrong-one" not in wrong.detail
        assert not nobody.is_delivered
        assert len(box.mails) == 1

    def test_a_recipient_that_is_refused_does_not_keep_it_from_the_other(self, message: Message) -> None:
        with serve_mail(refused="a@b.example") as box:
            answer = send_message(message, reach_mail(box.port), TIMEOUT_S)

        assert answer.is_delivered
        assert "1 of 2 recipients" in answer.detail
        assert box.recipients == ["c@d.example"]

    def test_a_connection_as_airflow_makes_it_is_encrypted(self) -> None:
        secured = [
            find_target(BOARD, Login("mail.example", extra=extra))
            for extra in ({}, {"disable_ssl": "true"}, {"disable_ssl": True, "disable_tls": "True"})
        ]
        assert [(one.security, one.port) for one in secured] == [  # type: ignore[union-attr]
            ("ssl", 465), ("starttls", 587), ("none", 25),
        ]  # fmt: skip

    def test_a_server_that_offers_no_encryption_gets_no_password(self, message: Message) -> None:
        with serve_mail("ada", "right-one") as box:
            login = Login("127.0.0.1", box.port, login="ada", password="right-one", extra={"disable_ssl": True})
            answer = send_message(message, find_target(BOARD, login), TIMEOUT_S)

        assert not answer.is_delivered
        assert "STARTTLS" in answer.detail
        assert box.mails == []


def test_a_channel_that_hangs_is_given_up_when_the_time_is_over(message: Message) -> None:
    with serve(Service(is_hanging=True)) as service:
        answer = Attempt(message, reach("webhook", host=service.url), 60.0).wait(0.2)

    assert (answer.is_delivered, answer.detail) == (False, "no answer within 60 s")


def test_a_message_is_cut_to_what_services_take_and_its_title_is_one_line(message: Message) -> None:
    cut = replace(message, title="a\nb " + "c" * 1000, text="d" * 10_000)

    assert cut.title.startswith("a b c")
    assert len(cut.title) == TITLE_LENGTH
    assert (len(cut.text), cut.text[-1]) == (TEXT_LENGTH, "…")
