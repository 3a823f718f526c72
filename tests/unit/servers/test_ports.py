"""Ports: free ones, and none that another stack has just chosen."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import closing

import pytest

from include.servers.ports import find_free_port, is_free_port, reserve_ports


@pytest.fixture
def occupied() -> Iterator[int]:
    """A port that a server listens on."""
    with closing(socket.create_server(("127.0.0.1", 0))) as server:
        yield server.getsockname()[1]


@pytest.fixture
def occupied_everywhere() -> Iterator[int]:
    """A port that a server listens on, on all addresses (as Docker publishes ports)."""
    with closing(socket.create_server(("", 0))) as server:
        yield server.getsockname()[1]


def test_an_occupied_port_is_not_free(occupied: int) -> None:
    assert not is_free_port(occupied)


def test_a_port_occupied_on_all_addresses_is_not_free(occupied_everywhere: int) -> None:
    assert not is_free_port(occupied_everywhere)


def test_a_port_is_free_again_when_its_server_is_gone() -> None:
    port = find_free_port()
    with closing(socket.create_server(("127.0.0.1", port))):
        assert not is_free_port(port)
    assert is_free_port(port)


def test_the_next_port_is_taken_in_place_of_an_occupied_one(occupied: int) -> None:
    assert find_free_port(occupied) > occupied


def test_the_preferred_port_is_taken_if_it_is_free() -> None:
    port = find_free_port()
    assert find_free_port(port) == port
    assert find_free_port(port, taken=[port]) > port


def test_two_components_never_get_the_same_port() -> None:
    port = find_free_port()
    with reserve_ports({"one": port, "two": port}) as ports:
        assert ports["one"] != ports["two"]


def test_a_stack_that_starts_meanwhile_gets_other_ports() -> None:
    wishes = {"one": find_free_port()}
    with reserve_ports(wishes) as first, reserve_ports(wishes) as second:
        assert first["one"] != second["one"]
    with reserve_ports(wishes) as third:
        assert third == wishes
