"""Preflight: the Apps that move branches. What is looked at is tested in test_writers.py."""

from collections.abc import Callable

import pytest

from gitops_infra.audit.checks import apps as checks
from gitops_infra.plan.build import plans
from gitops_infra.sandbox.forge.server import Sandbox
from gitops_infra.topology.validate import validate

WRITER = {"isolation": "branch", "writer": {"app": 4711, "key": "productionKey"}}
PLACE = ("production", 4711, "productionKey")


def test_an_app_is_checked_once_for_all_of_its_repositories() -> None:
    shop, web = ({"name": name, "existing": True, "visibility": "public"} for name in ("shop", "web"))
    topology = validate(
        {
            "owner": "acme",
            "github_plan": "team",
            "application": shop,
            "repositories": [web],
            "environments": [
                {"name": "staging"},
                {"name": "production", "reviewers": [{"team": "platform"}], **WRITER},
            ],
        }
    )
    assert checks.apps(plans(topology)) == {PLACE: ("acme/shop", "acme/web")}


def test_without_a_stack_it_says_that_the_key_was_not_checked(check: Callable[..., list[str]]) -> None:
    assert check(production=WRITER) == [
        (
            "info: GitHub App 4711 of environment production: its key `productionKey` is in a stack's configuration: "
            "give --stack to check it. [writer-not-checked]"
        )
    ]


def test_a_configuration_without_the_key_is_an_error() -> None:
    assert [
        str(finding) for finding in checks.check(PLACE, ("acme/shop",), lambda _: None, "https://forge.example")
    ] == [
        (
            "error: GitHub App 4711 of environment production: the stack's configuration gives no value for "
            "`productionKey`. Run `gitops-infra app create production`, or `pulumi config set --secret productionKey < "
            "FILE`. [writer-key-absent]"
        )
    ]


@pytest.mark.parametrize("given", ["permissions", "another App"])
def test_what_the_apps_own_key_shows_is_reported(forge: Sandbox, given: str) -> None:
    app = forge.app("acme", "robot", {"metadata": "read", "contents": "write"})
    other = forge.app("acme", "other", {"metadata": "read"})
    pem = forge.app_key("robot" if given == "permissions" else "other")
    found = list(checks.check(("production", app.id, "key"), ("acme/shop",), lambda _: pem, forge.url))
    assert [finding.code for finding in found] == [
        "writer-permission-missing" if given == "permissions" else "writer-key-foreign"
    ]
    assert other.id != app.id
    assert "PRIVATE KEY" not in "".join(map(str, found))
