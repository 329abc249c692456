"""The dispatcher of releases, run by a real bash against a server that records what it is asked."""

import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from gitops_infra.pipelines.release_script import release_script
from gitops_infra.plan.model import Plan

Asked = list[tuple[str, str | None, dict[str, Any]]]


@pytest.fixture
def github() -> Iterator[tuple[str, Asked]]:
    """Address of the server, and what it was asked: path, authorisation, body."""
    asked: Asked = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            asked.append((self.path, self.headers["Authorization"], body))
            self.send_response(204 if self.headers["Authorization"] == "Bearer good" else 403)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}", asked
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def dispatch(make_plan: Callable[..., Plan]) -> str:
    plan = make_plan(promotions=[{"target": "production", "trigger": "on_release"}])
    return release_script(plan, plan.promotions[0])


def test_a_release_starts_the_promotion_on_the_default_branch(
    delivery: Any, github: tuple[str, Asked], dispatch: str
) -> None:
    server, asked = github
    done = delivery.run(dispatch, GITHUB_SERVER_URL=server, GITHUB_TOKEN="good", GITOPS_TAG="v1.2.3")
    assert (done.returncode, done.stdout) == (0, "started promote-production.yml for v1.2.3\n"), done.stderr
    assert asked == [
        (
            "/api/v3/repos/acme/shop/actions/workflows/promote-production.yml/dispatches",
            "Bearer good",
            {"ref": "main", "inputs": {"tag": "v1.2.3"}},
        )
    ]


@pytest.mark.parametrize("tag", ["nightly", "v1.2", "v1/0.0.0"])
def test_any_other_tag_starts_nothing(delivery: Any, github: tuple[str, Asked], dispatch: str, tag: str) -> None:
    server, asked = github
    done = delivery.run(dispatch, GITHUB_SERVER_URL=server, GITHUB_TOKEN="good", GITOPS_TAG=tag)
    assert (done.returncode, done.stdout) == (0, f"{tag} is none of v*.*.*: nothing to promote\n")
    assert asked == []


def test_a_promotion_that_github_does_not_start_is_an_error(
    delivery: Any, github: tuple[str, Asked], dispatch: str
) -> None:
    server, _ = github
    done = delivery.run(dispatch, GITHUB_SERVER_URL=server, GITHUB_TOKEN="bad", GITOPS_TAG="v1.2.3")
    assert done.returncode == 1
    assert done.stderr == "the promotion of v1.2.3 was not started: HTTP Error 403: Forbidden\n"
