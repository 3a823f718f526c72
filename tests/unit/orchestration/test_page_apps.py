"""The pages of quality and of features behind Airflow's own authentication, on a real warehouse."""

from __future__ import annotations

import importlib
import json
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest

from include.feature_quality.publish import publish_group
from include.features import manifest
from include.features.manifest import TARGET_VARIABLE, hash_project
from include.settings.features import FeatureSettings
from include.warehouse.session import open_session
from tests.unit.feature_quality.conftest import DATES, READINGS, add_day, make_group

AUDIT = "scheduled__2026-03-09T05:00:00+00:00"
PAGES = (
    "/quality/",
    "/quality/sources/readings",
    f"/quality/sources/readings/audits/{AUDIT}",
    f"/quality/runs/{AUDIT}",
)
EVIL = "<script>alert(1)</script>"
FEATURE_PAGES = ("/features/", "/features/groups/readings", "/features/labels/outage_labels")


@pytest.fixture(scope="module")
def airflow_app(airflow_home: Path) -> Iterator[Any]:
    """Airflow's login and the plugin's pages mounted as the API server mounts them, with three users."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS", "reader:viewer,nobody:none")
        patch.setenv("AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE", str(airflow_home / "passwords.json"))
        patch.setenv(
            "AIRFLOW__API_AUTH__JWT_SECRET", "a-secret-of-this-test-that-is-long-enough-for-any-algorithm-of-it"
        )
        patch.setenv("AIRFLOW__API__BASE_URL", "")
        from airflow import settings
        from airflow.api_fastapi.app import init_auth_manager, purge_cached_app
        from airflow.models import import_all_models
        from airflow.models.base import Base
        from fastapi import FastAPI

        import_all_models()
        tables = ("revoked_token", "dag", "dag_bundle", "dag_bundle_team", "team")
        Base.metadata.create_all(settings.engine, [Base.metadata.tables[name] for name in tables])
        purge_cached_app()
        app = FastAPI()
        init_auth_manager(app)
        for entry in importlib.import_module("plugins.orrery").OrreryPlugin.fastapi_apps:
            app.mount(entry["url_prefix"], entry["app"])
        yield app
        purge_cached_app()


@pytest.fixture
def client(airflow_app: Any, warehouse_uri: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """A client of the pages on a warehouse of this test's own, with one refused batch."""
    from fastapi.testclient import TestClient

    monkeypatch.setenv("AIRFLOW_CONN_WAREHOUSE", warehouse_uri)
    write_refused_batch(warehouse_uri)
    with TestClient(airflow_app, raise_server_exceptions=True) as one:
        yield one


@pytest.fixture
def token(airflow_app: Any) -> Callable[[str, str | None], str]:
    """Makes a token as Airflow's login does."""
    from airflow.api_fastapi.auth.managers.simple.user import SimpleAuthManagerUser

    return lambda name, role: airflow_app.state.auth_manager.generate_jwt(
        SimpleAuthManagerUser(username=name, role=role)
    )


def write_refused_batch(uri: str) -> None:
    rule = (
        '[{"source": "readings", "dimension": "range", "rule": "expect", "column": "heat", "is_critical": true, '
        '"weight": 1, "has_passed": false, "observed": "1 of 2 rows", "expected": "values from 0", "remedy": "look"}]'
    )
    key = (AUDIT, "readings", date(2026, 3, 8), date(2026, 3, 8))
    with open_session(uri) as session:
        session.execute(
            "insert into quality.audits (audit_id, source, from_day, to_day, row_count, rule_count, score, passed, "
            "failures, audited_at) values (%s, %s, %s, %s, 2, 9, 0.5, false, %s::jsonb, %s)",
            (*key, rule, datetime(2026, 3, 9, 5, tzinfo=UTC)),
        )
        session.execute(
            "insert into quality.quarantine (audit_id, source, from_day, to_day, row_count, reasons, item, files, "
            "sample_rows) values (%s, %s, %s, %s, 2, %s::jsonb, '{}', %s::jsonb, %s::jsonb)",
            (
                *key, rule, f'[{{"path": "/data/{EVIL}.csv", "row_count": 2}}]',
                f'[{{"row": {{"heat": "{EVIL}"}}, "broken_rules": ["range of heat"]}}]',
            ),
        )  # fmt: skip


@pytest.mark.parametrize("path", [*PAGES, *FEATURE_PAGES, "/quality/nothing/here", "/features/groups/nothing"])
def test_a_stranger_gets_no_page(client: Any, path: str) -> None:
    answer = client.get(path)

    assert answer.status_code == 401
    assert "Log in first" in answer.text
    assert "2026-03-08" not in answer.text


