"""Faults: what each does to the client and to the forge's memory, and that it meets exactly the requests it names."""

import contextlib
import json
import re
import threading
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest

from gitops_infra.sandbox.client import Clone, TokenCredential
from gitops_infra.sandbox.forge.faults import BODIES, NEEDS, Fault
from gitops_infra.sandbox.forge.server import Sandbox

DOCUMENTATION = Path(__file__).parents[3] / "docs" / "sandbox.md"

Client = Callable[..., httpx.Client]
SHOP = "/repos/acme/shop"
LABELS = f"{SHOP}/labels"


def post(client: httpx.Client, name: str = "x") -> httpx.Response:
    return client.post(LABELS, json={"name": name})


def labels(client: httpx.Client) -> list[str]:
    return [label["name"] for label in client.get(LABELS).json()]


@pytest.mark.parametrize("status", sorted(BODIES))
def test_a_status_before_leaves_nothing_done_and_one_after_leaves_it_done(
    forge: Sandbox, client: Client, status: int
) -> None:
    dana = client("dana")
    before = forge.fault(Fault.STATUS_BEFORE, method="POST", status=status)
    answer = post(dana)
    assert (answer.status_code, answer.json()["message"]) == (status, BODIES[status]["message"])
    assert (labels(dana), before.hits) == ([], 1)
    after = forge.fault(Fault.STATUS_AFTER, method="POST", status=status)
    assert post(dana).status_code == status
    assert (labels(dana), after.hits) == (["x"], 1)


@pytest.mark.parametrize(("fault", "made"), [(Fault.RESET_BEFORE, []), (Fault.RESET_AFTER, ["x"])])
def test_a_reset_before_or_after_the_work(forge: Sandbox, client: Client, fault: Fault, made: list[str]) -> None:
    dana = client("dana")
    forge.fault(fault, method="POST")
    with pytest.raises(httpx.ReadError):
        post(dana)
    assert (labels(dana), forge.requests[0].status) == (made, 0)


def test_a_body_ends_in_the_middle(forge: Sandbox, client: Client) -> None:
    dana = client("dana")
    forge.fault(Fault.TRUNCATED, method="POST")
    with pytest.raises(httpx.RemoteProtocolError, match="peer closed connection without sending complete message body"):
        post(dana)
    assert labels(dana) == ["x"]


def test_a_body_that_is_no_json_comes_whole(forge: Sandbox, client: Client) -> None:
    dana = client("dana")
    forge.fault(Fault.WRONG_JSON, path=SHOP)
    answer = dana.get(SHOP)
    assert (answer.status_code, answer.headers["Content-Type"]) == (200, "application/json; charset=utf-8")
    with pytest.raises(json.JSONDecodeError):
        answer.json()


def test_a_slow_answer_comes_when_the_work_is_long_done(forge: Sandbox, client: Client) -> None:
    dana = client("dana")
    forge.fault(Fault.SLOW, method="POST", seconds=30)
    with pytest.raises(httpx.ReadTimeout):
        dana.post(LABELS, json={"name": "x"}, timeout=0.3)
    assert labels(client("dana")) == ["x"]


def test_every_answer_waits_for_the_latency(forge: Sandbox, client: Client) -> None:
    dana = client("dana")
    forge.latency(0.2)
    begin = time.monotonic()
    dana.get(SHOP)
    assert time.monotonic() - begin >= 0.2
    forge.latency(0)
    with pytest.raises(ValueError, match="latency is -1, needed is 0 or more seconds"):
        forge.latency(-1)


def test_a_request_hangs_until_it_is_released_and_is_done_then(forge: Sandbox, client: Client) -> None:
    dana, other = client("dana"), client("dana")
    fault = forge.fault(Fault.HANG, method="POST")
    answers: list[int] = []
    waiting = threading.Thread(target=lambda: answers.append(post(dana).status_code))
    waiting.start()
    deadline = time.monotonic() + 20
    while not fault.hits and time.monotonic() < deadline:
        time.sleep(0.005)
    assert (fault.hits, labels(other)) == (1, [])
    fault.release()
    waiting.join()
    assert (answers, labels(other)) == ([201], ["x"])


