"""The decision itself and moves by REST: status codes, messages and what is written down."""

from collections.abc import Callable
from typing import Any

import pytest

from gitops_infra.sandbox.forge.decide import ABSENT, RefUpdate, decide
from gitops_infra.sandbox.forge.git.bare import BareRepository, Person
from gitops_infra.sandbox.forge.identity import ANONYMOUS, from_token, of_user
from gitops_infra.sandbox.forge.model import Repository, Ruleset
from gitops_infra.sandbox.forge.server import Sandbox


@pytest.fixture
def shop(forge: Sandbox) -> Any:
    return forge.repository("acme/shop")


@pytest.fixture
def git(forge: Sandbox, shop: Repository) -> Any:
    return BareRepository(forge.store.git_dir(shop))


@pytest.fixture
def main(git: BareRepository) -> Any:
    return git.resolve("refs/heads/main")


@pytest.fixture
def ask(forge: Sandbox, shop: Repository, git: BareRepository) -> Any:
    """Decides about an update as a login, or as an identity."""

    def decide_as(who: Any, update: Any) -> Any:
        identity = of_user(forge.user(who)) if isinstance(who, str) else who
        return decide(forge.store, git, identity, shop, update, via="rest")

    return decide_as


@pytest.fixture
def lock(forge: Sandbox, shop: Repository) -> Any:
    """Adds a ruleset without asking anybody."""

    def add(*rules: Any, include: Any = ("~ALL",), bypass: Any = (), name: str = "locked") -> None:
        conditions = {"ref_name": {"include": list(include), "exclude": []}}
        number = forge.store.new_id()
        types = [{"type": rule} for rule in rules]
        forge.store.add(Ruleset(number, shop.id, name, "branch", "active", conditions, types, list(bypass), 0, 0))

    return add


@pytest.mark.parametrize(
    ("who", "status", "message"),
    [
        ("otto", 404, "Not Found"),
        (ANONYMOUS, 404, "Not Found"),
        ("reed", 403, "Must have push access to the repository."),
        ("dana", 200, ""),
    ],
)
def test_the_status_says_how_much_the_asker_may_know(
    ask: Callable[..., Any], main: str, who: Any, status: int, message: str
) -> None:
    verdict = ask(who, RefUpdate("refs/heads/new", ABSENT, main))
    assert (verdict.allowed, verdict.status, verdict.message) == (status == 200, status, message)


def test_an_app_without_the_permission_is_told_so(ask: Callable[..., Any], forge: Sandbox, main: str) -> None:
    token = forge.app_token(forge.app("acme", "bot", {"contents": "read"}))
    verdict = ask(from_token(forge.store, token), RefUpdate("refs/heads/new", ABSENT, main))
    assert (verdict.status, verdict.message) == (403, "Resource not accessible by integration")


def test_all_violations_are_told_in_one_message(ask: Callable[..., Any], lock: Callable[..., Any], main: str) -> None:
    lock("update", name="one")
    lock("update", "deletion", name="two")
    verdict = ask("adam", RefUpdate("refs/heads/main", main, main))
    assert verdict.violations == ("Cannot update this protected ref.",)
    assert verdict.message == "Repository rule violations found\n\nCannot update this protected ref.\n\n"
    assert verdict.status == 422


@pytest.mark.parametrize("ref", ["main", "refs/heads/", "refs/heads/a..b", "refs/heads/a\0b", "../x", "refs/heads/.x"])
def test_a_name_that_git_does_not_take_is_refused(ask: Callable[..., Any], main: str, ref: str) -> None:
    verdict = ask("olivia", RefUpdate(ref, ABSENT, main))
    assert (verdict.status, verdict.message) == (422, "Reference name is invalid")


def test_every_decision_is_written_down(
    ask: Callable[..., Any], forge: Sandbox, lock: Callable[..., Any], main: str
) -> None:
    actor = {"actor_type": "User", "actor_id": forge.user("mara").id, "bypass_mode": "always"}
    lock("creation", bypass=[actor])
    update = RefUpdate("refs/heads/new", ABSENT, main)
    ask("dana", update)
    ask("mara", update)
    ask("reed", update)
    assert [(p.actor, p.allowed, p.bypassed, p.reason) for p in forge.pushes] == [
        ("dana", False, [], "Cannot create ref due to creations being restricted."),
        ("mara", True, ["locked"], ""),
        ("reed", False, [], "Permission to acme/shop.git denied to reed."),
    ]


def test_the_references_api_creates_moves_and_deletes_under_the_rules(
    client: Callable[..., Any], lock: Callable[..., Any], main: str, git: BareRepository
) -> None:
    rest = client("dana")
    created = rest.post("/repos/acme/shop/git/refs", json={"ref": "refs/heads/x", "sha": main})
    assert created.status_code == 201
    lock("creation", "update", "deletion")
    other = git.write_file("main", "a.txt", b"a", "a", Person("D", "d@example.test"))
    answers = [
        rest.post("/repos/acme/shop/git/refs", json={"ref": "refs/heads/y", "sha": main}),
        rest.patch("/repos/acme/shop/git/refs/heads/x", json={"sha": other, "force": True}),
        rest.delete("/repos/acme/shop/git/refs/heads/x"),
    ]
    assert [(answer.status_code, answer.json()["message"]) for answer in answers] == [
        (422, f"Repository rule violations found\n\n{sentence}\n\n")
        for sentence in (
            "Cannot create ref due to creations being restricted.",
            "Cannot update this protected ref.",
            "Cannot delete this protected ref.",
        )
    ]
    assert git.refs("refs/heads/") == {"refs/heads/main": main, "refs/heads/x": main}


def test_the_contents_api_cannot_pass_a_rule_either(
    client: Callable[..., Any], lock: Callable[..., Any], main: str, git: BareRepository
) -> None:
    lock("update")
    body = {"message": "m", "content": "eA==", "branch": "main"}
    answer = client("adam").put("/repos/acme/shop/contents/x", json=body)
    assert (answer.status_code, answer.json()["message"]) == (
        409,
        "Repository rule violations found\n\nCannot update this protected ref.\n\n",
    )
    assert git.resolve("refs/heads/main") == main


def test_the_contents_api_cannot_bring_a_workflow_file_without_the_permission(
    client: Callable[..., Any], forge: Sandbox, git: BareRepository, main: str
) -> None:
    token = forge.app_token(forge.app("acme", "bot", {"contents": "write"}))
    body = {"message": "m", "content": "eA==", "branch": "main"}
    answer = client(token=token).put("/repos/acme/shop/contents/.github/workflows/ci.yml", json=body)
    assert answer.status_code == 403
    assert answer.json()["message"] == (
        "refusing to allow a GitHub App to create or update workflow `.github/workflows/ci.yml` without `workflows` "
        "permission"
    )
    assert git.resolve("refs/heads/main") == main
