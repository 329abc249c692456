"""What a receiver may answer, byte by byte."""

import asyncio
import socket
import threading
from contextlib import suppress

import pytest

from gitops_infra.sandbox.forge import webhook_post
from gitops_infra.sandbox.forge.webhook_post import KEPT, Answer, loopback, post


def answer_to(raw: bytes, *, close: bool = True) -> Answer:
    """What the forge makes of these bytes."""

    def serve(listener: socket.socket) -> None:
        connection, _ = listener.accept()
        with connection, suppress(OSError):
            connection.settimeout(10)
            got = b""
            while not got.endswith(b"{}"):
                got += connection.recv(65536)
            connection.sendall(raw)
            if not close:
                connection.recv(1)  # until the forge gives up

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=serve, args=(listener,))
        thread.start()
        try:
            return asyncio.run(post(f"http://127.0.0.1:{listener.getsockname()[1]}", {"X-A": "b"}, b"{}", verify=True))
        finally:
            thread.join()


@pytest.mark.parametrize(
    ("raw", "status", "code", "payload"),
    [
        (b"HTTP/1.1 204 No Content\r\n\r\n", "OK", 204, ""),
        (b"HTTP/1.0 200 OK\r\n\r\nuntil the end", "OK", 200, "until the end"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabcdef", "OK", 200, "abc"),
        (
            b"HTTP/1.1 202 Accepted\r\nTransfer-Encoding: chunked\r\n\r\n3;x=y\r\nabc\r\n2\r\nde\r\n0\r\n\r\n",
            "OK",
            202,
            "abcde",
        ),
        (b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n", "OK", 201, ""),
        (b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n", "Invalid HTTP Response: 404", 404, ""),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n\xff", "OK", 200, "\ufffd"),
    ],
)
def test_answers_of_all_kinds(raw: bytes, status: str, code: int, payload: str) -> None:
    found = answer_to(raw)
    assert (found.status, found.status_code, found.payload) == (status, code, payload)


def test_a_long_answer_is_cut() -> None:
    head = f"HTTP/1.1 200 OK\r\nContent-Length: {KEPT * 3}\r\n\r\n".encode()
    assert len(answer_to(head + b"x" * KEPT * 3).payload) == KEPT
    assert len(answer_to(b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * KEPT * 3).payload) == KEPT


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"SSH-2.0-OpenSSH\r\n\r\n",
        b"HTTP/1.1\r\n\r\n",
        b"HTTP/1.1 abc\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: many\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 200 + b"\r\n",
        b"x" * 200_000,
    ],
)
def test_nonsense_is_a_failure_and_nothing_worse(raw: bytes) -> None:
    assert answer_to(raw) == Answer("the receiver sent no HTTP response", 502)


def test_one_who_is_silent_or_slow_has_ten_seconds_in_all(monkeypatch: pytest.MonkeyPatch) -> None:
    assert webhook_post.TIMEOUT == 10
    monkeypatch.setattr(webhook_post, "TIMEOUT", 0.1)
    assert answer_to(b"", close=False) == Answer("timed out", 504)
    assert answer_to(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nab", close=False).status_code == 504


def test_a_port_without_anybody() -> None:
    refused = asyncio.run(post("http://127.0.0.1:1/", {}, b"", verify=True))
    assert refused == Answer("failed to connect to host", 502)


@pytest.mark.parametrize(
    ("host", "found"),
    [
        ("localhost", ("127.0.0.1", "::1")),
        ("a.localhost", ("127.0.0.1", "::1")),
        ("127.9.9.9", ("127.9.9.9",)),
        ("::1", ("::1",)),
        ("127.0.0.1.example.com", ()),
        ("notlocalhost", ()),
        ("2130706433", ()),
        ("", ()),
    ],
)
def test_what_is_loopback(host: str, found: tuple[str, ...]) -> None:
    assert loopback(host) == found
