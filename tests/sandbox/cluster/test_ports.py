"""Ports are nobody else's until their program has them."""

import socket

from gitops_infra.sandbox.cluster.ports import HOST, Ports


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
    with Ports(["api", "events"]) as ports:
        assert not any(map(is_free, ports.numbers.values()))
        ports.release("api")
        assert is_free(ports.numbers["api"])
        assert not is_free(ports.numbers["events"])
    assert is_free(ports.numbers["events"])


def test_the_ports_of_the_last_time_are_taken_again_unless_somebody_has_them() -> None:
    with Ports(["api", "events"]) as first:
        second = Ports(["api", "events"], first.numbers)
        assert not set(second.numbers.values()) & set(first.numbers.values())
        second.close()
    with Ports(["api", "events"], first.numbers) as third:
        assert third.numbers == first.numbers


def test_a_port_that_served_a_moment_ago_can_be_taken_again() -> None:
    """Closed connections keep a port busy for a minute, but not for a server that asks for it."""
    with Ports(["api"]) as ports:
        number = ports.numbers["api"]
        ports.release("api")
        with socket.create_server((HOST, number)) as server, socket.create_connection((HOST, number)) as client:
            accepted, _ = server.accept()
            accepted.close()
            assert client.recv(1) == b""
    with Ports(["api"], {"api": number}) as again:
        assert again.numbers == {"api": number}
