"""What happens in a task is told to real receivers, by Airflow's connections, and harms the task never."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Final

import pytest
import yaml

from include.errors import ApprovalError, PermanentError, QualityError, WarehouseError
from include.notifications.message import Message
from include.registry.ledger import record_gates, require_version
from include.rollout.state import bootstrap_champion, promote_challenger, require_rollout, roll_back, start_canary
from include.servers.ports import find_free_port
from include.settings import load_settings
from include.warehouse.jsonb import to_jsonb
from include.warehouse.session import Row, open_session
from tests.unit.notifications.conftest import MESSAGE
from tests.unit.notifications.receivers import Service, pagerduty_like, serve, slack_like
from tests.unit.registry.planting import make_measured, plant_version
from tests.unit.settings.conftest import WriteModel, config_dir, write_model

__all__ = ["config_dir", "write_model"]

pytestmark = pytest.mark.usefixtures("airflow_home")

CHANNELS = {
    "team": {"kind": "slack", "conn_id": "slack_ml"},
    "pager": {"kind": "pagerduty", "conn_id": "pagerduty_ml"},
}
PEOPLE = {"maintenance": ["team"], "ml-platform": ["team"], "approver": ["pager"], "grace": ["team"]}


@pytest.fixture
def slack(monkeypatch: pytest.MonkeyPatch) -> Iterator[Service]:
    """Slack on loopback, to which the connection ``slack_ml`` leads."""
    with serve(Service(judge=slack_like("T0/B0/secret"))) as service:
        conn = {"conn_type": "slackwebhook", "host": f"{service.url}/services", "password": "T0/B0/secret"}
        monkeypatch.setenv("AIRFLOW_CONN_SLACK_ML", json.dumps(conn))
        yield service


@pytest.fixture
def pagerduty(monkeypatch: pytest.MonkeyPatch) -> Iterator[Service]:
    """PagerDuty on loopback, to which the connection ``pagerduty_ml`` leads."""
    with serve(Service(judge=pagerduty_like("r0uting"))) as service:
        conn = {"conn_type": "http", "host": service.url, "password": "r0uting"}
        monkeypatch.setenv("AIRFLOW_CONN_PAGERDUTY_ML", json.dumps(conn))
        yield service


@pytest.fixture
def told(config_dir: Path, write_model: WriteModel, slack: Service, pagerduty: Service,
         monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:  # fmt: skip
    """A project whose owner hears by Slack, and whose approver by PagerDuty."""
    path = config_dir / "notifications.yml"
    content = yaml.safe_load(path.read_text())
    content["routes"]["owners"]["events"].append("source_quarantined")
    path.write_text(yaml.safe_dump({**content, "channels": CHANNELS, "people": PEOPLE}))
    write_model("failures", governance={"approvers": ["approver", "admin"]})
    monkeypatch.setenv("ORRERY_CONFIG_DIR", str(config_dir))
    monkeypatch.setenv("AIRFLOW__API__BASE_URL", "http://airflow.example")
    return SimpleNamespace(slack=slack, pagerduty=pagerduty, path=path)


def read_log(uri: str) -> list[Row]:
    with open_session(uri) as session:
        return session.fetch_all("select * from governance.notifications order by id")


def list_outcomes(uri: str) -> list[tuple[str, str]]:
    with open_session(uri) as session:
        rows = session.fetch_all("select channel, outcome from governance.notification_deliveries order by id")
    return [(row["channel"], row["outcome"]) for row in rows]


def make_context(task_id: str = "score", error: BaseException | None = None, **pulled: Any) -> dict[str, Any]:
    """What Airflow hands to a task and its callbacks, as far as it is read."""
    ti = SimpleNamespace(
        dag_id="failures.score_batch", task_id=task_id, run_id="manual__1", try_number=4, map_index=-1,
        log_url="http://airflow.example/log", xcom_pull=lambda *, task_ids: pulled.get(task_ids),
    )  # fmt: skip
    run = SimpleNamespace(dag_id="failures.deploy_model", run_id="manual__1")
    return {"ti": ti, "dag_run": run, "run_id": "manual__1", "exception": error}


@pytest.fixture
def said(caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]) -> Callable[[], str]:
    """What was logged, be it after Airflow has set up logging in this process or before."""
    return lambda: caplog.text + capsys.readouterr().out


class TestNotify:
    def test_an_event_reaches_the_owner_once(self, told: SimpleNamespace, warehouse_uri: str) -> None:
        from include.orchestration.notifications import notify

        for _ in range(2):
            notify(warehouse_uri, MESSAGE)

        assert len(told.slack.posts) == 1
        assert told.pagerduty.posts == []
        [row] = read_log(warehouse_uri)
        assert row["channels"] == ["team"]
        assert list_outcomes(warehouse_uri) == [("team", "delivered")]

    def test_without_channels_it_is_in_the_event_log_and_nowhere_else(
        self, told: SimpleNamespace, warehouse_uri: str, config_dir: Path
    ) -> None:
        from include.orchestration.notifications import notify

        content = yaml.safe_load(told.path.read_text())
        told.path.write_text(yaml.safe_dump({**content, "channels": {}, "people": {}}))
        reread()
        notify(warehouse_uri, MESSAGE)

        assert [row["channels"] for row in read_log(warehouse_uri)] == [[]]
        assert (told.slack.posts, list_outcomes(warehouse_uri)) == ([], [])

    def test_a_channel_that_is_down_fails_nothing_and_maintain_delivers_later(
        self, told: SimpleNamespace, warehouse_uri: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        from include.orchestration.notifications import deliver_pending, notify

        with monkeypatch.context() as patch:
            away = {"conn_type": "http", "host": f"http://127.0.0.1:{find_free_port()}", "password": "a/b/secret"}
            patch.setenv("AIRFLOW_CONN_SLACK_ML", json.dumps(away))
            notify(warehouse_uri, MESSAGE)
        with open_session(warehouse_uri) as session:
            session.execute("update governance.notification_outbox set next_attempt_at = clock_timestamp()")

        assert deliver_pending(warehouse_uri) == {"delivered": 1}
        assert list_outcomes(warehouse_uri) == [("team", "failed"), ("team", "delivered")]
        assert len(told.slack.posts) == 1

    def test_a_connection_that_is_missing_is_named_in_the_log_of_deliveries(
        self, told: SimpleNamespace, warehouse_uri: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        from include.orchestration.notifications import notify

        monkeypatch.delenv("AIRFLOW_CONN_SLACK_ML")
        notify(warehouse_uri, MESSAGE)

        with open_session(warehouse_uri) as session:
            detail = session.fetch_value("select detail from governance.notification_deliveries")
        assert "Airflow has no connection 'slack_ml', which the channel 'team' names" in detail

    def test_while_the_warehouse_is_away_the_channels_are_told_at_once(
        self, told: SimpleNamespace, said: Callable[[], str]
    ) -> None:
        from include.orchestration.notifications import notify

        notify(f"postgresql://nobody@127.0.0.1:{find_free_port()}/none", MESSAGE)

        assert len(told.slack.posts) == 1
        assert "The event log cannot be written" in said()

    def test_whatever_goes_wrong_is_a_warning(
        self, told: SimpleNamespace, warehouse_uri: str, said: Callable[[], str]
    ) -> None:
        from include.orchestration.notifications import notify

        with open_session(warehouse_uri) as session:
            session.execute("drop table governance.notification_outbox")
        notify(warehouse_uri, MESSAGE)

        assert "A notification was not sent" in said()

    def test_a_log_that_is_locked_delays_a_task_by_seconds_and_not_for_ever(
        self, told: SimpleNamespace, warehouse_uri: str, monkeypatch: pytest.MonkeyPatch,
        said: Callable[[], str],
    ) -> None:  # fmt: skip
        from include.notifications import deliver
        from include.orchestration import notifications

        monkeypatch.setattr(deliver, "STATEMENT_TIMEOUT", "200ms")
        with open_session(warehouse_uri) as session:
            session.execute("lock table governance.notification_keys")
            notifications.notify(warehouse_uri, MESSAGE)

        assert "statement timeout" in said()


def reread() -> None:
    """Forget the settings that this process has read."""
    from include import settings

    settings._load.cache_clear()


class TestFailure:
    def test_a_task_that_fails_for_good_is_told_with_its_page(
        self, told: SimpleNamespace, warehouse_uri: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        from include.orchestration.notifications import notify_failure

        monkeypatch.setenv("AIRFLOW_CONN_WAREHOUSE", warehouse_uri)
        notify_failure(make_context(error=PermanentError("the column is gone")))

        [row] = read_log(warehouse_uri)
        assert (row["event"], row["model_name"], row["link"]) == (
            "task_failed", "failures", "http://airflow.example/log",
        )  # fmt: skip
        assert "PermanentError: the column is gone" in told.slack.posts[0]["text"]

    def test_a_secret_of_airflow_leaves_it_in_no_message(
        self, told: SimpleNamespace, warehouse_uri: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        from airflow.sdk.log import mask_secret

        from include.orchestration.notifications import notify_failure

        monkeypatch.setenv("AIRFLOW_CONN_WAREHOUSE", warehouse_uri)
        mask_secret("kept-by-airflow")
        notify_failure(make_context(error=PermanentError("refused: kept-by-airflow")))

        assert "refused: ***" in told.slack.posts[0]["text"]

    def test_what_an_event_tells_already_is_not_told_again(
        self, told: SimpleNamespace, warehouse_uri: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        from include.orchestration.notifications import mark_told, notify_failure

        monkeypatch.setenv("AIRFLOW_CONN_WAREHOUSE", warehouse_uri)
        notify_failure(make_context(error=mark_told(PermanentError("it was rolled back"))))

        assert read_log(warehouse_uri) == []

    def test_a_callback_without_a_warehouse_raises_nothing(self, said: Callable[[], str]) -> None:
        from include.orchestration.notifications import notify_failure

        notify_failure(make_context(error=PermanentError("a")))

        assert "was not told" in said()


class TestRollout:
    @pytest.fixture
    def uri(self, warehouse_uri: str) -> str:
        """Version 1 is champion, version 2 is registered."""
        for family in ("baseline", "forest"):
            plant_version(warehouse_uri, "failures", make_measured(family=family))
        with open_session(warehouse_uri) as session:
            bootstrap_champion(session, "failures", 1)
        return warehouse_uri

    def test_a_canary_is_told_from_its_start_to_its_end_each_once(self, told: SimpleNamespace, uri: str) -> None:
        from include.orchestration.told_events import tell_rollback, tell_rollout

        with open_session(uri) as session:
            start_canary(session, require_rollout(session, "failures"), 2, 0.5)
        tell_rollout(uri, "failures", "canary_started")
        with open_session(uri) as session:
            roll_back(session, require_rollout(session, "failures"), "12 % errors")
        for _ in range(2):
            error = tell_rollback(uri, "failures", PermanentError("rolled back"))
        assert getattr(error, "_orrery_is_told", False)
        with open_session(uri) as session:
            state = start_canary(session, require_rollout(session, "failures"), 2, 0.5)
            promote_challenger(session, state, 2)
        tell_rollout(uri, "failures", "canary_started")
        tell_rollout(uri, "failures", "promoted")

        assert [(row["event"], row["model_version"]) for row in read_log(uri)] == [
            ("canary_started", 2), ("canary_rolled_back", 2), ("canary_started", 2), ("champion_promoted", 2),
        ]  # fmt: skip
        assert "12 % errors" in told.slack.posts[1]["text"]

    def test_what_is_older_than_the_window_is_no_news(self, told: SimpleNamespace, uri: str) -> None:
        from include.orchestration.told_events import tell_rollout

        with open_session(uri) as session:
            session.execute(
                "insert into serving.rollout_events "
                "(model_name, event, at, champion_version, challenger_weight, detail) "
                "values ('failures', 'restored', clock_timestamp() - interval '25 hours', 1, 0, '{}')"
            )
        tell_rollout(uri, "failures", "restored")

        assert read_log(uri) == []

    def test_a_warehouse_that_is_away_fails_nothing(self, said: Callable[[], str]) -> None:
        from include.orchestration.told_events import tell_rollout

        tell_rollout(f"postgresql://nobody@127.0.0.1:{find_free_port()}/none", "failures", "promoted")

        assert "was not told" in said()


class TestApproval:
    def test_the_approvers_hear_what_would_change(self, told: SimpleNamespace, warehouse_uri: str,
                                                  monkeypatch: pytest.MonkeyPatch) -> None:  # fmt: skip
        from airflow.providers.standard.operators.hitl import ApprovalOperator

        from include.orchestration.approval_notifier import ApprovalNotifier

        monkeypatch.setenv("AIRFLOW_CONN_WAREHOUSE", warehouse_uri)
        plant_version(warehouse_uri, "failures", make_measured(family="baseline", feature_set=None))
        plant_version(warehouse_uri, "failures", make_measured(family="forest", feature_set="full", trained_by="ada"))
        gate = {"name": "fairness", "is_passed": False, "observed": None, "threshold": None, "severity": "ask",
                "reason": "too few to tell", "is_clear": False}  # fmt: skip
        with open_session(warehouse_uri) as session:
            bootstrap_champion(session, "failures", 1)
            record_gates(session, require_version(session, "failures", 2).run_id, [gate])
        model = load_settings().models["failures"]
        task = ApprovalOperator(task_id="approve", subject="?", notifiers=ApprovalNotifier(model))
        context = {**make_context("approve", check_staging={"version": 2}), "task": task}
        context["task_instance"] = context["ti"]

        for notifier in task.notifiers:
            notifier(context)

        [post] = told.pagerduty.posts
        assert post["payload"]["summary"] == "failures: version 2 waits for an approval"
        words = post["payload"]["custom_details"]["text"]
        assert "May approve: approver, admin" in words
        assert "To decide. fairness: too few to tell" in words
        assert "Candidate: version 2 (forest on full)" in words
        assert "trained by ada" in words
        assert "Champion: version 1 (baseline)" in words
        assert post["links"][0]["href"].startswith("http://airflow.example/dags/failures.score_batch/runs/manual__1")
        assert told.slack.posts == []

    def test_a_request_that_cannot_be_told_is_made_all_the_same(self, told: SimpleNamespace,
                                                                said: Callable[[], str]) -> None:  # fmt: skip
        from include.orchestration.approval_notifier import ApprovalNotifier

        ApprovalNotifier(load_settings().models["failures"])(make_context("approve"))

        assert "The request to approve failures was not told" in said()

    @pytest.mark.parametrize(("answered_by", "event"), [("grace", "approval_refused"), ("", "approval_timed_out")])
    def test_an_answer_that_lets_nothing_in_is_told_and_raised(
        self, told: SimpleNamespace, warehouse_uri: str, answered_by: str, event: str
    ) -> None:
        from include.orchestration.told_events import tell_answer

        with (
            pytest.raises(ApprovalError) as caught,
            tell_answer(make_context(), warehouse_uri, "failures", 2, answered_by),
        ):
            raise ApprovalError("no")

        assert [row["event"] for row in read_log(warehouse_uri)] == [event]
        assert getattr(caught.value, "_orrery_is_told", False)


class TestQuarantine:
    RULE: Final = {
        "dimension": "range",
        "column": "wear",
        "expected": "0 to 1",
        "observed": "7",
        "remedy": "ask its owner",
    }

    def quarantine(self, uri: str, *audits: tuple[str, str]) -> None:
        with open_session(uri) as session:
            for audit_id, source in audits:
                session.execute(
                    "insert into quality.quarantine (audit_id, source, from_day, to_day, row_count, reasons, item, "
                    "files, sample_rows) values (%s, %s, '2026-03-08', '2026-03-08', 3, %s, '{}', '[]', '[]')",
                    (audit_id, source, to_jsonb([self.RULE])),
                )

    def test_each_refused_batch_of_the_run_is_told_whether_it_stops_it_or_not(
        self, told: SimpleNamespace, warehouse_uri: str
    ) -> None:
        from include.orchestration.told_events import tell_quarantine

        with tell_quarantine(warehouse_uri, "run_1"):
            audits = (("run_1", "readings"), ("run_1.2026-03-01", "readings"), ("run_10", "readings"))
            self.quarantine(warehouse_uri, *audits)

        assert [row["dedup_key"] for row in read_log(warehouse_uri)] == [
            "source_quarantined/readings/run_1", "source_quarantined/readings/run_1.2026-03-01",
        ]  # fmt: skip
        [first, _] = told.slack.posts
        assert "readings: the batch of 2026-03-08 is in quarantine" in first["text"]
        assert "range of wear expects 0 to 1, observed 7. To do: ask its owner." in first["text"]
        assert "<http://airflow.example/quality/sources/readings/audits/run_1|Open>" in first["text"]

    def test_one_that_stops_the_run_is_told_once_and_the_error_goes_on(
        self, told: SimpleNamespace, warehouse_uri: str
    ) -> None:
        from include.orchestration.told_events import tell_quarantine

        for _ in range(2):
            with pytest.raises(QualityError) as caught, tell_quarantine(warehouse_uri, "run_1"):
                with open_session(warehouse_uri) as session:
                    session.execute("delete from quality.quarantine")
                self.quarantine(warehouse_uri, ("run_1", "readings"))
                raise QualityError("readings is refused")

        assert getattr(caught.value, "_orrery_is_told", False)
        assert len(told.slack.posts) == 1

    def test_another_error_is_no_quarantine(self, told: SimpleNamespace, warehouse_uri: str) -> None:
        from include.orchestration.told_events import tell_quarantine

        with pytest.raises(WarehouseError), tell_quarantine(warehouse_uri, "run_1"):
            self.quarantine(warehouse_uri, ("run_1", "readings"))
            raise WarehouseError("away")

        assert read_log(warehouse_uri) == []


def test_a_refused_candidate_is_told_and_one_that_passed_is_not(told: SimpleNamespace, warehouse_uri: str) -> None:
    from include.orchestration.told_events import tell_refusal

    judgement = {"decision": "refuse", "reasons": ["auc is too low"], "candidate": {"run_id": "r1"}}
    for decision in ("staging", "refuse", "refuse"):
        tell_refusal(make_context(), warehouse_uri, "failures", {**judgement, "decision": decision})

    assert [row["event"] for row in read_log(warehouse_uri)] == ["candidate_refused"]
    assert "http://airflow.example/candidates/models/failures/runs/r1" in told.slack.posts[0]["text"]


def test_what_monitoring_found_is_told_and_handed_on(told: SimpleNamespace, warehouse_uri: str) -> None:
    from include.orchestration.told_events import tell_monitoring

    measured = {
        "action": "retrain", "reasons": ["40 % drifted"], "model_version": 3, "as_of_date": "2026-03-08",
        "failed_checks": {"drifted_share": "40 % drifted"},
    }  # fmt: skip
    for _ in range(2):
        assert tell_monitoring(warehouse_uri, "failures", measured) == measured

    assert [row["event"] for row in read_log(warehouse_uri)] == ["drift_alert", "retraining_requested"]
    assert len(told.slack.posts) == 2


def test_what_belongs_to_no_model_goes_to_the_owner_of_the_house(told: SimpleNamespace, warehouse_uri: str) -> None:
    from include.orchestration.notifications import notify

    notify(warehouse_uri, Message("task_failed", "error", "ingest_sources: plan has failed", "why", "key"))

    assert len(told.slack.posts) == 1


class TestChannels:
    def make_run(self, channel: str | None = None) -> tuple[dict[str, Any], dict[str, Any]]:
        pushed: dict[str, Any] = {}
        context = make_context("send")
        context["params"] = {"channel": channel, "model": None}
        context["ti"].xcom_push = lambda *, key, value: pushed.update({key: value})
        return context, pushed

    def test_every_channel_gets_one_whatever_the_routes_say(self, told: SimpleNamespace, warehouse_uri: str) -> None:
        from include.orchestration.channel_test import send_test

        context, pushed = self.make_run()
        send_test(context, warehouse_uri)

        assert pushed["answers"].pop("pager").startswith("delivered: HTTP 202")
        assert pushed["answers"] == {"team": "delivered: HTTP 200 ok"}
        assert (len(told.slack.posts), len(told.pagerduty.posts)) == (1, 1)
        assert [row["event"] for row in read_log(warehouse_uri)] == ["channel_test"]

    def test_one_that_is_not_delivered_is_said_is_not_tried_again_and_fails_the_run(
        self, told: SimpleNamespace, warehouse_uri: str
    ) -> None:
        from airflow.sdk.exceptions import AirflowFailException

        from include.orchestration.channel_test import send_test
        from include.orchestration.notifications import deliver_pending

        told.slack.judge = slack_like("another")
        context, pushed = self.make_run("team")
        with pytest.raises(AirflowFailException, match="Not delivered to team"):
            send_test(context, warehouse_uri)

        assert pushed["answers"] == {"team": "NOT delivered: HTTP 403 invalid_token"}
        assert list_outcomes(warehouse_uri) == [("team", "given_up")]
        assert deliver_pending(warehouse_uri) == {}

    def test_a_channel_that_nobody_declares_is_refused(self, told: SimpleNamespace, warehouse_uri: str) -> None:
        from airflow.sdk.exceptions import AirflowFailException

        from include.orchestration.channel_test import send_test

        with pytest.raises(AirflowFailException, match=r"No channel fax is declared; declared are: pager, team\."):
            send_test(self.make_run("fax")[0], warehouse_uri)
