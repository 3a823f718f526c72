"""In Airflow itself: a task that fails for good is told once, and one that is tried again is not."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import yaml

from include.settings import CONFIG_DIR, PROJECT_ROOT
from include.warehouse.session import open_session
from tests.unit.notifications.receivers import Service, serve, slack_like


def test_final_failures_reach_the_owner_of_the_house(warehouse_uri: str, tmp_path: Path) -> None:
    shared = yaml.safe_load((CONFIG_DIR / "notifications.yml").read_text())
    declared = {"channels": {"team": {"kind": "slack", "conn_id": "slack_ml"}}, "people": {"ml-platform": ["team"]}}
    config = copy_settings(tmp_path / "config", {**shared, **declared})
    with serve(Service(judge=slack_like("T0/B0/secret"))) as slack:
        conn = {"conn_type": "slackwebhook", "host": f"{slack.url}/services", "password": "T0/B0/secret"}
        environment = {
            **{key: value for key, value in os.environ.items() if not key.startswith("AIRFLOW__OPENLINEAGE")},
            "AIRFLOW_HOME": str(tmp_path),
            "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
            "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{tmp_path}/airflow.db",
            "AIRFLOW__CORE__DAGS_FOLDER": str(Path(__file__).parent),
            "AIRFLOW__API__BASE_URL": "http://airflow.example",
            "AIRFLOW__OPENLINEAGE__DISABLED": "True",
            "AIRFLOW_CONN_WAREHOUSE": warehouse_uri,
            "AIRFLOW_CONN_SLACK_ML": json.dumps(conn),
            "ORRERY_CONFIG_DIR": str(config),
            "PYTHONPATH": str(PROJECT_ROOT),
        }
        log = ""
        for command in (["-m", "airflow", "db", "migrate"], [str(Path(__file__).parent / "notified_dag.py")]):
            done = subprocess.run(
                [sys.executable, *command], env=environment, cwd=PROJECT_ROOT, capture_output=True, text=True,
                check=False,
            )  # fmt: skip
            log = done.stdout + done.stderr
            assert done.returncode == 0, log[-5000:]

    with open_session(warehouse_uri) as session:
        told = session.fetch_all("select title, body, link, dedup_key from governance.notifications order by title")
        sent = session.fetch_all("select channel, outcome from governance.notification_deliveries")
    assert [row["title"] for row in told] == [
        "notified: fail_at_once has failed",
        "notified: fail_in_the_end has failed",
        "notified: fail_one[1] has failed",
    ], log[-5000:]
    assert "PermanentError: the column is gone" in told[0]["body"]
    assert [row["dedup_key"].rpartition("/")[2] for row in told] == ["1", "2", "1"]
    assert told[0]["link"].startswith("http://airflow.example/dags/notified/runs/")
    assert [(row["channel"], row["outcome"]) for row in sent] == [("team", "delivered")] * 3
    assert len(slack.posts) == 3
    assert "secret" not in log


def copy_settings(folder: Path, notifications: dict[str, object]) -> Path:
    """The shared settings as shipped but for the notifications, and no model."""
    (folder / "models").mkdir(parents=True)
    for path in CONFIG_DIR.glob("*.yml"):
        (folder / path.name).write_text(path.read_text())
    (folder / "notifications.yml").write_text(yaml.safe_dump(notifications))
    return folder
