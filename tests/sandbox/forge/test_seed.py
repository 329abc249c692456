"""Seeding: what a test or a demo puts into a forge, and what it is told when that cannot be."""

from collections.abc import Callable

import pytest

from gitops_infra.sandbox.forge.model import AppKey
from gitops_infra.sandbox.forge.server import Sandbox


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda f: f.add_user("dana"), "'dana' exists already"),
        (lambda f: f.add_user("a b"), "'a b' is no login: letters, digits and hyphens"),
        (
            lambda f: f.add_organization("beta", price_plan="gold"),
            "'gold' is no price plan: one of free, pro, team, enterprise",
        ),
        (lambda f: f.add_organization("beta", owners=["nobody"]), "no user 'nobody'"),
        (lambda f: f.add_member("dana", "otto"), "no organisation 'dana'"),
        (lambda f: f.add_repository("shop"), "'shop' is not of the form owner/name"),
        (lambda f: f.grant("acme/none", "dana", "write"), "no repository 'acme/none'"),
        (lambda f: f.grant("acme/shop", "acme/none", "write"), "no team acme/none"),
        (lambda f: f.grant("acme/shop", "dana", "owner"), "'owner' is not a valid Role"),
        (lambda f: f.app_token("robot"), "no app 'robot'"),
        (lambda f: f.revoke("ghp_x"), "no such token"),
        (lambda f: f.add_user("new", ssh_key="nonsense"), "the SSH key is not an OpenSSH public key"),
    ],
)
def test_bad_input_is_one_clear_error(forge: Sandbox, call: Callable[[Sandbox], object], message: str) -> None:
    with pytest.raises(ValueError, match="^" + message.replace(":", "\\:") + "$"):
        call(forge)


def test_a_failed_call_leaves_nothing_behind(forge: Sandbox) -> None:
    with pytest.raises(ValueError, match="no user 'nobody'"):
        forge.add_team("acme", "core", ["otto", "nobody"])
    assert not forge.store.teams
    assert forge.user("otto").id not in forge.organization("acme").members


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda f: f.create_app("acme", "robot", {"gold": "read"}),
            r"no permission 'gold': the stand-in forge knows .*",
        ),
        (
            lambda f: f.create_app("acme", "robot", {"contents": "all"}),
            "permission contents: 'all' is none of read, write, admin",
        ),
        (lambda f: f.create_app("acme", "!", {}), "Name can't be blank"),
        (lambda f: f.create_app("acme", "Dana", {}), "app 'dana' exists already: names are unique on the whole forge"),
        (lambda f: f.install(f.create_app("acme", "robot", {}), "acme", []), "select at least one repository, or all"),
        (
            lambda f: f.install(f.create_app("acme", "robot", {}, public=True), "dana", ["acme/shop"]),
            "shop is not a repository of dana",
        ),
        (lambda f: f.uninstall(f.create_app("acme", "robot", {})), "app 'robot' is not installed on acme"),
        (lambda f: f.app_key("robot"), "no app 'robot'"),
    ],
)
def test_an_app_that_cannot_be_is_one_clear_error(
    forge: Sandbox, call: Callable[[Sandbox], object], message: str
) -> None:
    with pytest.raises(ValueError, match=f"^{message}$"):
        call(forge)
    assert not forge.store.installations


def test_an_app_has_as_many_private_keys_as_github_allows(forge: Sandbox) -> None:
    app = forge.create_app("acme", "robot", {})
    key = AppKey("SHA256:x", "PEM", 0.0)
    app.keys = [key] * 25
    forge.store.save(app)
    with pytest.raises(ValueError, match=r"^app robot has 25 private keys, as many as GitHub allows$"):
        forge.app_key(app)
