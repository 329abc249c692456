"""How webhooks are told: signed, in order, once, on loopback only, and never in the way of a push."""

import hashlib
import hmac
import logging
import ssl
import threading
import time
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlencode

import httpx
import pytest

from gitops_infra.sandbox.forge import certificates, daemon, hookshot, webhook_payloads, webhook_post
from gitops_infra.sandbox.forge.control import RemoteError, RemoteSandbox
from gitops_infra.sandbox.forge.responses import Refusal
from gitops_infra.sandbox.forge.server import Sandbox

from .conftest import Client, Listen, Receiver

SHOP = "/repos/acme/shop"
SECRET = "a shared secret"


def push(client: httpx.Client, name: str) -> None:
    """Makes a branch, by REST."""
    sha = client.get(f"{SHOP}/git/ref/heads/main").json()["object"]["sha"]
    assert client.post(f"{SHOP}/git/refs", json={"ref": f"refs/heads/{name}", "sha": sha}).status_code == 201


def hooks(forge: Sandbox) -> str:
    [hook] = forge.store.webhooks.values()
    return f"{SHOP}/hooks/{hook.id}"


@pytest.mark.parametrize("content_type", ["json", "form"])
def test_a_receiver_can_verify_who_speaks(
    forge: Sandbox, receiver: Receiver, client: Client, content_type: str
) -> None:
    hook = forge.add_webhook("acme/shop", f"{receiver.url}?a=b", secret=SECRET, content_type=content_type)
    push(client("dana"), "topic")
    forge.wait_for_deliveries()
    ping, pushed = receiver.got
    for each in (ping, pushed):
        for name, algorithm in {"x-hub-signature": "sha1", "x-hub-signature-256": "sha256"}.items():
            digest = hmac.new(SECRET.encode(), each.content, algorithm).hexdigest()
            assert hmac.compare_digest(each.headers[name], f"{algorithm}={digest}")
        assert SECRET not in f"{each.headers}{each.content.decode()}"
        assert each.path == "/hook?a=b"
        assert each.headers["user-agent"].startswith("GitHub-Hookshot/")
        assert each.headers["x-github-hook-id"] == str(hook.id)
        assert each.headers["x-github-hook-installation-target-id"] == str(hook.repository_id)
        assert each.headers["x-github-hook-installation-target-type"] == "repository"
    media = {"json": "application/json", "form": "application/x-www-form-urlencoded"}
    assert pushed.headers["content-type"] == media[content_type]
    assert (ping.event, pushed.event) == ("ping", "push")
    assert ping.headers["x-github-delivery"] != pushed.headers["x-github-delivery"]
    assert (ping.body["hook_id"], ping.body["hook"]["config"]["secret"]) == (hook.id, "********")
    assert pushed.body["ref"] == "refs/heads/topic"


def test_without_a_secret_nothing_is_signed(forge: Sandbox, receiver: Receiver) -> None:
    forge.add_webhook("acme/shop", receiver.url)
    forge.wait_for_deliveries()
    [ping] = receiver.got
    assert not [name for name in ping.headers if "signature" in name]


def test_what_was_sent_and_answered_is_remembered_without_the_secret(
    forge: Sandbox, receiver: Receiver, client: Client
) -> None:
    forge.add_webhook("acme/shop", receiver.url, secret=SECRET)
    forge.wait_for_deliveries()
    adam, path = client("adam"), hooks(forge)
    [summary] = adam.get(f"{path}/deliveries").json()
    found = adam.get(f"{path}/deliveries/{summary['id']}")
    assert SECRET not in found.text
    delivery = found.json()
    [got] = receiver.got
    assert delivery.items() >= summary.items()
    assert (
        delivery.items()
        >= {
            "guid": got.headers["x-github-delivery"],
            "status": "OK",
            "status_code": 200,
            "event": "ping",
            "redelivery": False,
            "url": receiver.url,
        }.items()
    )
    assert delivery["request"]["payload"] == got.body
    assert delivery["request"]["headers"]["X-Hub-Signature-256"] == got.headers["x-hub-signature-256"]
    assert (delivery["response"]["headers"]["X-Answer"], delivery["response"]["payload"]) == ("yes", "thanks")
    assert adam.get(path).json()["last_response"] == {"code": 200, "status": "active", "message": "OK"}