def test_a_forged_or_expired_token_gets_no_page(client: Any, airflow_app: Any, token: Any) -> None:
    from airflow.api_fastapi.auth.managers.simple.user import SimpleAuthManagerUser

    good = token("reader", "viewer")
    expired = airflow_app.state.auth_manager.generate_jwt(
        SimpleAuthManagerUser(username="reader", role="viewer"), expiration_time_in_seconds=-3600
    )
    head, body, signature = good.split(".")
    forged = f"{head}.{body}.{signature[:-6]}AAAAAA"

    for wrong, status in ((forged, 403), ("no token", 403), (expired, 401)):
        answer = client.get("/quality/", headers={"Authorization": f"Bearer {wrong}"})
        assert (answer.status_code, "2026-03-08" in answer.text) == (status, False)


def test_a_user_without_the_right_to_read_the_dag_gets_no_page(client: Any, token: Any) -> None:
    answer = client.get("/quality/", headers={"Authorization": f"Bearer {token('nobody', None)}"})

    assert answer.status_code == 403
    assert "may not read the log of ingest_sources" in answer.text


@pytest.mark.parametrize("path", PAGES)
@pytest.mark.parametrize("way", ["header", "cookie"])
def test_a_reader_gets_every_page(client: Any, token: Any, path: str, way: str) -> None:
    good = token("reader", "viewer")
    answer = (
        client.get(path, headers={"Authorization": f"Bearer {good}"})
        if way == "header"
        else client.get(path, headers={"Cookie": f"_token={good}"})
    )

    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"].startswith("text/html")
    assert "2026-03-08" in answer.text
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    assert answer.headers["cache-control"] == "no-store"


def test_values_of_a_source_are_shown_and_do_not_run(client: Any, token: Any) -> None:
    page = client.get(PAGES[2], headers={"Authorization": f"Bearer {token('reader', 'viewer')}"}).text

    assert EVIL not in page
    assert page.count("&lt;script&gt;alert(1)&lt;/script&gt;") == 2


@pytest.mark.parametrize(
    "path",
    [
        "/quality/sources/no_such_source",
        "/quality/sources/Readings'%20or%20'1'='1",
        "/quality/sources/..%2f..%2fetc%2fpasswd",
        "/quality/sources/readings/audits/no_such_audit",
        "/quality/sources/readings/audits/a%20b",
        "/quality/sources/readings?page=0",
        "/quality/sources/readings?page=2",
        "/quality/sources/readings?page=x",
        "/quality/runs/%3Cscript%3E",
        "/quality/openapi.json",
        "/quality/docs",
        "/quality/style.css",
    ],
)
def test_what_is_not_there_or_no_name_is_not_found(client: Any, token: Any, path: str) -> None:
    answer = client.get(path, headers={"Authorization": f"Bearer {token('reader', 'viewer')}"})

    assert answer.status_code == 404
    assert "<script>" not in answer.text


def test_a_run_that_audited_nothing_is_told_so(client: Any, token: Any) -> None:
    answer = client.get("/quality/runs/manual__1", headers={"Authorization": f"Bearer {token('reader', 'viewer')}"})

    assert (answer.status_code, "has audited nothing" in answer.text) == (200, True)


@pytest.mark.parametrize("fault", ["away", "without tables", "no connection"])
def test_a_warehouse_that_does_not_answer_is_told_without_its_secrets(
    client: Any, token: Any, monkeypatch: pytest.MonkeyPatch, warehouse_uri: str, fault: str
) -> None:
    if fault == "away":
        monkeypatch.setenv("AIRFLOW_CONN_WAREHOUSE", "postgresql://someone:hidden@127.0.0.1:1/warehouse")
    elif fault == "no connection":
        monkeypatch.delenv("AIRFLOW_CONN_WAREHOUSE")
    else:
        with open_session(warehouse_uri) as session:
            session.execute("drop table quality.releases")

    answer = client.get("/quality/", headers={"Authorization": f"Bearer {token('reader', 'viewer')}"})

    assert answer.status_code == 503
    assert "The warehouse does not answer" in answer.text
    assert "hidden" not in answer.text
    assert "releases" not in answer.text


