"""Who can move a branch: each assertion holds where it must, and fails with the one that should not be there."""

import re
from collections.abc import Callable
from typing import Any

import asyncssh
import pytest

from gitops_infra.plan.actors import Operation
from gitops_infra.sandbox.client import Clone, KeyCredential
from gitops_infra.sandbox.forge.git.bare import BareRepository
from gitops_infra.sandbox.forge.record_codec import encode
from gitops_infra.sandbox.forge.server import Sandbox
from gitops_infra.testing import Actor, assert_nobody_moves, assert_only_writers, assert_protected, attempts

from .conftest import BRANCH, KEYS, PRODUCTION, STATE, Shop, actors

PULL_REQUEST = {
    "type": "pull_request",
    "parameters": {
        "required_approving_review_count": 1,
        "dismiss_stale_reviews_on_push": True,
        "require_code_owner_review": False,
        "require_last_push_approval": False,
        "required_review_thread_resolution": False,
    },
}


def only_production(shop: Shop) -> None:
    assert_only_writers(shop.forge, STATE, BRANCH, {PRODUCTION})


def failure(assertion: Callable[..., Any], *arguments: Any, **keywords: Any) -> str:
    """What a failing assertion tells: one screen."""
    with pytest.raises(AssertionError) as caught:
        assertion(*arguments, **keywords)
    text = str(caught.value)
    assert len(text.splitlines()) <= 30, text
    return text


def everything(forge: Sandbox) -> tuple[list[str], list[dict[str, str]], int]:
    """All that a forge remembers: records, refs, requests."""
    store = forge.store
    records = [encode(record) for kind in store._records.values() for record in kind.values()]
    refs = [BareRepository(store.git_dir(each)).refs() for each in store.repositories.values()]
    return records, refs, len(forge.requests)


def test_the_credential_of_the_environment_is_the_only_writer(shop: Shop) -> None:
    access = assert_only_writers(shop.forge, STATE, BRANCH, {PRODUCTION})
    assert access.able() == {PRODUCTION}
    assert access.able(Operation.CREATE, Operation.PUSH) == {PRODUCTION}
    assert access.able(Operation.FORCE_PUSH, Operation.DELETE) == frozenset()
    people = {Actor.user(login) for login in ("olivia", "mara", "dana", "rita", "otto")}
    assert access.actors() == {PRODUCTION, Actor.app("provisioner"), Actor.job("acme/shop"), *people}


def test_the_forge_is_as_it_was_after_every_assertion(shop: Shop) -> None:
    shop.ruleset(
        "reviewed", PULL_REQUEST, "deletion", "non_fast_forward", include=["~DEFAULT_BRANCH"], repository="acme/shop"
    )
    before = everything(shop.forge)
    only_production(shop)
    failure(assert_nobody_moves, shop.forge, STATE, BRANCH)
    assert_protected(shop.forge, "acme/shop")
    assert everything(shop.forge) == before


def test_it_holds_after_the_first_promotion_too(shop: Shop, tmp_path: Any) -> None:
    """The branch exists then, and is the default branch of its repository."""
    forge = shop.forge
    pair = KeyCredential(forge.store.environments[_production(forge)].secrets["DEPLOY_KEY"]["value"], forge.known_hosts)
    clone = Clone.empty(tmp_path / "clone")
    pushed = clone.push(forge.ssh_url(STATE), f"{clone.commit(None, 'first', {'a': 'b'})}:refs/heads/{BRANCH}", pair)
    assert pushed.allowed, pushed.message
    assert forge.repository(STATE).default_branch == BRANCH
    only_production(shop)


def test_a_second_write_key_is_found_although_nobody_here_has_its_private_half(shop: Shop) -> None:
    shop.key("spare")
    text = failure(only_production, shop)
    assert (
        "acme/state env/production: expected to be moved forward only, by environment production of acme/shop" in text
    )
    assert "deploy key 'spare' of acme/state: create, push forward with a write key: bypasses ruleset 'writers'" in text


def test_a_read_only_key_is_no_writer(shop: Shop) -> None:
    shop.key("reader", read_only=True)
    access = assert_only_writers(shop.forge, STATE, BRANCH, {PRODUCTION})
    (attempt, *_) = access.of(Actor.deploy_key(STATE, "reader"))
    assert attempt.why == "The key you are authenticating with has been marked as read only."


def test_the_same_key_in_a_second_environment_is_found(shop: Shop) -> None:
    shop.environment("staging", "main")
    record = shop.forge.store.environments[_production(shop.forge)]
    shop.secret("OTHER_NAME", record.secrets["DEPLOY_KEY"]["value"], "environments/staging/secrets")
    text = failure(only_production, shop)
    assert "environment production of acme/shop, environment staging of acme/shop: create, push forward" in text


