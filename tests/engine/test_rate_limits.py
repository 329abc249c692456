"""GitHub's limits in the middle of `pulumi up`: how it ends or waits, what is there then, what a rerun makes of it."""

import itertools
import os
import threading
import time
from typing import Any

import pytest

from gitops_infra.sandbox.forge.limits import SECONDARY_DOCUMENTATION
from gitops_infra.sandbox.forge.model import EnvironmentRecord
from gitops_infra.sandbox.forge.responses import Response
from gitops_infra.sandbox.forge.router import Request

pytestmark = pytest.mark.engine

SECRET = "GITOPS_DEPLOY_KEY"
SLOW_DOWN = "You have exceeded a secondary rate limit. Please wait a few minutes before you try again."
RERUNS = 6
"""More than the writes of one run, by what the limit lets through."""
WAIT = 6
"""Seconds that a refused request has to wait."""


def environment(world: Any, name: str) -> EnvironmentRecord:
    """The environment as the forge has it."""
    found = world.forge.store.environments_of(world.forge.repository("acme/shop"))
    return next(each for each in found if each.name == name)


def keys_without_rules(world: Any) -> list[str]:
    """Environments that hold a key although the rules that guard it are not all there."""
    shop = world.forge.repository("acme/shop")
    found = []
    for each in world.forge.store.environments_of(shop):
        if SECRET in each.secrets:
            state = world.forge.repository(f"acme/shop-env-{each.name}")
            rules = len(world.forge.store.rulesets_of(state)), len(world.forge.store.rulesets_of(shop))
            if not (each.policies and rules == (4, 1)):
                found.append(each.name)
    return found


def test_an_up_that_meets_the_primary_limit_ends_in_the_forges_words_and_a_rerun_goes_on(world: Any) -> None:
    """Nothing half-made, no `resume`: what was made is in the state. A deploy key may be there unread: so a refresh."""
    world.forge.limits(primary=45)
    ended = world.pulumi("up", "--yes", "--skip-preview", code=None)
    assert "rate limit" in ended.lower(), ended
    assert "Traceback" not in ended
    assert world.token not in ended
    assert not keys_without_rules(world)
    before = len(world.forge.requests)
    assert 0 < sum(request.method == "POST" for request in world.forge.requests) < 20
    world.forge.unlimited()  # the hour is over
    world.up("--refresh")
    made = [(each.path, each.status) for each in world.forge.requests[before:] if each.method == "POST"]
    assert not [path for path, status in made if status in {409, 422}], made
    assert not keys_without_rules(world)
    world.pulumi("up", "--yes", "--skip-preview", "--refresh", "--expect-no-changes")


def test_an_up_that_writes_too_fast_waits_and_reruns_go_on(world: Any) -> None:
    """The provider repeats a write that was refused without its body: that one fails, and a next one makes it."""
    world.forge.limits(secondary_writes_per_minute=12, minute=2)
    for _ in range(RERUNS):
        said = world.pulumi("up", "--yes", "--skip-preview", "--refresh", code=None)
        assert "Traceback" not in said
        assert not keys_without_rules(world)
        if "error:" not in said:
            break
    assert "error:" not in said, said
    world.forge.unlimited()
    world.pulumi("up", "--yes", "--skip-preview", "--refresh", "--expect-no-changes")


def test_an_environment_that_lost_its_protection_to_a_limit_gets_no_key_before_a_refresh_has_seen_it(
    world: Any,
) -> None:
    """Repeated without its body, the call makes an environment for any branch; the branch policy then fails."""
    refused: list[Request] = []

    def too_fast(request: Request) -> Response | None:
        if refused or request.method != "PUT" or not request.path.endswith("/environments/production"):
            return None
        refused.append(request)
        return Response(403, {"message": SLOW_DOWN, "documentation_url": SECONDARY_DOCUMENTATION}, {"Retry-After": "1"})

    world.forge.before(too_fast)
    said = world.pulumi("up", "--yes", "--skip-preview", code=None)
    assert "error:" in said
    made = environment(world, "production")
    assert (made.reviewers, made.branch_policy, made.secrets) == ([], None, {})
    world.up("--refresh")
    assert not keys_without_rules(world)
    assert environment(world, "production").reviewers
    world.pulumi("up", "--yes", "--skip-preview", "--refresh", "--expect-no-changes")


def test_a_run_that_waits_shows_that_it_lives(world: Any) -> None:
    """While the provider waits, the engine goes on printing: a reader of the log sees that it is not dead."""
    refused: list[float] = []

    def too_fast(request: Request) -> Response | None:
        if refused or request.method != "POST":
            return None
        refused.append(time.monotonic())
        body = {"message": SLOW_DOWN, "documentation_url": SECONDARY_DOCUMENTATION}
        return Response(403, body, {"Retry-After": str(WAIT)})

    world.forge.before(too_fast)
    process = world.start("up", "--yes", "--skip-preview")
    heard: list[float] = []

    def listen() -> None:
        while os.read(process.stdout.fileno(), 65536):
            heard.append(time.monotonic())

    listener = threading.Thread(target=listen)
    listener.start()
    process.wait(timeout=120)
    listener.join()
    process.stdout.close()
    assert refused
    times = [at for at in heard if refused[0] - 2 < at < refused[0] + WAIT]
    assert max(later - earlier for earlier, later in itertools.pairwise((*times, refused[0] + WAIT))) < WAIT - 1
