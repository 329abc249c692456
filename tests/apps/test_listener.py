import re
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import httpx
import pytest

from gitops_infra.apps.listener import Callback, Listener, PortInUse


@dataclass
class Served:
    """A listener, and what it told the form."""

    listener: Listener
    state: str

    def back(self, **query: str) -> tuple[int, str, str]:
        """What the browser gets that comes back with this query."""
        return self.listener.respond(f"/made?{httpx.QueryParams(query)}")


@contextmanager
def serving() -> Iterator[Served]:
    told: list[tuple[str, str]] = []
    listener = Listener(lambda redirect_url, state: told.append((redirect_url, state)) or "the form")
    with listener:
        [(redirect_url, state)] = told
        assert redirect_url == f"{listener.address}/made"
        yield Served(listener, state)


@pytest.fixture(autouse=True)
def _nobody_waits_for_a_last_page(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where a test asks the listener itself, no page is ever sent."""
    monkeypatch.setattr("gitops_infra.apps.listener.SEND_SECONDS", 0.0)


@pytest.fixture
def served() -> Iterator[Served]:
    with serving() as made:
        yield made


@dataclass
class Loads:
    """Loads of the same page at the same time, each in a thread of its own."""

    answers: list[tuple[int, str, str]] = field(default_factory=list)

    def start(self, served: Served, times: int) -> list[threading.Thread]:
        def load() -> None:
            self.answers.append(served.back(code="c0de", state=served.state))

        threads = [threading.Thread(target=load) for _ in range(times)]
        for thread in threads:
            thread.start()
        return threads


def callback(served: Served) -> Callback:
    found = served.listener.wait(10)
    assert found is not None
    return found


def test_a_page_that_is_loaded_again_gets_the_outcome_of_the_first_code(served: Served) -> None:
    loads = Loads()
    threads = loads.start(served, 3)
    found = callback(served)
    found.answer.set_result("https://forge.example/apps/x/installations/new")
    for thread in threads:
        thread.join()
    assert (found.code, found.error) == ("c0de", "")
    assert [answer[:2] for answer in loads.answers] == [(303, "https://forge.example/apps/x/installations/new")] * 3
    assert served.listener.wait(0) is None


def test_what_led_to_nothing_is_answered_when_it_ends() -> None:
    loads = Loads()
    with serving() as served:
        [thread] = loads.start(served, 1)
        callback(served)
    thread.join()
    [(status, location, page)] = loads.answers
    assert (status, location) == (500, "")
    assert "The terminal says why" in page


@pytest.mark.parametrize("query", [{}, {"code": "c"}, {"code": "c", "state": ""}, {"code": "c", "state": "ünlike"}])
def test_without_the_state_nothing_is_taken(served: Served, query: dict[str, str]) -> None:
    assert served.back(**query)[0] == 400
    assert served.listener.wait(0) is None


def test_the_state_alone_is_no_answer(served: Served) -> None:
    assert served.back(state=served.state)[0] == 400
    assert served.listener.wait(0) is None


def test_nothing_came_back_in_time(served: Served) -> None:
    assert served.listener.wait(0.01) is None
    assert served.listener.wait(-1) is None


def test_pages_allow_no_script_and_are_not_kept(served: Served) -> None:
    with httpx.Client(base_url=served.listener.address, trust_env=False) as http:
        page = http.get("/")
        assert (page.status_code, page.text) == (200, "the form")
        assert page.headers["content-security-policy"].startswith("default-src 'none'")
        assert (page.headers["cache-control"], page.headers["referrer-policy"]) == ("no-store", "no-referrer")
        assert http.get("/favicon.ico").status_code == 404
        assert http.post("/made").status_code == 501
        assert http.get("/", headers={"Host": "evil.example"}).status_code == 421


def test_it_listens_on_loopback_only_and_names_a_port_that_is_taken(served: Served) -> None:
    port = int(served.listener.address.rpartition(":")[2])
    assert re.fullmatch(r"http://127\.0\.0\.1:\d+", served.listener.address)
    with pytest.raises(PortInUse, match=f"^port {port} of 127.0.0.1 is in use$"):
        Listener(lambda *_: "", port)


def test_a_connection_that_says_nothing_holds_nobody_up(served: Served) -> None:
    """Browsers open some in advance."""
    port = int(served.listener.address.rpartition(":")[2])
    with socket.create_connection(("127.0.0.1", port)), httpx.Client(trust_env=False, timeout=5) as http:
        assert http.get(f"{served.listener.address}/").status_code == 200
