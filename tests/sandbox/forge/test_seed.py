"""Seeding: what a test or a demo puts into a forge, and what it is told when that cannot be."""

from collections.abc import Callable

import pytest

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