@pytest.fixture
def manifest_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """dbt's target with a manifest of one group, whose description runs a script if it can, and of one label table."""
    keys = {"as_of_date": "date", "site_id": "bigint", "part": "text"}
    meta = {"entity": "site_part", "keys": ["site_id", "part"], "event_time": "as_of_date", "owner": f"team {EVIL}"}
    label = {**meta, "columns": {"failed": "binary"}, "horizon_days": 7}
    columns = {"heat": "double precision", "is_new": "boolean", "maker": "text"}
    nodes = {
        "model.plant.readings_latest": describe("readings_latest", {}, {}, "latest", "readings"),
        "model.plant.readings": describe(
            "readings", {**keys, **columns}, {"feature_group": {**meta, "online": "readings_latest"}}
        ),
        "model.plant.outage_labels": describe("outage_labels", {**keys, "failed": "boolean"}, {"label": label}),
    }
    (tmp_path / "manifest.json").write_text(json.dumps({"nodes": nodes, "sources": {}}), encoding="utf-8")
    (tmp_path / "manifest.sha256").write_text(hash_project(), encoding="utf-8")
    monkeypatch.setenv(TARGET_VARIABLE, str(tmp_path))
    return tmp_path


def describe(
    name: str, columns: dict[str, str], meta: dict[str, Any], schema: str = "features", alias: str = ""
) -> dict[str, Any]:
    return {
        "name": name, "resource_type": "model", "schema": schema, "alias": alias or name, "config": {"meta": meta},
        "description": f"About {EVIL}.", "depends_on": {"nodes": []},
        "columns": {key: {"name": key, "data_type": kind, "description": EVIL} for key, kind in columns.items()},
    }  # fmt: skip


@pytest.mark.usefixtures("manifest_folder")
@pytest.mark.parametrize("is_built", [False, True])
def test_a_reader_gets_every_page_of_features_before_and_after_the_first_build(
    client: Any, token: Any, warehouse_uri: str, is_built: bool
) -> None:
    if is_built:
        build_readings(warehouse_uri)
    header = {"Authorization": f"Bearer {token('reader', 'viewer')}"}
    index, group, label = (client.get(path, headers=header) for path in FEATURE_PAGES)

    for answer in (index, group, label):
        assert answer.status_code == 200, answer.text
        assert EVIL not in answer.text
        assert "&lt;script&gt;" in answer.text
        assert "default-src 'none'" in answer.headers["content-security-policy"]
    assert ("Not built yet" in index.text, "2024-03-10" in index.text) == (not is_built, is_built)
    assert ("Not measured yet" in group.text, "Mean of heat" in group.text) == (not is_built, is_built)
    assert ("There are no labels yet" in label.text, "Share of positive" in label.text) == (not is_built, is_built)


def build_readings(uri: str) -> None:
    with open_session(uri) as session:
        for statement in READINGS:
            session.execute(statement)
        for number in range(DATES):
            add_day(session, number)
        session.execute("update features.readings set maker = %s where part = 'p1'", (EVIL,))
        session.execute(
            "create table features.outage_labels as select as_of_date, site_id, part, is_new as failed "
            "from features.readings"
        )
    publish_group(uri, make_group(), FeatureSettings(), "first")


@pytest.mark.usefixtures("manifest_folder")
@pytest.mark.parametrize(
    "path", ["/features/groups/no_such_group", "/features/labels/readings", "/features/groups/a%20b", "/features/docs"]
)
def test_a_group_that_is_not_declared_is_not_found(client: Any, token: Any, path: str) -> None:
    answer = client.get(path, headers={"Authorization": f"Bearer {token('reader', 'viewer')}"})

    assert answer.status_code == 404
    assert "/features/" in answer.text


def test_without_a_manifest_the_page_says_how_to_make_one(
    client: Any, token: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(TARGET_VARIABLE, str(tmp_path / "absent"))
    monkeypatch.setattr(manifest, "refresh_in_background", lambda: None)

    answer = client.get("/features/", headers={"Authorization": f"Bearer {token('reader', 'viewer')}"})

    assert (answer.status_code, "does not exist yet" in answer.text) == (503, True)


def test_pages_only_read(client: Any, token: Any) -> None:
    assert client.post("/quality/", headers={"Authorization": f"Bearer {token('reader', 'viewer')}"}).status_code == 405


def test_the_plugin_imports_no_page_before_one_is_asked_for(airflow_home: Path) -> None:
    import subprocess
    import sys

    code = (
        "import sys, plugins.orrery\n"
        "pages = {f'include.{room}_pages.render' for room in ('quality', 'feature')}\n"
        "late = {'include.orchestration.pages', 'fastapi', *pages}\n"
        "print(sorted(late & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout.splitlines()[-1] == "[]"