def test_a_key_in_a_repository_secret_belongs_to_every_job(shop: Shop) -> None:
    shop.secret("SPARE_KEY", shop.key("spare"), "actions/secrets")
    text = failure(only_production, shop)
    assert "any job of acme/shop: create, push forward with secret SPARE_KEY: deploy key 'spare'" in text
    assert_only_writers(shop.forge, STATE, BRANCH, {PRODUCTION, Actor.job("acme/shop")})


def test_a_person_whom_a_ruleset_lets_pass_is_found(shop: Shop) -> None:
    dana = ("User", shop.forge.user("dana").id)
    shop.ruleset("writers-too", "creation", "update", bypass=[KEYS, dana])
    shop.change_ruleset("writers", bypass_actors=actors(KEYS, dana))
    text = failure(only_production, shop)
    rule = "bypasses ruleset 'writers' and ruleset 'writers-too'"
    assert f"user dana: create, push forward with a personal token: {rule}" in text


def test_without_its_rule_a_branch_can_be_forced_and_deleted_by_the_writer_itself(shop: Shop) -> None:
    shop.change_ruleset("integrity", enforcement="disabled")
    text = failure(only_production, shop)
    assert re.search(r"environment production of acme/shop: force push with secret DEPLOY_KEY.*bypasses ruleset", text)
    assert "user olivia: delete with a personal token: no rule forbids it, and its role is admin" in text


def test_an_expected_writer_that_cannot_fails_with_the_rule_that_refuses(shop: Shop) -> None:
    text = failure(assert_only_writers, shop.forge, STATE, BRANCH, {PRODUCTION, Actor.user("dana")})
    assert "must, and cannot" in text
    assert "user dana: push forward with a personal token: Cannot update this protected ref." in text


@pytest.mark.parametrize(
    ("actor", "why"),
    [
        (Actor.user("nobody"), "this forge has no such user"),
        (Actor.app("nothing"), "this forge has no such App, or it is installed nowhere"),
        (Actor.job(STATE), "no job of it runs"),
        (Actor.environment("acme/shop", "prod"), "no job gets a credential of this forge from it"),
        (Actor.deploy_key(STATE, "production"), "there is no such key that works, or jobs get it"),
    ],
    ids=lambda value: str(value) if isinstance(value, Actor) else "",
)
def test_an_actor_that_does_not_exist_is_no_silent_pass(shop: Shop, actor: Actor, why: str) -> None:
    assert f"{actor}: {why}" in failure(assert_only_writers, shop.forge, STATE, BRANCH, {PRODUCTION, actor})


def test_an_app_is_known_by_its_private_key_in_an_environment(shop: Shop) -> None:
    """As with one App per environment: the App is an actor, and the environment that holds its key another."""
    deployer = shop.forge.app("acme", "deployer", {"contents": "write"})
    shop.change_ruleset("writers", bypass_actors=actors(("Integration", deployer.id)))
    shop.secret("APP_KEY", shop.forge.app_key(deployer))
    assert_only_writers(shop.forge, STATE, BRANCH, {PRODUCTION, Actor.app("deployer")})
    text = failure(only_production, shop)
    assert "App deployer: create, push forward with an installation token for acme: bypasses ruleset 'writers'" in text


def test_the_token_of_a_machine_user_in_an_environment_makes_it_a_writer(shop: Shop) -> None:
    shop.forge.add_user("bot")
    shop.forge.grant(STATE, "bot", "write")
    shop.change_ruleset("writers", bypass_actors=actors(("User", shop.forge.user("bot").id)))
    shop.secret("BOT_TOKEN", shop.forge.token("bot"))
    assert_only_writers(shop.forge, STATE, BRANCH, {PRODUCTION, Actor.user("bot")})


def test_no_message_shows_a_credential(shop: Shop) -> None:
    private = shop.key("spare")
    token = shop.forge.token("olivia")
    shop.secret("ADMIN_TOKEN", token)
    with pytest.raises(AssertionError) as caught:
        assert_only_writers(shop.forge, STATE, BRANCH, ())
    inside = [repr(entry.frame.f_locals) for entry in caught.traceback[1:]]  # what `--showlocals` would print
    shown = "".join([str(caught.value), *inside])
    lines = [line for line in private.splitlines() if "-----" not in line]
    assert not [line for line in [token, "ghs_", "ghp_", *lines] if line in shown]


def test_nobody_moves_what_is_locked(shop: Shop) -> None:
    everywhere = {"include": ["~ALL"], "bypass": ()}
    shop.ruleset("branches", "creation", "update", "deletion", exclude=[f"refs/heads/{BRANCH}"], **everywhere)
    shop.ruleset("tags", "creation", "update", "deletion", target="tag", **everywhere)
    assert_nobody_moves(shop.forge, STATE, "main")
    assert_nobody_moves(shop.forge, STATE, "refs/tags/v1.0.0")


