"""Ports are nobody else's until their program has them."""

import socket

import pytest

from gitops_infra.sandbox import ports
from gitops_infra.sandbox.ports import HOST, Ports


def is_free(port: int) -> bool:
    with socket.socket() as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            other.bind((HOST, port))
            other.listen()
        except OSError:
            return False
        return True


def test_a_held_port_is_taken_and_a_released_one_is_free() -> None:
    with Ports(["api", "events"]) as held:
        assert not any(map(is_free, held.numbers.values()))
        held.release("api")
        assert is_free(held.numbers["api"])
        assert not is_free(held.numbers["events"])
    assert is_free(held.numbers["events"])


def test_the_ports_of_the_last_time_are_taken_again_unless_somebody_has_them() -> None:
    with Ports(["api", "events"]) as first:
        second = Ports(["api", "events"], first.numbers)
        assert not set(second.numbers.values()) & set(first.numbers.values())
        second.close()
    with Ports(["api", "events"], first.numbers) as third:
        assert third.numbers == first.numbers


def test_a_port_that_served_a_moment_ago_can_be_taken_again() -> None:
    """Closed connections keep a port busy for a minute, but not for a server that asks for it."""
    with Ports(["api"]) as held:
        number = held.numbers["api"]
        held.release("api")
        with socket.create_server((HOST, number)) as server, socket.create_connection((HOST, number)) as client:
            accepted, _ = server.accept()
            accepted.close()
            assert client.recv(1) == b""
    with Ports(["api"], {"api": number}) as again:
        assert again.numbers == {"api": number}


def test_a_port_that_somebody_has_bound_and_does_not_listen_on_yet_is_passed_over(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with ports.bound() as first, ports.bound() as second:
        taken, free = first.getsockname()[1], second.getsockname()[1]
        second.close()
        monkeypatch.setattr(ports.random, "sample", lambda *_: [taken, free])
        with ports.bound() as third:
            assert third.getsockname()[1] == free


def test_no_outgoing_connection_is_given_a_port_of_ours() -> None:
    with socket.create_server((HOST, 0)) as server, socket.create_connection(server.getsockname()) as client:
        assert not ports.FIRST <= client.getsockname()[1] < ports.LAST
    with ports.bound() as ours:
        assert ports.FIRST <= ours.getsockname()[1] < ports.LAST
