"""What `plan.budget` expects is what a forge is asked, route by route."""

import re
from collections import Counter
from collections.abc import Mapping
from typing import Any

import pytest

from gitops_infra.pipelines.github_actions import with_workflows
from gitops_infra.plan.budget import Call, budget
from gitops_infra.plan.build import plans
from gitops_infra.topology.validate import validate

pytestmark = pytest.mark.engine

KEY = "-----BEGIN OPENSSH PRIVATE KEY-----\nbm8ga2V5\n-----END OPENSSH PRIVATE KEY-----"

WRITER = {"user": "rita", "key": "writerKey"}
EXISTING: dict[str, Any] = {
    "owner": "acme",
    "github_plan": "enterprise",
    "application": {
        "name": "shop",
        "existing": True,
        "visibility": "private",
        "code_owners": True,
        "grants": [{"team": "developers", "role": "write"}, {"user": "rita", "role": "maintain"}],
    },
    "environments": [
        {"name": "staging", "variables": {"LOG_LEVEL": "debug"}, "secrets": {"TOKEN": "deployToken"}},
        {"name": "production", "reviewers": [{"team": "platform"}, {"user": "mara"}]},
        {"name": "review"},
    ],
}
NEW = {
    **EXISTING,
    "application": {
        "name": "fresh",
        "visibility": "private",
        "owners": ["@acme/platform"],
        "grants": [{"team": "platform", "role": "maintain"}],
        "labels": [{"name": "kind:bug", "color": "d73a4a"}],
        "allowed_actions": ["acme/*"],
    },
    "environments": [{"name": "staging"}, {"name": "production", "reviewers": [{"team": "platform"}]}],
}
IMPORTED = {
    **EXISTING,
    "application": {**EXISTING["application"], "import": True, "allowed_actions": ["acme/*"]},
    "environments": [{"name": "staging"}],
}
"""Its Actions permissions are written, all other settings are left alone."""
IN_THE_REPOSITORY = {
    **EXISTING,
    "environments": [
        {"name": "staging", "isolation": "shared", "accept_shared_bypass": True},
        {"name": "production", "isolation": "branch", "writer": WRITER, "reviewers": [{"user": "mara"}]},
    ],
}
SEVERAL = {
    **EXISTING,
    "repositories": [{"name": "web", "existing": True, "visibility": "private", "code_owners": True}],
    "environments": [{"name": "staging"}, {"name": "production", "reviewers": [{"team": "platform"}]}],
}


@pytest.mark.parametrize(
    "topology",
    [EXISTING, NEW, IMPORTED, IN_THE_REPOSITORY, SEVERAL],
    ids=["existing", "new", "imported", "branch and shared", "several"],
)
def test_a_first_up_sends_exactly_what_was_expected(world: Any, topology: Mapping[str, Any]) -> None:
    world.configure(dict(topology))
    world.secret("deployToken", "a-value-of-no-worth")
    world.secret("writerKey", KEY)
    _second_repository(world)
    before = len(world.forge.requests)
    world.pulumi("up", "--yes")
    expected = budget(with_workflows(plan) for plan in plans(validate(topology))).calls
    asked = Counter(_template(each.method, each.path, expected) for each in world.forge.requests[before:])
    assert asked == Counter(expected)


def _second_repository(world: Any) -> None:
    world.forge.add_repository("acme/web", auto_init=True)
    world.forge.grant("acme/web", "acme/platform", "maintain")


def _template(method: str, path: str, expected: Mapping[Call, int]) -> Call:
    """The expected call that the request is, the longest where several fit; else the request itself."""
    target = path.partition("?")[0]
    fitting = [call for call in expected if call.method == method and re.fullmatch(_pattern(call.route), target)]
    return max(fitting, key=lambda call: len(call.route.replace("{}", ""))) if fitting else Call(method, target)


def _pattern(route: str) -> str:
    *parts, last = re.escape(route).split(r"\{\}")
    between = "[^/]+".join(parts)
    return between + (".+" if route.endswith("/contents/{}") else "[^/]+") + last if parts else last
