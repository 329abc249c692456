"""Forks."""

from collections.abc import Callable

import httpx

from gitops_infra.sandbox.forge.server import Sandbox

Client = Callable[..., httpx.Client]

FORKS = "/repos/acme/shop/forks"


def public(client: Client) -> httpx.Client:
    """Adam's client; acme/shop is public and has a branch `next`."""
    adam = client("adam")
    adam.patch("/repos/acme/shop", json={"visibility": "public", "description": "a shop"})
    sha = adam.get("/repos/acme/shop/git/ref/heads/main").json()["object"]["sha"]
    adam.post("/repos/acme/shop/git/refs", json={"ref": "refs/heads/next", "sha": sha})
    return adam


def test_a_fork_has_the_whole_history_and_knows_its_parent_and_source(client: Client) -> None:
    adam, otto, reed = public(client), client("otto"), client("reed")
    made = otto.post(FORKS, json={})
    assert (made.status_code, made.json()["full_name"], made.json()["fork"]) == (202, "otto/shop", True)
    assert made.json()["description"] == "a shop"
    again = reed.post("/repos/otto/shop/forks", json={"name": "again"}).json()
    assert (again["parent"]["full_name"], again["source"]["full_name"]) == ("otto/shop", "acme/shop")
    heads = [
        client("otto").get(f"/repos/{name}/git/ref/heads/next").json()["object"]["sha"]
        for name in ("acme/shop", "otto/shop")
    ]
    assert heads[0] == heads[1]
    assert [fork["full_name"] for fork in adam.get(FORKS).json()] == ["otto/shop"]
    parent = adam.get("/repos/acme/shop").json()
    assert (parent["fork"], "parent" in parent) == (False, False)


def test_a_fork_is_the_owners_to_change(client: Client) -> None:
    public(client)
    otto = client("otto")
    otto.post(FORKS, json={})
    assert otto.patch("/repos/otto/shop", json={"description": "mine"}).json()["description"] == "mine"
    assert client("adam").patch("/repos/otto/shop", json={"description": "ours"}).status_code == 403


def test_only_the_default_branch_comes_along_on_request(client: Client) -> None:
    public(client)
    otto = client("otto")
    otto.post(FORKS, json={"default_branch_only": True})
    assert [branch["name"] for branch in otto.get("/repos/otto/shop/branches").json()] == ["main"]


def test_a_fork_into_an_organisation_needs_the_right_to_create_there(client: Client) -> None:
    public(client)
    assert client("dana").post(FORKS, json={"organization": "acme", "name": "twin"}).status_code == 202
    assert client("otto").post(FORKS, json={"organization": "acme", "name": "third"}).status_code == 403


def test_a_private_repository_is_forked_only_where_its_setting_allows_it(client: Client, forge: Sandbox) -> None:
    dana = client("dana")
    answer = dana.post(FORKS, json={})
    assert (answer.status_code, answer.json()["message"]) == (403, "Forking is disabled for this repository")
    client("adam").patch("/repos/acme/shop", json={"allow_forking": True})
    assert dana.post(FORKS, json={}).json()["visibility"] == "private"
    assert client("otto").post(FORKS, json={}).status_code == 404
    assert forge.store.repository("otto", "shop") is None
