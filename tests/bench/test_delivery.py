"""What the cell `delivery` compares, and what it makes of what it measured."""

import importlib
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
import pytest

from gitops_infra.plan.build import plan
from gitops_infra.sandbox.client import KeyCredential
from gitops_infra.topology.validate import validate

ROOT = Path(__file__).parents[2]
HOST = "[127.0.0.1]:2222 ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl"
RECEIVER = "http://127.0.0.1:9292"


@pytest.fixture(autouse=True)
def _importable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(ROOT)


def module(name: str) -> Any:
    """A module of the bench, which is no package of the tests."""
    return importlib.import_module(f"bench.{name}")


def lives(*pairs: tuple[float, float]) -> list[Any]:
    """Pushes, live so many seconds after their start and after their acceptance."""
    race = module("race")
    return [race.Live(module("pushing").Push("r", 0.0, whole - after), whole) for whole, after in pairs]


def crowd(environments: int, seconds: float, peak: int, *asked: tuple[str, str]) -> Any:
    """What was measured at one size."""
    step = module("world").Step(seconds, 1, 1, 0, seconds)
    requests = tuple(module("api_proxy").Asked(*one) for one in asked)
    return module("crowd").Crowd(environments, step, 20, step, step, requests, peak, 1000, 2.0)


# The contestants


def test_the_contestants_differ_in_who_tells_them_of_a_push_alone() -> None:
    followed = module("followed")
    found = plan(validate(followed.Raced(3, known_hosts=HOST, receiver_url=RECEIVER).topology))
    ours, polled, bare = (found.environment(name).delivery for name in (followed.OURS, followed.POLLED, followed.BARE))
    assert (ours.receiver_url, polled.receiver_url, bare) == (RECEIVER, None, None)
    assert ours.poll_seconds == polled.poll_seconds == 60
    assert (ours.wait, ours.prune) == (polled.wait, polled.prune)


def test_each_of_a_crowd_is_followed_in_a_namespace_of_its_own() -> None:
    subject = module("followed").Followed(5, known_hosts=HOST, receiver_url=RECEIVER)
    found = plan(validate(subject.topology))
    assert len({each.delivery.tenant.namespace for each in found.environments if each.delivery}) == 5
    assert {each.delivery.receiver_url for each in found.environments if each.delivery} == {RECEIVER}


def test_manifests_are_where_the_agent_looks() -> None:
    followed, manifests = module("followed"), module("manifests")
    found = plan(validate(followed.Raced(3, known_hosts=HOST, receiver_url=RECEIVER).topology))
    for name in (followed.OURS, followed.POLLED):
        delivery = found.environment(name).delivery
        assert delivery is not None
        assert {str(Path(path).parent) for path in manifests.files(name, "r")} == {delivery.path}


@pytest.fixture
def pushed(tmp_path: Path) -> Path:
    """A repository with one release of `bare`."""
    repository = tmp_path / "pushed"
    for path, content in module("manifests").files("bare", "bare-1").items():
        (repository / path).parent.mkdir(parents=True, exist_ok=True)
        (repository / path).write_text(content)
    identity = ("-c", "user.name=dana", "-c", "user.email=dana@acme.example")
    for arguments in (("init", "--quiet", "--initial-branch", "main"), ("add", "."), ("commit", "-qm", "one")):
        subprocess.run(["git", *identity, *arguments], cwd=repository, check=True)
    return repository


