"""Preflight: what is in the way of a promotion in an existing repository, and who has what the plan would make."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import httpx
import pytest

from gitops_infra.audit.known import Known
from gitops_infra.audit.ownership import Owners, marked
from gitops_infra.plan.resources import ResourceKind
from gitops_infra.sandbox.client import Clone, TokenCredential
from gitops_infra.sandbox.forge.server import Sandbox

Preflight = Callable[..., list[str]]

WRITER = {"isolation": "branch", "writer": {"app": 4711, "key": "productionKey"}}
SHARED = {"isolation": "shared", "accept_shared_bypass": True}


def errors(lines: list[str]) -> list[str]:
    return [line for line in lines if line.startswith("error: ")]


def api(forge: Sandbox, method: str, path: str, body: Any = None) -> Any:
    headers = {"Authorization": f"Bearer {forge.token('olivia')}"}
    answer = httpx.request(method, f"{forge.api_url}{path}", json=body, headers=headers)
    answer.raise_for_status()
    return answer.json() if answer.content else None


@pytest.fixture
def governed(forge: Sandbox) -> Callable[..., int]:
    """Puts a ruleset over branches of acme/shop; by default it forbids updates of all of them."""

    def put(*rules: Mapping[str, Any], **changes: Any) -> int:
        include = changes.pop("include", ["~ALL"])
        body = {
            "name": "freeze",
            "target": "branch",
            "enforcement": "active",
            "conditions": {"ref_name": {"include": include, "exclude": changes.pop("exclude", [])}},
            "rules": list(rules) or [{"type": "update"}, {"type": "deletion"}],
            **changes,
        }
        return int(api(forge, "POST", "/repos/acme/shop/rulesets", body)["id"])

    return put


def test_a_ruleset_over_an_environments_branch_that_refuses_its_writer_is_an_error(
    check: Preflight, governed: Callable[..., int]
) -> None:
    governed()
    assert errors(check(production=WRITER)) == [
        (
            "error: repository acme/shop: the ruleset `freeze` governs env/production too, and its rules (update) "
            "refuse every promotion to production. Exclude env/production from it, or let the writer of production "
            "bypass it. [ruleset-in-the-way]"
        )
    ]


def test_two_stacks_that_want_one_branch_are_told_apart(check: Preflight, governed: Callable[..., int]) -> None:
    """Also where they call their environments differently."""
    governed(name="gitops: live writers", include=["refs/heads/env/production"])
    rule = state(ResourceKind.RULESET, repository="shop", name="gitops: live writers")
    (line,) = errors(check(production=WRITER, owners=Owners(lambda: iter([("shop/old", rule)]))))
    assert "the ruleset `gitops: live writers` of stack shop/old governs env/production too, and its rules" in line


def test_a_ruleset_that_a_promotion_may_satisfy_is_a_warning(check: Preflight, governed: Callable[..., int]) -> None:
    governed({"type": "required_linear_history"}, include=["refs/heads/env/*"])
    (line,) = [line for line in check(production=WRITER) if "ruleset-in-the-way" in line]
    assert line.startswith("warning: repository acme/shop: the ruleset `freeze` governs env/production too, and its ")
    assert "(required_linear_history) can refuse a promotion to production" in line


@pytest.mark.parametrize(
    "changes",
    [
        {"include": ["~DEFAULT_BRANCH"]},
        {"include": ["refs/heads/release/*"]},
        {"exclude": ["refs/heads/env/production"]},
        {"enforcement": "disabled"},
        {"bypass_actors": [{"actor_type": "DeployKey", "bypass_mode": "always"}]},
    ],
    ids=["default branch", "another branch", "excluded", "disabled", "bypassed"],
)
def test_a_ruleset_that_is_not_in_the_way_is_only_listed(
    check: Preflight, governed: Callable[..., int], changes: dict[str, Any]
) -> None:
    governed(**changes)
    assert check(production=SHARED) == [
        "info: repository acme/shop: left as they are: rulesets 'freeze'; not readable: webhooks. [unmanaged]"
    ]


def test_an_app_of_another_number_does_not_let_the_writer_pass(
    forge: Sandbox, check: Preflight, governed: Callable[..., int]
) -> None:
    app = forge.app("acme", "robot", {"contents": "write"})
    governed(bypass_actors=[{"actor_type": "Integration", "actor_id": app.id, "bypass_mode": "always"}])
    assert len(errors(check(production=WRITER))) == 1
    own = {"isolation": "branch", "writer": {"app": app.id, "key": "productionKey"}}
    assert errors(check(production=own)) == []


def test_a_ruleset_of_a_state_repository_is_nobodys_business_here(
    check: Preflight, governed: Callable[..., int]
) -> None:
    governed()
    assert errors(check()) == []


def test_a_ruleset_of_the_stack_that_was_turned_off_is_an_error(check: Preflight, governed: Callable[..., int]) -> None:
    governed(name="gitops: default branch", include=["refs/heads/main"], enforcement="disabled")
    known = Known(rulesets={("shop", "gitops: default branch")})
    assert check(known=known) == [
        (
            "error: repository acme/shop: this stack's ruleset `gitops: default branch` is set to `disabled` and "
            "forbids nothing. Run `pulumi up --refresh`, which makes it active again. [ruleset-off]"
        )
    ]


@pytest.fixture
def clone(forge: Sandbox, tmp_path: Path) -> Clone:
    """A clone of acme/shop."""
    return Clone.of(forge.http_url("acme/shop"), tmp_path / "clone", TokenCredential(forge.token("olivia")))


def push(forge: Sandbox, clone: Clone, refspec: str) -> None:
    pushed = clone.push(forge.http_url("acme/shop"), refspec, TokenCredential(forge.token("olivia")))
    assert pushed.allowed, pushed.message


def test_a_branch_with_commits_of_its_own_can_never_be_promoted_to(
    forge: Sandbox, check: Preflight, clone: Clone
) -> None:
    main = clone.git("rev-parse", "origin/main")
    foreign = clone.commit(main, "Hand-made", {"x": "y"})
    push(forge, clone, f"{foreign}:refs/heads/env/production")
    assert errors(check(production=SHARED)) == [
        (
            "error: repository acme/shop: the branch `env/production` is there already with commits that are not in "
            "`main`, so no promotion to production can move it forward. Delete it, merge it into `main`, or give "
            "production another `branch`. [branch-diverged]"
        )
    ]
    assert errors(check()) == []


def test_a_branch_that_is_part_of_the_default_branch_is_taken_as_it_is(
    forge: Sandbox, check: Preflight, clone: Clone
) -> None:
    main = clone.git("rev-parse", "origin/main")
    push(forge, clone, f"{main}:refs/heads/env/production")
    assert errors(check(production=SHARED)) == []
    push(forge, clone, f"{clone.commit(main, 'Next', {'x': 'y'})}:refs/heads/main")
    assert errors(check(production=SHARED)) == []


KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ1t1pYJ0a8y8mYdJ0jzVn1x0rVg0nqGJ8mYdJ0jzVn1"


def test_a_write_key_that_is_there_moves_every_branch_under_shared(forge: Sandbox, check: Preflight) -> None:
    api(forge, "POST", "/repos/acme/shop/keys", {"title": "old ci", "key": KEY, "read_only": False})
    assert errors(check(production=SHARED)) == [
        (
            "error: repository acme/shop: its write deploy key 'old ci' would move the branches of production too: "
            "under isolation `shared` every write key does. Delete it or add it again as read-only, or use isolation "
            "`branch` or `repository`. [foreign-write-key]"
        )
    ]
    assert errors(check(production=WRITER)) == []
    assert errors(check(production=SHARED, known=Known(deploy_keys={("shop", "old ci")}))) == []


def test_a_read_only_key_moves_nothing(forge: Sandbox, check: Preflight) -> None:
    api(forge, "POST", "/repos/acme/shop/keys", {"title": "mirror", "key": KEY, "read_only": True})
    assert check(production=SHARED) == [
        "info: repository acme/shop: left as they are: deploy keys 'mirror (read)'; not readable: webhooks. [unmanaged]"
    ]


@pytest.mark.parametrize(
    ("live", "wanted", "said"),
    [
        ("The shop", "The shop", []),
        ("The shop", None, []),
        (
            "The shop",
            "A shop",
            [
                (
                    "error: repository acme/shop: its description is 'The shop', the topology says 'A shop', and "
                    "Pulumi imports only what is the same. Write 'The shop', or leave `description` out; once "
                    "`pulumi up` has imported it, it can be changed here. [import-differs]"
                )
            ],
        ),
    ],
)
def test_an_import_names_only_what_is_the_same(
    forge: Sandbox, check: Preflight, live: str, wanted: str | None, said: list[str]
) -> None:
    api(forge, "PATCH", "/repos/acme/shop", {"description": live})
    assert check(application={"import": True, "description": wanted}) == said
    imported = Known(repositories={"shop"})
    assert check(application={"import": True, "description": wanted}, known=imported) == []


def test_an_import_is_spelled_as_on_the_forge(check: Preflight) -> None:
    assert [line.rpartition(". ")[2] for line in errors(check(application={"name": "Shop", "import": True}))] == [
        "[import-differs]"
    ]


def state(kind: ResourceKind, **inputs: str) -> dict[str, Any]:
    return {"deployment": {"resources": [{"type": kind.token, "inputs": inputs}]}}


def test_an_environment_of_another_stack_is_not_taken_over(check: Preflight, environment: Callable[..., None]) -> None:
    environment("production")
    others = Owners(
        lambda: iter([("shop/old", state(ResourceKind.ENVIRONMENT, repository="shop", environment="production"))])
    )
    line = (
        "error: environment production of acme/shop: it is owned by stack shop/old. Leave it out of one of the two, or "
        "hand it over with `pulumi state move`. [owned-elsewhere]"
    )
    assert check(owners=others) == [line]
    assert check(owners=others, production={"adopt": True}) == [line]


def test_secrets_variables_and_rulesets_of_other_stacks_are_named(
    forge: Sandbox, check: Preflight, environment: Callable[..., None], ruleset: Callable[[str], None]
) -> None:
    environment("production", "GITOPS_DEPLOY_KEY")
    record = forge.store.environment(forge.repository("acme/shop"), "production")
    assert record is not None
    record.variables["GITOPS_BRANCH"] = {"value": "x", "created_at": 0.0, "updated_at": 0.0}
    forge.store.save(record)
    ruleset("gitops: default branch")
    place = {"repository": "shop", "environment": "production"}
    others = Owners(
        lambda: iter(
            [
                ("a/one", state(ResourceKind.SECRET, **place, secretName="GITOPS_DEPLOY_KEY")),
                ("a/two", state(ResourceKind.VARIABLE, **place, variableName="GITOPS_BRANCH")),
                ("a/three", state(ResourceKind.RULESET, repository="shop", name="gitops: default branch")),
            ]
        )
    )
    said = [line for line in check(owners=others, production={"adopt": True}) if "owned-elsewhere" in line]
    assert [line.partition(": ")[2].partition(". ")[0] for line in said] == [
        "repository acme/shop: the ruleset `gitops: default branch` is owned by stack a/three",
        "environment production of acme/shop: the variable `GITOPS_BRANCH` is owned by stack a/two",
        "environment production of acme/shop: the secret `GITOPS_DEPLOY_KEY` is owned by stack a/one",
    ]


def test_other_stacks_are_read_once_and_only_for_a_conflict(check: Preflight, environment: Callable[..., None]) -> None:
    read: list[None] = []

    def states() -> Any:
        read.append(None)
        return iter(())

    check(owners=Owners(states))
    assert read == []
    environment("production", "GITOPS_DEPLOY_KEY")
    environment("staging")
    check(owners=Owners(states))
    assert read == [None]


def test_a_state_repository_tells_its_stack_itself(forge: Sandbox, check: Preflight) -> None:
    forge.add_repository("acme/shop-env-staging")
    api(forge, "PATCH", "/repos/acme/shop-env-staging", {"description": "State of shop [stack gitops-infra/shop]"})
    assert check() == [
        (
            "error: repository acme/shop-env-staging: it is owned by stack gitops-infra/shop. Leave it out of one of "
            "the two, or hand it over with `pulumi state move`. [owned-elsewhere]"
        )
    ]
    assert check(known=Known(stack="gitops-infra/shop")) == [
        (
            "error: repository acme/shop-env-staging: it was made by this stack (gitops-infra/shop), whose state does "
            "not have it. Run `gitops-infra resume --stack shop` after a killed `pulumi up`, or `gitops-infra adopt` "
            "after a destroy that kept it. [repository-not-in-state]"
        )
    ]


@pytest.mark.parametrize(
    ("description", "stack"),
    [
        ("State of shop in staging: env/staging, moved by promotions only [stack p/s]", "p/s"),
        ("[stack p/s] and more", None),
        ("[stack ]", None),
        ("", None),
        (None, None),
        (7, None),
    ],
)
def test_the_mark_is_at_the_end_of_a_description(description: object, stack: str | None) -> None:
    assert marked(description) == stack