def test_a_hanging_request_does_not_keep_the_forge_from_ending(forge: Sandbox, client: Client) -> None:
    fault = forge.fault(Fault.HANG)
    waiting = threading.Thread(target=lambda: _quietly(client("dana")))
    waiting.start()
    deadline = time.monotonic() + 20
    while not fault.hits and time.monotonic() < deadline:
        time.sleep(0.005)
    begin = time.monotonic()
    forge.stop()
    waiting.join()
    assert time.monotonic() - begin < 5


def _quietly(client: httpx.Client) -> None:
    with contextlib.suppress(httpx.HTTPError):
        client.get(SHOP)


def test_connections_are_refused_until_the_fault_is_removed(forge: Sandbox, client: Client) -> None:
    dana = client("dana")
    dana.get(SHOP)  # an open connection does not help
    fault = forge.fault(Fault.REFUSED)
    for _ in range(2):
        with pytest.raises((httpx.ConnectError, httpx.ReadError)):
            dana.get(SHOP)
    with pytest.raises(httpx.ConnectError):
        client("dana").get(SHOP)
    fault.remove()
    assert dana.get(SHOP).status_code == 200
    fault.remove()


def test_connections_are_refused_for_a_while(forge: Sandbox, client: Client) -> None:
    dana = client("dana")
    forge.fault(Fault.REFUSED, seconds=0.3)
    with pytest.raises((httpx.ConnectError, httpx.ReadError)):
        dana.get(SHOP)
    deadline = time.monotonic() + 20
    while True:
        try:
            assert dana.get(SHOP).status_code == 200
            break
        except httpx.ConnectError:
            assert time.monotonic() < deadline
            time.sleep(0.05)


@pytest.mark.parametrize(
    ("method", "path", "body", "read"),
    [
        ("POST", LABELS, {"name": "x"}, f"{LABELS}/x"),
        ("POST", f"{SHOP}/git/refs", {"ref": "refs/heads/topic"}, f"{SHOP}/git/ref/heads/topic"),
        ("PUT", f"{SHOP}/environments/prod", {}, f"{SHOP}/environments/prod"),
        ("POST", f"{SHOP}/actions/variables", {"name": "LEVEL", "value": "x"}, f"{SHOP}/actions/variables/LEVEL"),
        ("POST", f"{SHOP}/rulesets", {"name": "r", "target": "branch", "enforcement": "active"}, f"{SHOP}/rulesets/"),
    ],
)
def test_what_was_just_made_cannot_be_read_at_once(
    forge: Sandbox, client: Client, *, method: str, path: str, body: dict[str, Any], read: str
) -> None:
    adam = client("adam")
    if "ref" in body:
        body["sha"] = adam.get(f"{SHOP}/git/ref/heads/main").json()["object"]["sha"]
    fault = forge.fault(Fault.LAG, method=method, reads=2)
    made = adam.request(method, path, json=body)
    assert made.is_success, made.text
    if read.endswith("/"):
        read += str(made.json()["id"])
    assert [adam.get(read).status_code for _ in range(4)] == [404, 404, 200, 200]
    assert fault.hits == 2


def test_a_new_repository_lags_with_all_that_is_in_it(forge: Sandbox, client: Client) -> None:
    olivia = client("olivia")
    forge.fault(Fault.LAG, method="POST", path="/orgs/*/repos", reads=2)
    olivia.post("/orgs/acme/repos", json={"name": "new"})
    answers = [
        olivia.get(path).status_code for path in ("/repos/acme/new/labels", "/repos/acme/new", "/repos/acme/new")
    ]
    assert answers == [404, 404, 200]