def test_a_failed_delivery_is_not_repeated_until_somebody_asks(
    forge: Sandbox, receiver: Receiver, client: Client
) -> None:
    receiver.statuses += [200, 503, 302, 200]
    forge.add_webhook("acme/shop", receiver.url)
    dana, adam, path = client("dana"), client("adam"), hooks(forge)
    push(dana, "a")
    push(dana, "b")
    forge.wait_for_deliveries()
    statuses = [(each.status_code, each.status) for each in forge.webhook_deliveries("acme/shop")]
    assert statuses == [(200, "OK"), (503, "Invalid HTTP Response: 503"), (302, "Invalid HTTP Response: 302")]
    failed = adam.get(f"{path}/deliveries").json()[1]
    assert adam.post(f"{path}/deliveries/{failed['id']}/attempts").status_code == 202
    forge.wait_for_deliveries()
    again = adam.get(f"{path}/deliveries?redelivery=true").json()
    assert [(each["guid"], each["status"]) for each in again] == [(failed["guid"], "OK")]
    assert receiver.got[3].content == receiver.got[1].content


def test_the_last_push_can_be_told_again(forge: Sandbox, receiver: Receiver, client: Client) -> None:
    forge.add_webhook("acme/shop", receiver.url)
    forge.wait_for_deliveries()
    adam, path = client("adam"), hooks(forge)
    assert adam.post(f"{path}/tests").status_code == 204
    push(client("dana"), "topic")
    assert adam.post(f"{path}/test").status_code == 204
    forge.wait_for_deliveries()
    first, second = receiver.bodies()
    assert (first["after"], first["sender"]) == (second["after"], second["sender"])
    adam.patch(path, json={"events": ["star"]})
    assert adam.post(f"{path}/tests").status_code == 204
    forge.wait_for_deliveries()
    assert len(receiver.bodies()) == 2


def test_it_is_told_within_moments(forge: Sandbox, receiver: Receiver, client: Client) -> None:
    forge.add_webhook("acme/shop", receiver.url)
    forge.wait_for_deliveries()
    waits = []
    for number in range(5):
        push(client("dana"), f"topic-{number}")
        began = time.monotonic()
        while len(receiver.bodies()) <= number:
            time.sleep(0.0005)
        waits.append(time.monotonic() - began)
    assert min(waits) < 0.1, waits


def test_a_receiver_that_hangs_holds_up_nobody_else_and_its_own_come_in_order(
    forge: Sandbox, listen: Listen, client: Client
) -> None:
    slow, quick, dana = listen(), listen(), client("dana")
    slow.free.clear()
    for each in (slow, quick):
        forge.add_webhook("acme/shop", each.url)
    refs = [f"refs/heads/topic-{number}" for number in range(4)]
    for ref in refs:
        push(dana, ref.removeprefix("refs/heads/"))
    for _ in range(5):
        assert quick.arrived.acquire(timeout=10)
    assert [body["ref"] for body in quick.bodies()] == refs
    assert len(slow.got) == 1
    with pytest.raises(TimeoutError, match=r"^5 webhook deliveries are not done after 0.01 s$"):
        forge.wait_for_deliveries(0.01)
    slow.free.set()
    forge.wait_for_deliveries()
    assert [body["ref"] for body in slow.bodies()] == refs


