"""Preflight: the rate limit, calls of its own, and the line of progress."""

import threading
import time
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from gitops_infra.audit import tasks as module
from gitops_infra.audit.checks.repositories import PROBES
from gitops_infra.audit.checks.requests import check as check_requests
from gitops_infra.audit.findings import Finding, info
from gitops_infra.audit.github_client import ForgeUnreachable, GitHubReader
from gitops_infra.audit.known import Known
from gitops_infra.plan.budget import budget
from gitops_infra.plan.build import plans
from gitops_infra.plan.resources import ResourceKind
from gitops_infra.sandbox.forge.server import Sandbox
from gitops_infra.topology.validate import validate

RESET = 4_102_444_800
"""2100-01-01 00:00 UTC."""


def topology(environments: int = 1) -> Any:
    return validate(
        {
            "owner": "acme",
            "github_plan": "team",
            "application": {"name": "shop", "existing": True, "visibility": "public"},
            "environments": [{"name": f"staging-{number}", "kind": "staging"} for number in range(environments)],
        }
    )


def told(
    remaining: int, *, limit: int = 5000, environments: int = 1, known: Known | None = None, status: int = 200
) -> list[str]:
    def answer(request: httpx.Request) -> httpx.Response:
        assert request.url.path == "/api/v3/rate_limit"
        core = {"limit": limit, "remaining": remaining, "reset": RESET, "used": limit - remaining}
        return httpx.Response(status, json={"resources": {"core": core}})

    with GitHubReader("token", "https://forge.example", transport=httpx.MockTransport(answer)) as reader:
        return list(map(str, check_requests(reader, plans(topology(environments)), known or Known())))


NEEDED = budget(plans(topology())).total


def test_an_up_that_does_not_fit_is_an_error_with_the_time() -> None:
    assert told(NEEDED - 1) == [
        (
            f"error: rate limit: this `pulumi up` needs up to {NEEDED} requests, and {NEEDED - 1} remain until "
            "2100-01-01 00:00 UTC. Wait until 2100-01-01 00:00 UTC, or use another App or token. [rate-limit]"
        )
    ]


def test_an_up_that_nearly_does_not_fit_is_a_warning() -> None:
    assert told(NEEDED) == [
        (
            f"warning: rate limit: this `pulumi up` needs up to {NEEDED} requests, and {NEEDED} remain until "
            "2100-01-01 00:00 UTC. Let nothing else use this token meanwhile. [rate-limit]"
        )
    ]
    assert told(int(NEEDED / 0.8) + 1) == []


def test_an_up_that_no_hour_is_enough_for_goes_on_in_the_next() -> None:
    many = budget(plans(topology(200))).total
    lines = [line for line in told(5000, environments=200) if "[rate-limit]" in line]
    assert lines == [
        (
            f"error: rate limit: this `pulumi up` needs up to {many:,} requests, and 5,000 remain until 2100-01-01 "
            "00:00 UTC. It stops at the limit of 5,000 an hour: run it again after each reset, it goes on where it "
            "stopped. [rate-limit]"
        )
    ]


def test_many_writes_may_meet_the_limit_of_content() -> None:
    writes = budget(plans(topology(10))).writes
    assert told(5000, environments=10) == [
        (
            f"warning: rate limit: this `pulumi up` writes {writes} times, and GitHub lets about 80 a minute and 500 "
            "an hour create content. It may have to wait; if it stops at that limit, run it again: it goes on where it "
            "stopped. [content-limit]"
        )
    ]


def test_what_the_stack_has_is_not_made_again() -> None:
    made = dict.fromkeys(ResourceKind, 100)
    assert told(2, known=Known(resources=made)) == [
        (
            "warning: rate limit: this `pulumi up` needs up to 2 requests, and 2 remain until 2100-01-01 00:00 UTC. "
            "Let nothing else use this token meanwhile. [rate-limit]"
        )
    ]


def test_a_server_without_limits_has_none() -> None:
    """GitHub Enterprise Server answers 404 where they are turned off."""
    assert told(0, status=404) == []


Preflight = Callable[..., list[str]]


def test_a_used_up_limit_is_one_line_and_ends_the_look(forge: Sandbox, check: Preflight) -> None:
    forge.limits(primary=4)
    with pytest.raises(ForgeUnreachable, match=r"refuses more requests of this token \(rate limit\); try again in "):
        check()


def test_no_question_is_asked_twice_and_their_number_is_bounded(forge: Sandbox, check: Preflight) -> None:
    before = len(forge.requests)
    assert check() == []
    asked = [request.path for request in forge.requests[before:]]
    # A permission is looked for with a list of one entry, and so is asked apart from the list.
    assert len(asked) - len(set(asked)) <= len(PROBES)
    assert len(asked) <= 30


def test_progress_is_told_only_when_it_takes_long(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "SILENT", 0.02)
    monkeypatch.setattr(module, "BETWEEN", 0.02)
    said: list[str] = []
    heard = threading.Event()

    def say(line: str) -> None:
        said.append(line)
        heard.set()

    def slow() -> list[Finding]:
        assert heard.wait(10)
        return [info("here", "slow", "it took long")]

    found = list(module.run("preflight", [list, slow], say))
    assert [finding.code for finding in found] == ["slow"]
    assert said[0] == "preflight: 1 of 2 checks done"
    said.clear()
    assert list(module.run("preflight", [list, list], say)) == []
    assert said == []


def test_the_first_failure_ends_the_others() -> None:
    started: list[int] = []

    def task(number: int) -> Callable[[], list[Finding]]:
        def run() -> list[Finding]:
            started.append(number)
            if number == 0:
                raise ForgeUnreachable("no answer")
            time.sleep(0.01)  # else all are through before anybody can end them
            return []

        return run

    with pytest.raises(ForgeUnreachable, match="no answer"):
        list(module.run("preflight", [task(number) for number in range(500)], lambda _: None))
    assert len(started) < 500


def test_what_a_cluster_has_costs_no_request_of_the_forge_but_its_key_and_its_webhook() -> None:
    before, wanted = topology(), topology().model_dump(exclude_none=True, mode="json")
    wanted["clusters"] = [{"name": "eu", "receiver_url": "https://flux.example.com"}]
    wanted["environments"][0]["cluster"] = "eu"
    plain, followed = budget(plans(before)), budget(plans(validate(wanted)))
    assert (followed.total - plain.total, followed.writes - plain.writes) == (4, 2)
    again = budget(plans(validate(wanted)), made={ResourceKind.NAMESPACE: 1, ResourceKind.WEBHOOK: 1})
    assert followed.total - again.total == 2
