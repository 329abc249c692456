"""What an existing repository has beside what the plan makes."""

from collections.abc import Callable, Mapping
from typing import Any

import httpx
import pytest

from gitops_infra.audit.checks.unmanaged import SHOWN, unmanaged
from gitops_infra.audit.github_client import GitHubReader
from gitops_infra.audit.known import Known
from gitops_infra.sandbox.forge.server import Sandbox

Preflight = Callable[..., list[str]]

SHOP = "/api/v3/repos/acme/shop"
FORGE: Mapping[str, Any] = {
    f"{SHOP}/rulesets": [{"name": "release"}, {"name": "freeze"}],
    f"{SHOP}/environments": {"environments": [{"name": "dev"}]},
    f"{SHOP}/keys": [{"title": "ci", "read_only": False}, {"title": "mirror", "read_only": True}],
    f"{SHOP}/hooks": [
        {"id": 1, "config": {"url": "https://user:canary@ci.acme.example/hook/canary?token=canary"}},
        {"id": 2, "config": {}},
    ],
    f"{SHOP}/actions/secrets": {"secrets": [{"name": "TOKEN"}]},
    f"{SHOP}/actions/variables": {"variables": []},
    f"{SHOP}/branches": [{"name": "main"}, {"name": "release/1"}],
    f"{SHOP}/branches/main/protection": {"url": "..."},
}


def read(forge: Mapping[str, Any]) -> Any:
    def answer(request: httpx.Request) -> httpx.Response:
        path = request.url.path
        return httpx.Response(200, json=forge[path]) if path in forge else httpx.Response(404)

    with GitHubReader("token", "https://forge.example", transport=httpx.MockTransport(answer)) as reader:
        return unmanaged(reader, "acme", "shop")


def test_everything_is_told_by_name_only() -> None:
    found = read(FORGE)
    assert dict(found) == {
        "rulesets": ("freeze", "release"),
        "environments": ("dev",),
        "deploy keys": ("ci (write)", "mirror (read)"),
        "webhooks": ("ci.acme.example", "no. 2"),
        "repository secrets": ("TOKEN",),
        "repository variables": (),
        "branch protections": ("main",),
    }
    assert str(found) == (
        "rulesets 'freeze', 'release'; environments 'dev'; deploy keys 'ci (write)', 'mirror (read)'; webhooks "
        "'ci.acme.example', 'no. 2'; repository secrets 'TOKEN'; branch protections 'main'"
    )
    assert "canary" not in str(found)


def test_what_may_not_be_read_is_said() -> None:
    assert str(read({f"{SHOP}/keys": []})) == (
        "not readable: rulesets, environments, webhooks, repository secrets, repository variables, branch protections"
    )


def test_long_lists_are_cut() -> None:
    many = {**FORGE, f"{SHOP}/rulesets": [{"name": f"r{number:03}"} for number in range(SHOWN + 5)]}
    assert f"'r{SHOWN - 1:03}' and 5 more; environments" in str(read(many))


def test_preflight_lists_what_is_neither_planned_nor_made(
    forge: Sandbox, check: Preflight, environment: Callable[..., None], ruleset: Callable[[str], None]
) -> None:
    environment("dev")
    ruleset("freeze")
    assert check() == [
        (
            "info: repository acme/shop: left as they are: rulesets 'freeze'; environments 'dev'; not readable: "
            "webhooks. [unmanaged]"
        )
    ]


def test_what_the_stack_made_is_not_listed(
    check: Preflight, environment: Callable[..., None], ruleset: Callable[[str], None]
) -> None:
    environment("production")
    ruleset("gitops: default branch")
    known = Known(environments={("shop", "production")}, rulesets={("shop", "gitops: default branch")})
    assert check(known=known) == []


@pytest.mark.parametrize("retired", [False, True])
def test_an_environment_that_the_stack_would_lose_is_an_error(check: Preflight, *, retired: bool) -> None:
    held = {"qa": {"branch": "env/qa", "repository": "shop-env-qa", "isolation": "repository", "retired": retired}}
    codes = [line.rpartition("[")[2] for line in check(known=Known(outputs=held))]
    assert codes == ([] if retired else ["environment-removed]"])
