"""Where Airflow, the model server and the warehouse are taken to be."""

from __future__ import annotations

from pathlib import Path

import pytest

from include.errors import StackError
from include.local.credentials import ensure_credentials
from include.local.home import StackHome, prepare_home
from include.local.stack import Stack
from include.operate.place import find_place, find_server, find_warehouse, place_stack
from include.rollout.server_address import ServerAddress

PORTS = {"postgres": 1, "mlflow": 2, "model-server": 3, "airflow": 4}


@pytest.fixture
def stack(tmp_path: Path) -> Stack:
    """A stack as it would be found."""
    home = StackHome(tmp_path / "stack")
    prepare_home(home)
    return Stack(home, PORTS, ensure_credentials(home))


def test_what_is_given_wins_over_the_stack_that_runs_here_and_that_over_the_environment(stack: Stack) -> None:
    environment = {
        "ORRERY_MODEL_SERVER_URL": "http://a",
        "ORRERY_SERVER_TOKEN": "of-a",
        "ORRERY_WAREHOUSE_URI": "postgresql://a",
    }
    assert find_server("http://b", stack, environment) == ServerAddress("http://b", "of-a")
    assert find_server(None, stack, environment) == stack.model_server
    assert find_server(None, None, environment) == ServerAddress("http://a", "of-a")
    assert find_warehouse(stack, environment) == stack.uris.warehouse
    assert find_warehouse(None, environment) == "postgresql://a"


def test_the_stack_on_this_machine_is_found_with_all_of_its_users(stack: Stack) -> None:
    place = find_place(None, None, "analyst", stack, {})
    assert (place.airflow, place.model_server) == (stack.uris.airflow, stack.model_server)
    assert place.user == "analyst"
    assert place.passwords == stack.credentials.airflow_passwords
    assert place_stack(stack).user == "admin"


def test_the_stacks_passwords_go_to_no_other_airflow(stack: Stack) -> None:
    with pytest.raises(StackError, match=r"password of admin at http://elsewhere.*ORRERY_AIRFLOW_PASSWORD"):
        find_place("http://elsewhere", None, "admin", stack, {})
    with pytest.raises(StackError, match=r"no user 'nobody'.*admin"):
        find_place(None, None, "nobody", stack, {})


def test_another_airflow_is_reached_with_the_password_of_the_environment(stack: Stack) -> None:
    environment = {
        "ORRERY_AIRFLOW_PASSWORD": "p",
        "ORRERY_WAREHOUSE_URI": "postgresql://ann:secret@a",
        "ORRERY_SERVER_TOKEN": "secret-token",
    }
    place = find_place("http://elsewhere", "http://a", "ann", stack, environment)
    assert place.passwords == {"ann": "p"}
    assert place.model_server == ServerAddress("http://a", "secret-token")
    assert (place.warehouse, place.logs) == (environment["ORRERY_WAREHOUSE_URI"], None)
    assert "passwords" not in repr(place)
    assert "secret" not in repr(place)


def test_the_stacks_token_goes_to_the_stacks_server_only(stack: Stack) -> None:
    assert stack.model_server.token == stack.credentials.server_tokens["traffic"]
    assert find_server(stack.uris.model_server, stack, {}) == stack.model_server
    assert find_server("http://b", stack, {}).token == ""


def test_requests_go_to_another_airflows_model_server_only_where_it_is_named(stack: Stack) -> None:
    environment = {"ORRERY_AIRFLOW_PASSWORD": "p", "ORRERY_MODEL_SERVER_URL": "http://a"}
    assert find_place("http://elsewhere", None, "ann", stack, environment).model_server is None


def test_without_a_stack_it_is_said_what_to_name() -> None:
    with pytest.raises(StackError, match=r"--airflow, or start a stack.*make up"):
        find_place(None, None, "admin", None, {})
    with pytest.raises(StackError, match=r"--server or ORRERY_MODEL_SERVER_URL, or start a stack.*make up"):
        find_server(None, None, {})
    with pytest.raises(StackError, match="ORRERY_WAREHOUSE_URI"):
        find_warehouse(None, {})