def test_the_script_applies_what_is_in_the_folder_and_nothing_twice(
    pushed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    applied: list[tuple[str, Any]] = []

    class Kinds:
        def __init__(self, _connected: Any) -> None:
            self.resources = SimpleNamespace(get=lambda **wanted: wanted["kind"])

        def server_side_apply(self, kind: str, *, body: Any, **_rest: Any) -> None:
            applied.append((kind, body))

    script = module("bare_agent")
    monkeypatch.setattr(script, "DynamicClient", Kinds)
    place = tmp_path / "agent"
    agent = script.BareAgent(
        None, f"file://{pushed}", "refs/heads/main", KeyCredential("k", HOST), "deploy/bare", "bare", place
    )
    agent.run()
    agent.run()
    assert [body for _, body in applied] == module("manifests").objects("bare-1")


# What is measured


def test_a_release_counts_from_when_it_was_first_seen() -> None:
    watching = module("watching").Watching(None)
    for release, now in (("a-1", 1.0), ("a-1", 2.0), ("a-2", 3.0)):
        watching.note(SimpleNamespace(data={"RELEASE": release}), now)
    assert (watching.seen("a-1", 0), watching.seen("a-2", 0)) == (1.0, 3.0)
    with pytest.raises(TimeoutError, match="a-3 was not in the cluster"):
        watching.seen("a-3", 0.01)


@pytest.fixture
def relay() -> Iterator[Any]:
    """A relay before an API server that answers with what it was asked."""

    def answer(request: httpx.Request) -> httpx.Response:
        told = {"method": request.method, "url": str(request.url), "body": request.content.decode()}
        return httpx.Response(409 if request.method == "POST" else 200, json=told)

    client = httpx.Client(base_url="https://api", transport=httpx.MockTransport(answer))
    with module("api_proxy").Relay(client) as made:
        yield made


def test_the_relay_hands_everything_over_and_notes_it(relay: Any) -> None:
    kubeconfig = relay.kubeconfig
    url = next(line for line in kubeconfig.splitlines() if "server" in line).split('"')[1]
    with httpx.Client(base_url=url, trust_env=False) as provider:
        assert provider.get("/api/v1").json()["url"] == "https://api/api/v1"
        made = provider.post("/api/v1/namespaces?fieldManager=x", content="{}")
    assert made.status_code == 409
    assert made.json() == {"method": "POST", "url": "https://api/api/v1/namespaces?fieldManager=x", "body": "{}"}
    assert [str(one) for one in relay.asked] == ["GET /api/v1", "POST /api/v1/namespaces"]


@pytest.mark.parametrize(
    ("method", "path", "starts"),
    [
        ("GET", "/api/v1", True),
        ("GET", "/apis/apps/v1", True),
        ("GET", "/version", True),
        ("GET", "/openapi/v3/apis/apps/v1", True),
        ("GET", "/api/v1/namespaces", False),
        ("GET", "/apis/apps/v1/deployments", False),
        ("POST", "/api/v1", False),
        ("GET", "/healthz", False),
    ],
)
def test_only_what_a_server_is_belongs_to_the_start(method: str, path: str, *, starts: bool) -> None:
    assert module("api_proxy").Asked(method, path).starts is starts


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="no /proc")
def test_memory_is_that_of_the_command_and_all_that_it_starts() -> None:
    hold = "import time; b = bytearray(50_000_000); time.sleep(0.6)"
    nested = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {hold!r}], check=True)"
    memory = module("memory")
    with memory.peak(sys.executable) as found:
        subprocess.run([sys.executable, "-c", nested], check=True)
    assert found.bytes > 50_000_000
    with memory.peak("/none") as other:
        threading.Event().wait(0.3)
    assert other.bytes == 0


# What is made of it


def test_goals_of_pushes() -> None:
    cell = module("cells.delivery")
    ours = lives((0.5, 0.3), (0.4, 0.2), (9.0, 8.0))
    bare = lives((0.5, 0.1), (0.4, 0.1), (0.5, 0.1))
    found = module("race").Race(ours, bare, lives((30.0, 30.0)), [3.0, 9.0])
    goals = {goal.name: goal for goal in cell.pushes(found)}
    median, tail = (goals[f"push to live, 3 pushes: {which} from the start of git push"] for which in ("median", "p95"))
    assert (median.measured, median.met, tail.measured, tail.met) == (0.5, True, 9.0, False)
    assert "load 3 to 9" in median.note
    assert goals["push to live: ours / Flux that polls every minute"].measured == pytest.approx(0.5 / 30)
    assert goals["push to live, from acceptance: ours / bare"].measured == pytest.approx(3.0)


@pytest.mark.parametrize(("count", "expected"), [(10, 10), (20, 19), (50, 48), (100, 95)])
def test_p95_is_a_value_that_was_measured(count: int, expected: int) -> None:
    assert module("cells.delivery").p95(list(range(1, count + 1))) == expected


def test_goals_of_a_crowd() -> None:
    start = ("GET", "/api/v1")
    small = crowd(10, 2.0, 100_000_000, start)
    large = crowd(100, 20.0, 200_000_000, start, ("GET", "/api/v1/namespaces/e1"))
    goals = {goal.name: goal for goal in module("cells.delivery").crowds([small, large])}
    wanted = "requests for objects to the API server"
    few, many = (goals[f"no-op up, {n} environments in one cluster: {wanted}"] for n in (10, 100))
    assert (few.met, many.met, many.note) == (True, False, "1 x GET /api/v1/namespaces/e1")
    growth = "no-op up, 10 to 100 environments in one cluster: growth of"
    assert goals[f"{growth} time"].measured == pytest.approx(1.0)
    assert goals[f"{growth} memory"].measured == pytest.approx(0.301, abs=0.001)