def test_an_etag_lies_that_nothing_has_changed(forge: Sandbox, client: Client) -> None:
    adam = client("adam")
    tag = adam.get(SHOP).headers["ETag"]
    adam.patch(SHOP, json={"description": "other"})
    with forge.fault(Fault.STALE_ETAG, times=None) as fault:
        assert adam.get(SHOP).status_code == 200
        assert adam.get(SHOP, headers={"If-None-Match": tag}).status_code == 304
    assert fault.hits == 2
    assert adam.get(SHOP, headers={"If-None-Match": tag}).status_code == 200


def test_a_fault_meets_the_requests_that_it_names_as_often_as_it_says(forge: Sandbox, client: Client) -> None:
    dana = client("dana")
    fault = forge.fault(Fault.STATUS_BEFORE, status=502, method="GET", path="/repos/*/*/labels", times=2, skip=1)
    number = forge.repository("acme/shop").id
    answers = [dana.get(path).status_code for path in (LABELS, SHOP, LABELS, f"/repositories/{number}/labels", LABELS)]
    assert answers == [200, 200, 502, 502, 200]
    assert post(dana).status_code == 201
    assert fault.hits == 2


def test_a_push_meets_the_faults_that_name_git(forge: Sandbox, client: Client, tmp_path: Path) -> None:
    clone, dana = Clone.empty(tmp_path / "clone"), TokenCredential(forge.token("dana"))
    push = partial(clone.push, forge.http_url("acme/shop"), f"{clone.commit(None, 'x')}:refs/heads/topic", dana)
    forge.fault(Fault.STATUS_BEFORE, status=422, method="POST", times=None)  # names no git, so it meets none
    fault = forge.fault(Fault.STATUS_BEFORE, status=503, path="/acme/shop.git/git-receive-pack")
    assert "503" in push().message
    reset = forge.fault(Fault.RESET_BEFORE, path="/*/*.git/git-receive-pack", times=None)  # git tries more than once
    assert not push().allowed
    reset.remove()
    assert (fault.hits, len(forge.pushes)) == (1, 0)
    assert reset.hits >= 1
    assert push().allowed


def test_a_fault_without_an_end_lasts_until_it_is_removed(forge: Sandbox, client: Client) -> None:
    dana = client("dana")
    fault = forge.fault("status_before", status=500, times=None)
    assert [dana.get(SHOP).status_code for _ in range(3)] == [500, 500, 500]
    fault.remove()
    assert (dana.get(SHOP).status_code, fault.hits) == (200, 3)
    forge.fault(Fault.STATUS_BEFORE, status=500, times=None)
    forge.clear_faults()
    assert dana.get(SHOP).status_code == 200


@pytest.mark.parametrize(
    ("kind", "settings", "message"),
    [
        *((fault, {}, f"fault {fault} needs {needed}") for fault, needed in NEEDS.items()),
        (Fault.STATUS_BEFORE, {"status": 418}, "fault status_before: status 418 is none of 401, 403, 404"),
        (Fault.HANG, {"seconds": 3}, "fault hang takes no seconds"),
        (Fault.SLOW, {"seconds": 0}, "fault slow: seconds is 0, needed is more than 0"),
        (Fault.HANG, {"times": 0}, "fault hang: times is 0, needed is at least 1, or None for always"),
        (
            Fault.LAG,
            {"reads": 1, "path": "/*/*.git/info/refs"},
            "fault lag cannot meet git: possible are status_before",
        ),
        ("explode", {}, "'explode' is not a valid Fault"),
    ],
)
def test_a_fault_that_means_nothing_is_refused(
    forge: Sandbox, kind: Fault | str, settings: dict[str, Any], message: str
) -> None:
    with pytest.raises(ValueError, match=re.escape(message)):
        forge.fault(kind, **settings)


def test_every_fault_and_status_is_documented() -> None:
    words = set(re.findall(r"[A-Z_]+|\d{3}", DOCUMENTATION.read_text(encoding="utf-8")))
    assert words >= {fault.name for fault in Fault} | {str(status) for status in BODIES}
