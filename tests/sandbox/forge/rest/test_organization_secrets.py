"""Secrets of an organisation: sealed, read by jobs of its repositories, listed to its owners."""

import base64
from collections.abc import Callable

import httpx
import pytest
from nacl.public import PublicKey, SealedBox

from gitops_infra.sandbox.forge.jobs import JobGrant
from gitops_infra.sandbox.forge.server import Sandbox

Client = Callable[..., httpx.Client]

ROOT = "/orgs/acme/actions/secrets"
SHARED = "/repos/acme/shop/actions/organization-secrets"
SECRET = "canary-5c1f0a"


@pytest.fixture
def owner(client: Client) -> httpx.Client:
    return client("olivia")


def put(owner: httpx.Client, name: str, visibility: str) -> httpx.Response:
    key = owner.get(f"{ROOT}/public-key").json()
    box = base64.b64encode(SealedBox(PublicKey(base64.b64decode(key["key"]))).encrypt(SECRET.encode())).decode()
    body = {"encrypted_value": box, "key_id": key["key_id"], "visibility": visibility}
    return owner.put(f"{ROOT}/{name}", json=body)


def test_it_is_made_listed_without_its_value_and_removed(owner: httpx.Client) -> None:
    assert put(owner, "TOKEN", "all").status_code == 201
    assert put(owner, "token", "all").status_code == 204
    (listed,) = owner.get(ROOT).json()["secrets"]
    assert listed["name"] == "TOKEN"
    assert SECRET not in owner.get(ROOT).text + owner.get(SHARED).text
    assert [each["name"] for each in owner.get(SHARED).json()["secrets"]] == ["TOKEN"]
    assert owner.delete(f"{ROOT}/TOKEN").status_code == 204
    assert owner.delete(f"{ROOT}/TOKEN").status_code == 404


def test_a_job_reads_it_and_a_secret_of_the_repository_wins(forge: Sandbox, owner: httpx.Client) -> None:
    put(owner, "TOKEN", "all")
    asked = {"repository": "acme/shop", "event": "push", "ref": "refs/heads/main", "actor": "olivia"}
    grant = forge.job(**asked)
    assert isinstance(grant, JobGrant)
    assert grant.secrets == {"TOKEN": SECRET}
    forge.repository("acme/shop").secrets["TOKEN"] = {"value": "own", "created_at": 0.0, "updated_at": 0.0}
    grant = forge.job(**asked)
    assert isinstance(grant, JobGrant)
    assert grant.secrets == {"TOKEN": "own"}


def test_one_for_private_repositories_is_not_shared_with_a_public_one(owner: httpx.Client) -> None:
    put(owner, "PRIVATE", "private")
    put(owner, "ALL", "all")
    owner.patch("/repos/acme/shop", json={"visibility": "public"})
    assert [each["name"] for each in owner.get(SHARED).json()["secrets"]] == ["ALL"]


def test_a_visibility_that_is_not_implemented_is_refused_by_name(owner: httpx.Client) -> None:
    answer = put(owner, "TOKEN", "selected")
    assert answer.status_code == 422
    assert "'selected'" in answer.text


def test_a_member_may_not_list_them(client: Client) -> None:
    assert client("adam").get(ROOT).status_code in {403, 404}