def test_a_tag_without_rules_is_moved_by_whoever_may_write(shop: Shop) -> None:
    text = failure(assert_nobody_moves, shop.forge, STATE, "refs/tags/v1.0.0")
    assert "acme/state refs/tags/v1.0.0: expected to be moved by nobody; but" in text
    for who in ("environment production of acme/shop", "user dana"):
        assert re.search(f"{who}: create, push forward, force push, delete with .*: no ruleset governs the ref", text)
    assert "can do nothing: any job of acme/shop, user otto" in text


@pytest.fixture
def reviewed(bare_shop: Shop) -> Shop:
    """The default branch of `acme/shop` under review."""
    rules = (PULL_REQUEST, "deletion", "non_fast_forward")
    bare_shop.ruleset("reviewed", *rules, include=["~DEFAULT_BRANCH"], repository="acme/shop")
    return bare_shop


def test_a_branch_under_review_is_protected(reviewed: Shop) -> None:
    access = assert_protected(reviewed.forge, "acme/shop")
    merges = [each for each in access.attempts if each.operation is Operation.MERGE_UNREVIEWED]
    assert {each.allowed for each in merges} == {False}
    assert any("approving review" in each.why for each in merges if each.actors == (Actor.user("dana"),))


def test_a_branch_without_a_ruleset_is_not_protected(bare_shop: Shop) -> None:
    text = failure(assert_protected, bare_shop.forge, "acme/shop")
    for login in ("dana", "mara", "olivia"):
        operations = "push forward, force push, merge a pull request that nobody approved"
        assert f"user {login}: {operations} with a personal token: no ruleset governs the ref" in text


def test_a_pull_request_that_needs_no_approval_is_no_review(bare_shop: Shop) -> None:
    parameters = {**PULL_REQUEST["parameters"], "required_approving_review_count": 0}  # type: ignore[dict-item]
    rule = {**PULL_REQUEST, "parameters": parameters}
    bare_shop.ruleset(
        "unreviewed", rule, "deletion", "non_fast_forward", include=["~DEFAULT_BRANCH"], repository="acme/shop"
    )
    text = failure(assert_protected, bare_shop.forge, "acme/shop")
    assert "user dana: merge a pull request that nobody approved with a personal token: no rule forbids it" in text
    assert "push forward" not in text


def test_who_may_push_past_the_review_is_named(reviewed: Shop) -> None:
    app = reviewed.forge.find_app("provisioner")
    reviewed.change_ruleset("reviewed", "acme/shop", bypass_actors=actors(("Integration", app.id)))
    text = failure(assert_protected, reviewed.forge, "acme/shop")
    assert "App provisioner: push forward, force push" in text
    with pytest.raises(AssertionError, match="force push"):
        assert_protected(reviewed.forge, "acme/shop", bypass={Actor.app("provisioner")})


def test_a_repository_or_branch_that_does_not_exist_is_a_mistake_of_the_test(forge: Sandbox) -> None:
    forge.add_repository("acme/shop")
    with pytest.raises(ValueError, match="no repository 'acme/shpo'"):
        assert_only_writers(forge, "acme/shpo", "main", ())
    with pytest.raises(ValueError, match="acme/shop has no branch refs/heads/main, so nothing can be protected"):
        assert_protected(forge, "acme/shop")
    with pytest.raises(ValueError, match=r"'refs/heads/a\.\.b' is no name of a ref"):
        assert_nobody_moves(forge, "acme/shop", "a..b")


def test_a_key_with_a_passphrase_is_no_credential(shop: Shop) -> None:
    """Jobs could not use it either; it must not stop the assertion."""
    locked = asyncssh.generate_private_key("ssh-ed25519").export_private_key("pkcs8-pem", passphrase="one two three")
    shop.secret("LOCKED", locked.decode())
    only_production(shop)


@pytest.mark.parametrize(
    ("message", "refusal"),
    [
        ("remote: Repository not found.\nfatal: repository 'x' not found", "Repository not found."),
        ("ERROR: The key is read only.\nfatal: Could not read from remote repository.", "The key is read only."),
        ("fatal: unable to access 'x': Connection refused", None),
        ("kex_exchange_identification: Connection closed by remote host", None),
    ],
    ids=["http", "ssh", "no connection", "closed"],
)
def test_only_what_the_forge_says_is_a_refusal(message: str, refusal: str | None) -> None:
    """Else a forge that is down would prove that nobody can push."""
    assert attempts._refusal(message) == refusal


def _production(forge: Sandbox) -> int:
    return next(each.id for each in forge.store.environments.values() if each.name == "production")