def test_a_receiver_that_does_not_answer_in_time_has_failed(
    forge: Sandbox, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert webhook_post.TIMEOUT == 10.0
    monkeypatch.setattr(webhook_post, "TIMEOUT", 0.1)
    receiver.free.clear()
    forge.add_webhook("acme/shop", receiver.url)
    forge.wait_for_deliveries()
    [delivery] = forge.webhook_deliveries("acme/shop")
    assert (delivery.status, delivery.status_code) == ("timed out", 504)
    assert 0.1 <= delivery.duration < 5


def test_the_forge_ends_while_a_receiver_hangs(
    tmp_path: Path, seed: Callable[[Sandbox], Sandbox], receiver: Receiver
) -> None:
    receiver.free.clear()
    before = set(threading.enumerate())
    with Sandbox(tmp_path / "own") as forge:
        seed(forge).add_webhook("acme/shop", receiver.url)
        assert receiver.arrived.acquire(timeout=10)
        began = time.monotonic()
    assert time.monotonic() - began < 5
    left = {thread for thread in set(threading.enumerate()) - before if "process_request" not in thread.name}
    assert not left
    forge.wait_for_deliveries(0)


@pytest.mark.parametrize(
    "url",
    [
        "https://example.com/hook",
        "http://10.0.0.1/hook",
        "http://localhost.example.com/",
        "http://[2001:db8::1]/",
        "http://0.0.0.0:80/",
    ],
)
def test_nothing_leaves_the_computer(forge: Sandbox, url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    async def connected(*_: object, **__: object) -> None:
        pytest.fail("it opened a connection")

    monkeypatch.setattr(webhook_post, "_connect", connected)
    forge.add_webhook("acme/shop", url)
    forge.wait_for_deliveries()
    [delivery] = forge.webhook_deliveries("acme/shop")
    assert (delivery.status, delivery.status_code) == ("the sandbox delivers to loopback only", 0)


@pytest.mark.parametrize("host", ["localhost", "receiver.localhost", "127.0.0.1"])
def test_loopback_has_several_names(forge: Sandbox, receiver: Receiver, host: str) -> None:
    forge.add_webhook("acme/shop", receiver.url.replace("127.0.0.1", host))
    forge.wait_for_deliveries()
    assert receiver.got[0].headers["host"] == f"{host}:{receiver.server.server_port}"


def test_a_certificate_is_checked_unless_the_webhook_says_not_to(
    forge: Sandbox, listen: Listen, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    certificate = certificates.make(tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate.chain_file, certificate.key_file)
    receiver = listen(context)
    forge.add_webhook("acme/shop", f"{receiver.url}/checked")
    forge.add_webhook("acme/shop", f"{receiver.url}/unchecked", insecure_ssl=True)
    forge.wait_for_deliveries()
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate.ca_file))
    forge.add_webhook("acme/shop", f"{receiver.url.replace('127.0.0.1', 'localhost')}/trusted")
    forge.wait_for_deliveries()
    statuses = {each.url.rpartition("/")[2]: each.status for each in forge.webhook_deliveries("acme/shop")}
    assert statuses == {
        "checked": "failed to connect to host: CERTIFICATE_VERIFY_FAILED",
        "unchecked": "OK",
        "trusted": "OK",
    }
    assert sorted(each.path for each in receiver.got) == ["/hook/trusted", "/hook/unchecked"]


def test_lost_deliveries_are_sent_to_nobody_and_remembered_by_nobody(
    forge: Sandbox, receiver: Receiver, client: Client
) -> None:
    forge.add_webhook("acme/shop", receiver.url)
    forge.wait_for_deliveries()
    dana = client("dana")
    forge.drop_deliveries(2)
    for name in "abc":
        push(dana, name)
    forge.wait_for_deliveries()
    assert [body["ref"] for body in receiver.bodies()] == ["refs/heads/c"]
    forge.drop_deliveries()
    push(dana, "d")
    forge.wait_for_deliveries()
    forge.drop_deliveries(0)
    push(dana, "e")
    forge.wait_for_deliveries()
    assert [body["ref"] for body in receiver.bodies()] == ["refs/heads/c", "refs/heads/e"]
    assert (forge.dropped_deliveries(), len(forge.webhook_deliveries("acme/shop"))) == (3, 3)
    with pytest.raises(ValueError, match=r"^times is -1, needed is 0 or more, or None for all$"):
        forge.drop_deliveries(-1)


def test_webhooks_and_what_became_of_deliveries_survive_a_restart(
    tmp_path: Path, seed: Callable[[Sandbox], Sandbox], receiver: Receiver
) -> None:
    with Sandbox(tmp_path / "own") as forge:
        hook = seed(forge).add_webhook("acme/shop", receiver.url, secret=SECRET, events=["push", "create"])
        forge.wait_for_deliveries()
        before = forge.webhook_deliveries("acme/shop")
    with Sandbox(tmp_path / "own") as forge:
        assert forge.store.webhooks == {hook.id: hook}
        assert forge.webhook_deliveries("acme/shop") == before
        with httpx.Client(base_url=forge.api_url, trust_env=False) as client:
            client.headers["Authorization"] = f"Bearer {forge.token('dana')}"
            push(client, "topic")
        forge.wait_for_deliveries()
    digest = hmac.new(SECRET.encode(), receiver.got[1].content, hashlib.sha256).hexdigest()
    assert receiver.got[1].headers["x-hub-signature-256"] == f"sha256={digest}"


def test_a_forge_that_does_not_run_tells_nobody(tmp_path: Path, receiver: Receiver) -> None:
    forge = Sandbox(tmp_path / "own")
    forge.add_user("olivia")
    forge.add_repository("olivia/shop", auto_init=True)
    forge.add_webhook("olivia/shop", receiver.url)
    forge.wait_for_deliveries(0)
    forge.stop()
    assert receiver.got == []


def test_only_the_last_deliveries_are_remembered(
    forge: Sandbox, receiver: Receiver, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hookshot, "KEPT", 3)
    forge.add_webhook("acme/shop", receiver.url)
    for name in "abcd":
        push(client("dana"), name)
    forge.wait_for_deliveries()
    kept = forge.webhook_deliveries("acme/shop")
    assert [each.guid for each in kept] == [each.headers["x-github-delivery"] for each in receiver.got[-3:]]


def test_a_webhook_that_goes_before_its_turn_is_told_nothing(
    forge: Sandbox, receiver: Receiver, client: Client
) -> None:
    receiver.free.clear()
    forge.add_webhook("acme/shop", receiver.url)
    assert receiver.arrived.acquire(timeout=10)
    push(client("dana"), "topic")
    assert client("adam").delete(hooks(forge)).status_code == 204
    receiver.free.set()
    forge.wait_for_deliveries()
    assert [each.event for each in receiver.got] == ["ping"]
    assert forge.webhook_deliveries("acme/shop") == []


def test_a_repository_that_goes_before_its_turn_is_told_nothing(
    forge: Sandbox, receiver: Receiver, client: Client, caplog: pytest.LogCaptureFixture
) -> None:
    receiver.free.clear()
    forge.add_webhook("acme/shop", receiver.url)
    assert receiver.arrived.acquire(timeout=10)
    push(client("dana"), "topic")
    assert client("olivia").delete(SHOP).status_code == 204
    receiver.free.set()
    forge.wait_for_deliveries()
    assert [each.event for each in receiver.got] == ["ping"]
    assert not [entry for entry in caplog.records if entry.levelno >= logging.ERROR]


def test_a_fault_of_ours_stops_neither_the_push_nor_what_comes_after(
    forge: Sandbox,
    receiver: Receiver,
    client: Client,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    forge.add_webhook("acme/shop", receiver.url)
    forge.wait_for_deliveries()

    def broken(*_: object) -> None:
        raise ZeroDivisionError

    with monkeypatch.context() as patch:
        patch.setattr(webhook_payloads, "read", broken)
        push(client("dana"), "a")
        forge.wait_for_deliveries()
    push(client("dana"), "b")
    forge.wait_for_deliveries()
    assert [body["ref"] for body in receiver.bodies()] == ["refs/heads/b"]
    assert "of push failed" in caplog.text


def test_a_large_push_is_cut_and_a_payload_beyond_the_limit_is_told_to_nobody(
    forge: Sandbox, receiver: Receiver, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    forge.add_webhook("acme/shop", receiver.url)
    forge.wait_for_deliveries()
    monkeypatch.setattr(hookshot, "MAX_PAYLOAD", 100)
    push(client("dana"), "a")
    forge.wait_for_deliveries()
    assert receiver.bodies() == []


def test_another_process_has_the_same_methods(tmp_path: Path, receiver: Receiver) -> None:
    try:
        state = daemon.up(tmp_path / "forge")
        remote = RemoteSandbox(state.url, state.control_token)
        remote.add_repository("acme/shop", auto_init=True)
        hook = remote.add_webhook("acme/shop", receiver.url, secret=SECRET, events=["push"])
        remote.wait_for_deliveries()
        assert [each.hook_id for each in remote.webhook_deliveries("acme/shop")] == [hook.id]
        headers = {"Authorization": f"Bearer {remote.token('olivia')}"}
        with httpx.Client(base_url=state.api_url, headers=headers, trust_env=False) as client:
            remote.drop_deliveries(1)
            push(client, "a")
            push(client, "b")
        remote.wait_for_deliveries()
        assert remote.dropped_deliveries() == 1
        assert [body["ref"] for body in receiver.bodies()] == ["refs/heads/b"]
        with pytest.raises(RemoteError, match="Hook already exists on this repository"):
            remote.add_webhook("acme/shop", receiver.url, secret=SECRET)
    finally:
        daemon.down(tmp_path / "forge")


def test_the_seed_refuses_what_rest_refuses(forge: Sandbox) -> None:
    with pytest.raises(Refusal) as refused:
        forge.add_webhook("acme/shop", "localhost:1234")
    assert refused.value.errors[0]["message"].startswith("The URL you've entered is not valid.")
    with pytest.raises(ValueError, match=r"^no repository 'acme/none'$"):
        forge.add_webhook("acme/none", "http://127.0.0.1:1/")


def test_a_form_is_what_forms_are(forge: Sandbox, receiver: Receiver) -> None:
    forge.add_webhook("acme/shop", receiver.url, content_type="form")
    forge.wait_for_deliveries()
    [delivery] = forge.webhook_deliveries("acme/shop")
    assert receiver.got[0].content.decode() == urlencode({"payload": delivery.payload})
