"""An event is recorded and delivered once; what was not taken is tried again, and given up in the end."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from itertools import pairwise

import pytest
from psycopg import errors

from include.errors import NotificationError
from include.notifications.deliver import FindTarget, deliver_due, plan_wait
from include.notifications.ledger import claim_deliveries, note_attempt, record_message
from include.notifications.message import Message
from include.notifications.target import HttpTarget, Target
from include.servers.ports import find_free_port
from include.settings.notifications import DeliverySettings
from include.warehouse.session import Row, open_session
from tests.unit.notifications.receivers import Service, serve

WINDOW_S = 3600.0


def record(uri: str, message: Message, channels: Sequence[str] = ("hook",)) -> int | None:
    with open_session(uri) as session:
        return record_message(session, message, channels, WINDOW_S)


def deliver(uri: str, settings: DeliverySettings, **urls: str) -> dict[str, int]:
    return deliver_due(uri, settings, reach(**urls), 30)


def reach(**urls: str) -> FindTarget:
    def find(channel: str, _: str | None) -> Target | None:
        return HttpTarget("webhook", urls[channel]) if channel in urls else None

    return find


def read(uri: str, sql: str) -> list[Row]:
    with open_session(uri) as session:
        return session.fetch_all(sql)


def read_deliveries(uri: str) -> list[tuple[str, int, str, str]]:
    rows = read(uri, "select channel, attempt, outcome, detail from governance.notification_deliveries order by id")
    return [(row["channel"], row["attempt"], row["outcome"], row["detail"]) for row in rows]


def make_due(uri: str) -> None:
    """As if the time until the next attempt had passed."""
    with open_session(uri) as session:
        session.execute("update governance.notification_outbox set next_attempt_at = clock_timestamp()")


class TestEventLog:
    def test_every_event_is_kept_also_when_nobody_hears_of_it(self, warehouse_uri: str, message: Message) -> None:
        record(warehouse_uri, message, [])

        [row] = read(warehouse_uri, "select * from governance.notifications")
        assert (row["event"], row["model_name"], row["model_version"]) == ("canary_rolled_back", "failures", 4)
        assert (row["at"], row["title"], row["body"]) == (message.at, message.title, message.text)
        assert (row["dedup_key"], row["link"], row["channels"]) == (message.dedup_key, message.link, [])

    def test_the_same_event_is_recorded_and_sent_once(
        self, warehouse_uri: str, message: Message, service: Service, delivery: DeliverySettings
    ) -> None:
        assert record(warehouse_uri, message) is not None
        assert record(warehouse_uri, replace(message, title="a retried task says it again")) is None
        assert deliver(warehouse_uri, delivery, hook=service.url) == {"delivered": 1}
        assert record(warehouse_uri, message) is None
        assert deliver(warehouse_uri, delivery, hook=service.url) == {}

        assert [post["title"] for post in service.posts] == [message.title]
        assert len(read(warehouse_uri, "select * from governance.notifications")) == 1

    def test_after_its_window_it_is_another_event(self, warehouse_uri: str, message: Message) -> None:
        record(warehouse_uri, message)
        with open_session(warehouse_uri) as session:
            session.execute("update governance.notification_keys set at = at - interval '1 hour 1 second'")

        assert record(warehouse_uri, message) is not None
        assert record(warehouse_uri, message) is None

    def test_of_many_processes_at_once_one_records(self, warehouse_uri: str, message: Message) -> None:
        barrier = threading.Barrier(6)

        def one(_: int) -> int | None:
            with open_session(warehouse_uri) as session:
                session.fetch_value("select 1")
                barrier.wait(60)
                return record_message(session, message, ["hook"], WINDOW_S)

        with ThreadPoolExecutor(6) as pool:
            found = [*pool.map(one, range(6))]

        assert sum(number is not None for number in found) == 1
        assert len(read(warehouse_uri, "select * from governance.notifications")) == 1
        assert len(read(warehouse_uri, "select * from governance.notification_outbox")) == 1

    def test_one_whose_transaction_fails_leaves_the_event_to_the_next(
        self, warehouse_uri: str, message: Message
    ) -> None:
        with pytest.raises(ZeroDivisionError), open_session(warehouse_uri) as session:
            record_message(session, message, ["hook"], WINDOW_S)
            raise ZeroDivisionError

        assert record(warehouse_uri, message) is not None

    @pytest.mark.parametrize("table", ["notifications", "notification_deliveries"])
    @pytest.mark.parametrize("change", ["update governance.{} set id = default", "delete from governance.{}",
                                        "truncate governance.{} cascade"])  # fmt: skip
    def test_rows_are_only_ever_appended(
        self,
        warehouse_uri: str,
        message: Message,
        service: Service,
        delivery: DeliverySettings,
        table: str,
        change: str,
    ) -> None:
        record(warehouse_uri, message)
        deliver(warehouse_uri, delivery, hook=service.url)
        before = read(warehouse_uri, f"select * from governance.{table}")
        assert len(before) == 1

        with pytest.raises(errors.RaiseException, match="only ever appended"), open_session(warehouse_uri) as session:
            session.execute(change.format(table))

        assert read(warehouse_uri, f"select * from governance.{table}") == before


class TestDelivery:
    def test_one_that_fails_once_gets_it_at_the_second_attempt(
        self, warehouse_uri: str, message: Message, service: Service, delivery: DeliverySettings
    ) -> None:
        service.replies = [(500, {}, "broken"), (200, {}, "ok")]
        record(warehouse_uri, message)

        assert deliver(warehouse_uri, delivery, hook=service.url) == {"failed": 1}
        assert deliver(warehouse_uri, delivery, hook=service.url) == {}, "it waits for its time"
        make_due(warehouse_uri)
        assert deliver(warehouse_uri, delivery, hook=service.url) == {"delivered": 1}

        assert read_deliveries(warehouse_uri) == [
            ("hook", 1, "failed", "HTTP 500 broken"), ("hook", 2, "delivered", "HTTP 200 ok"),
        ]  # fmt: skip
        assert read(warehouse_uri, "select * from governance.notification_outbox") == []

    def test_after_the_last_attempt_it_is_given_up_with_its_reason(
        self, warehouse_uri: str, message: Message, delivery: DeliverySettings
    ) -> None:
        nowhere = f"http://127.0.0.1:{find_free_port()}"
        record(warehouse_uri, message)
        counts: Counter[str] = Counter()
        for _ in range(delivery.max_attempts + 2):
            counts.update(deliver(warehouse_uri, delivery, hook=nowhere))
            make_due(warehouse_uri)

        assert counts == {"failed": delivery.max_attempts - 1, "given_up": 1}
        assert [(one[1], one[2]) for one in read_deliveries(warehouse_uri)] == [
            (1, "failed"), (2, "failed"), (3, "given_up"),
        ]  # fmt: skip
        assert "ConnectError" in read_deliveries(warehouse_uri)[-1][3]
        assert read(warehouse_uri, "select * from governance.notification_outbox") == []

    def test_a_service_that_is_busy_is_left_alone_for_as_long_as_it_asks(
        self, warehouse_uri: str, message: Message, service: Service, delivery: DeliverySettings
    ) -> None:
        service.replies = [(429, {"Retry-After": "5000"}, "slow down")]
        record(warehouse_uri, message)
        deliver(warehouse_uri, delivery, hook=service.url)

        [row] = read(
            warehouse_uri,
            "select extract(epoch from next_attempt_at - clock_timestamp())::float as left_s, "
            "next_attempt_at = (select next_attempt_at from governance.notification_deliveries) as is_noted "
            "from governance.notification_outbox",
        )
        assert delivery.retry_max_s < 4000 < row["left_s"] <= 5000
        assert row["is_noted"]

    def test_one_channel_that_is_down_keeps_nothing_from_the_others(
        self, warehouse_uri: str, message: Message, service: Service, delivery: DeliverySettings
    ) -> None:
        nowhere = f"http://127.0.0.1:{find_free_port()}"
        for number in range(3):
            record(warehouse_uri, replace(message, dedup_key=f"{number}"), ["away", "hook"])

        assert deliver(warehouse_uri, delivery, hook=service.url, away=nowhere) == {"delivered": 3, "failed": 1}
        assert [post["dedup_key"] for post in service.posts] == ["0", "1", "2"]

    def test_one_that_hangs_costs_one_limit_beside_the_others(
        self, warehouse_uri: str, message: Message, service: Service, delivery: DeliverySettings
    ) -> None:
        record(warehouse_uri, message, ["silent", "silent_too", "hook"])
        short = delivery.model_copy(update={"attempt_timeout_s": 1.0})
        with serve(Service(is_hanging=True)) as silent:
            counts = deliver(warehouse_uri, short, hook=service.url, silent=silent.url, silent_too=silent.url)

        assert counts == {"delivered": 1, "failed": 2}
        assert len(silent.posts) == 2, "each was attempted once"

    def test_several_processes_send_a_message_once(
        self, warehouse_uri: str, message: Message, service: Service, delivery: DeliverySettings
    ) -> None:
        for number in range(4):
            record(warehouse_uri, replace(message, dedup_key=f"{number}"))

        with ThreadPoolExecutor(4) as pool:
            counts = [*pool.map(lambda _: deliver(warehouse_uri, delivery, hook=service.url), range(4))]

        assert sum(count.get("delivered", 0) for count in counts) == 4
        assert sorted(post["dedup_key"] for post in service.posts) == ["0", "1", "2", "3"]

    def test_the_event_that_has_just_happened_goes_first(
        self, warehouse_uri: str, message: Message, service: Service, delivery: DeliverySettings
    ) -> None:
        for number in range(3):
            newest = record(warehouse_uri, replace(message, dedup_key=f"{number}"))

        deliver_due(warehouse_uri, delivery, reach(hook=service.url), 30, newest)

        assert [post["dedup_key"] for post in service.posts] == ["2", "0", "1"]

    def test_without_time_nothing_is_begun_and_nothing_is_lost(
        self, warehouse_uri: str, message: Message, service: Service, delivery: DeliverySettings
    ) -> None:
        record(warehouse_uri, message)

        assert deliver_due(warehouse_uri, delivery, reach(hook=service.url), 0) == {}
        assert deliver(warehouse_uri, delivery, hook=service.url) == {"delivered": 1}

    def test_one_who_died_while_sending_is_followed_by_another_who_sends_again(
        self, warehouse_uri: str, message: Message, service: Service, delivery: DeliverySettings
    ) -> None:
        record(warehouse_uri, message)
        with open_session(warehouse_uri) as session:
            [claimed] = claim_deliveries(session, delivery.attempt_timeout_s)
        assert deliver(warehouse_uri, delivery, hook=service.url) == {}, "it is claimed"
        make_due(warehouse_uri)

        assert deliver(warehouse_uri, delivery, hook=service.url) == {"delivered": 1}
        assert read_deliveries(warehouse_uri) == [("hook", 2, "delivered", "HTTP 200 ok")]

        # It was not dead after all, and notes its own end: that brings nothing back.
        with open_session(warehouse_uri) as session:
            note_attempt(session, claimed, "failed", "late", 0)
        assert deliver(warehouse_uri, delivery, hook=service.url) == {}

    def test_a_channel_that_is_declared_no_longer_is_given_up(
        self, warehouse_uri: str, message: Message, delivery: DeliverySettings
    ) -> None:
        record(warehouse_uri, message)

        assert deliver(warehouse_uri, delivery) == {"given_up": 1}
        assert read_deliveries(warehouse_uri)[0][3] == "no channel of this name is declared any more"

    def test_a_connection_that_is_missing_is_a_failure_that_may_be_mended(
        self, warehouse_uri: str, message: Message, service: Service, delivery: DeliverySettings
    ) -> None:
        def fail(channel: str, _: str | None) -> Target | None:
            raise NotificationError("Airflow has no connection 'hook'")

        record(warehouse_uri, message)
        assert deliver_due(warehouse_uri, delivery, fail, 30) == {"failed": 1}
        make_due(warehouse_uri)
        assert deliver(warehouse_uri, delivery, hook=service.url) == {"delivered": 1}


def test_waits_are_doubled_up_to_the_longest_and_never_below_what_is_asked(delivery: DeliverySettings) -> None:
    waits = [plan_wait(attempt, delivery, 0) for attempt in range(1, 2000)]

    assert waits[:3] == [120, 200, 200]
    assert all(earlier <= later for earlier, later in pairwise(waits))
    assert plan_wait(1, delivery, 500) == 500
    assert plan_wait(1, delivery, 5) == 120
