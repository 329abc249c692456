"""The piece of a topology that describes an existing repository."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import httpx
import pytest
from ruamel.yaml import YAML

from gitops_infra.audit.describe import CannotDescribe, describe
from gitops_infra.audit.github_client import GitHubReader
from gitops_infra.sandbox.client import Clone, TokenCredential
from gitops_infra.sandbox.forge.server import Sandbox
from gitops_infra.topology.validate import validate


def told(forge: Sandbox) -> str:
    with GitHubReader(forge.token("olivia"), forge.url, remember=True) as reader:
        return describe(reader, "acme", "shop")


def test_a_plain_repository_is_a_few_lines(forge: Sandbox) -> None:
    assert told(forge) == (
        """\
# acme/shop as it is. Add `environments`, and see `gitops-infra plan` and `gitops-infra preflight`.
owner: acme
github_plan: enterprise
application:
  name: shop
  existing: true
  import: true
  default_branch: main
  visibility: private
  linear_history: false
  code_owners: false
"""
    )


def test_it_only_reads(forge: Sandbox) -> None:
    told(forge)
    assert {request.method for request in forge.requests} == {"GET"}


def test_what_it_says_is_a_topology_once_it_has_environments(forge: Sandbox) -> None:
    data = YAML(typ="safe").load(told(forge))
    validate({**data, "environments": [{"name": "staging"}]})


def test_rules_and_code_owners_that_are_there_are_taken_up(forge: Sandbox, tmp_path: Path) -> None:
    olivia = TokenCredential(forge.token("olivia"))
    clone = Clone.of(forge.http_url("acme/shop"), tmp_path / "clone", olivia)
    commit = clone.commit(clone.git("rev-parse", "origin/main"), "Owners", {".github/CODEOWNERS": "* @dana\n"})
    assert clone.push(forge.http_url("acme/shop"), f"{commit}:refs/heads/main", olivia).allowed
    body = {
        "name": "main",
        "target": "branch",
        "enforcement": "active",
        "conditions": {"ref_name": {"include": ["~DEFAULT_BRANCH"], "exclude": []}},
        "rules": [
            {"type": "required_linear_history"},
            {
                "type": "required_status_checks",
                "parameters": {
                    "required_status_checks": [{"context": "test (3.11)"}, {"context": "lint"}],
                    "strict_required_status_checks_policy": False,
                },
            },
            {
                "type": "pull_request",
                "parameters": {
                    "required_approving_review_count": 2,
                    "dismiss_stale_reviews_on_push": False,
                    "require_code_owner_review": False,
                    "require_last_push_approval": False,
                    "required_review_thread_resolution": False,
                },
            },
        ],
    }
    headers = {"Authorization": f"Bearer {forge.token('olivia')}"}
    httpx.post(f"{forge.api_url}/repos/acme/shop/rulesets", json=body, headers=headers).raise_for_status()
    text = told(forge)
    application = YAML(typ="safe").load(text)["application"]
    assert application == {
        "name": "shop",
        "existing": True,
        "import": True,
        "default_branch": "main",
        "visibility": "private",
        "linear_history": True,
        "code_owners": True,
        "required_reviews": 2,
        "required_checks": ["lint", "test (3.11)"],
    }
    assert "# Left alone: rulesets 'main'\n" in text
    assert "# `code_owners: true` counts on .github/CODEOWNERS to cover" in text


SHOP = "/api/v3/repos/acme/shop"
LIVE: Mapping[str, Any] = {
    SHOP: {"full_name": "acme/shop", "default_branch": "main", "visibility": "public", "description": "A: #1\nshop"},
    "/api/v3/users/acme": {"type": "User"},
    f"{SHOP}/branches/main": {"name": "main"},
    f"{SHOP}/rules/branches/main": [],
    f"{SHOP}/commits": [{"parents": [{}]}],
}


def answered(**changes: Any) -> str:
    """The description of a forge that answers by a table; a number is a status without a body."""
    table = {**LIVE, **{path.replace("SHOP", SHOP): data for path, data in changes.items()}}

    def answer(request: httpx.Request) -> httpx.Response:
        found = table.get(request.url.path, 404)
        return (
            httpx.Response(found, json={"message": "No"}) if isinstance(found, int) else httpx.Response(200, json=found)
        )

    with GitHubReader("token", "https://forge.example", transport=httpx.MockTransport(answer)) as reader:
        return describe(reader, "acme", "shop")


def test_a_price_plan_that_is_not_shown_has_to_be_filled_in() -> None:
    text = answered()
    assert "github_plan:" not in text
    assert "# Add `github_plan`, as billed: GitHub shows it to the organisation's owners only.\n" in text


def test_a_users_repository_says_so_and_odd_texts_stay_texts() -> None:
    data = YAML(typ="safe").load(answered())
    assert data["owner_kind"] == "user"
    assert data["application"]["description"].strip() == "A: #1\nshop"


def test_a_classic_protection_counts_like_a_ruleset() -> None:
    protection = {
        "required_status_checks": {"contexts": ["ci"]},
        "required_pull_request_reviews": {"required_approving_review_count": 9},
        "required_linear_history": {"enabled": True},
    }
    text = answered(**{"SHOP/branches/main/protection": protection, "SHOP/commits": [{"parents": [{}, {}]}]})
    application = YAML(typ="safe").load(text)["application"]
    assert (application["required_checks"], application["required_reviews"]) == (["ci"], 6)
    assert application["linear_history"] is False
    assert "# `linear_history` is false: merge commits are forbidden now, but the history has some.\n" in text
    assert "# 9 approvals are required today; a topology asks for 6 at most.\n" in text


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"SHOP": 404},
            "acme/shop: it does not exist, or the token cannot see it. Correct the name, or give the token access",
        ),
        ({"SHOP": 500}, "acme/shop cannot be read: the forge answered 500 No. Use a token of an administrator"),
        (
            {"SHOP": {**LIVE[SHOP], "archived": True}},
            "acme/shop is archived: nothing in it can be protected. Unarchive it first",
        ),
        (
            {"SHOP/branches/main": 404},
            "acme/shop has no commit yet. Push one, or let the topology make a new repository",
        ),
        (
            {"SHOP/rules/branches/main": 403},
            "the rules of main in acme/shop cannot be read: the forge answered 403 No. Use a token of an administrator",
        ),
        (
            {"SHOP/branches/main/protection": 403},
            (
                "the branch protection of main in acme/shop cannot be read: the forge answered 403 No. Use a token of "
                "an administrator"
            ),
        ),
    ],
    ids=["absent", "broken", "archived", "empty", "rules", "protection"],
)
def test_what_cannot_be_read_is_refused(changes: dict[str, Any], message: str) -> None:
    """Guessed, a required check or an approval would be lost."""
    with pytest.raises(CannotDescribe) as refused:
        answered(**changes)
    assert str(refused.value) == message
