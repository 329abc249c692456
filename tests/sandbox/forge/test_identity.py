"""Roles and permissions of every kind of identity."""

import pytest

from gitops_infra.sandbox.forge.identity import (
    ANONYMOUS,
    ROLE_FOR,
    IdentityKind,
    digest,
    from_ssh_key,
    from_token,
    may,
    of_user,
    role,
)
from gitops_infra.sandbox.forge.model import DeployKey, Repository, Role, Token
from gitops_infra.sandbox.forge.server import Sandbox

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEB"


@pytest.fixture
def shop(forge: Sandbox) -> Repository:
    return forge.repository("acme/shop")


def test_the_strongest_of_all_roles_counts(forge: Sandbox, shop: Repository) -> None:
    forge.add_team("acme", "core", ["reed"])
    forge.grant("acme/shop", "acme/core", "maintain")
    roles = {login: role(forge.store, of_user(forge.user(login)), shop) for login in ("reed", "dana", "olivia", "otto")}
    assert roles == {"reed": Role.MAINTAIN, "dana": Role.WRITE, "olivia": Role.ADMIN, "otto": None}


def test_everybody_reads_what_is_public_and_nobody_writes_it_for_that(forge: Sandbox) -> None:
    public = forge.add_repository("acme/open", visibility="public")
    for identity in (ANONYMOUS, of_user(forge.user("otto"))):
        assert role(forge.store, identity, public) is Role.READ
        assert may(forge.store, identity, public, "contents", "read")
        assert not may(forge.store, identity, public, "contents", "write")


def test_members_of_the_organisation_read_what_is_internal(forge: Sandbox) -> None:
    internal = forge.add_repository("acme/inner", visibility="internal")
    assert role(forge.store, of_user(forge.user("dana")), internal) is Role.READ
    assert role(forge.store, of_user(forge.user("otto")), internal) is None


def test_an_app_without_installation_on_a_public_repository_only_reads(forge: Sandbox) -> None:
    public = forge.add_repository("acme/open", visibility="public")
    forge.app("acme", "robot", {"contents": "write"}, repositories=["acme/shop"])
    robot = from_token(forge.store, forge.app_token("robot"))
    assert may(forge.store, robot, public, "contents", "read")
    assert not may(forge.store, robot, public, "contents", "write")
    assert may(forge.store, robot, forge.repository("acme/shop"), "contents", "write")


def test_a_job_token_is_good_for_its_repository_and_permissions(forge: Sandbox, shop: Repository) -> None:
    other = forge.add_repository("acme/other")
    record = Token(forge.store.new_id(), digest("t"), "job", repository_id=shop.id, permissions={"contents": "read"})
    forge.store.add(record)
    job = from_token(forge.store, "t")
    assert (job.kind, job.app_id, job.label) == (IdentityKind.JOB, 15368, "github-actions[bot]")
    assert may(forge.store, job, shop, "contents", "read")
    assert not may(forge.store, job, shop, "contents", "write")
    assert not may(forge.store, job, shop, "secrets", "read")
    assert role(forge.store, job, other) is None


@pytest.mark.parametrize("read_only", [True, False])
def test_a_deploy_key_reaches_the_contents_of_its_repository_only(
    forge: Sandbox,
    shop: Repository,
    read_only: bool,  # noqa: FBT001  (a parameter of the test)
) -> None:
    other = forge.add_repository("acme/other")
    forge.store.add(DeployKey(forge.store.new_id(), shop.id, "ci", KEY, read_only, None, "x", 0))
    identity = from_ssh_key(forge.store, f"{KEY} comment")
    assert (identity.kind, identity.label) == (IdentityKind.DEPLOY_KEY, "deploy key 'ci'")
    allowed = {(p, level) for p, level in ROLE_FOR if may(forge.store, identity, shop, p, level)}
    assert allowed == {("metadata", "read"), ("contents", "read")} | (set() if read_only else {("contents", "write")})
    assert role(forge.store, identity, other) is None


def test_a_deploy_key_is_dead_without_its_token_or_the_consent_of_the_organisation(
    forge: Sandbox, shop: Repository
) -> None:
    value = forge.token("adam")
    maker = from_token(forge.store, value).token_id
    forge.store.add(
        DeployKey(
            forge.store.new_id(),
            shop.id,
            "ci",
            KEY,
            read_only=False,
            created_by_token=maker,
            added_by="adam",
            created_at=0,
        )
    )
    organization = forge.organization("acme")
    assert from_ssh_key(forge.store, KEY) is not None
    organization.deploy_keys_enabled = False
    assert from_ssh_key(forge.store, KEY) is None
    organization.deploy_keys_enabled = True
    forge.revoke(value)
    assert from_ssh_key(forge.store, KEY) is None


def test_a_users_key_authenticates_the_user(forge: Sandbox) -> None:
    forge.add_ssh_key("dana", f"{KEY} dana@host")
    assert from_ssh_key(forge.store, KEY).user_id == forge.user("dana").id
    with pytest.raises(ValueError, match="the SSH key is already in use"):
        forge.add_ssh_key("mara", KEY)
    assert from_ssh_key(forge.store, KEY.replace("AQ", "Ag")) is None


def test_token_values_are_not_stored(forge: Sandbox) -> None:
    value = forge.token("dana")
    assert all(value not in repr(token) for token in forge.store.tokens.values())
    assert value.startswith("ghp_")


def test_no_store_record_of_a_token_is_found_for_no_value(forge: Sandbox) -> None:
    assert from_token(forge.store, None) is from_token(forge.store, "") is ANONYMOUS
