"""Conditional requests: what a client has already is neither sent nor counted again."""

import hashlib
from collections.abc import Callable

import httpx
import pytest

from gitops_infra.sandbox.forge.conditional import etag
from gitops_infra.sandbox.forge.ledger import CallTotal
from gitops_infra.sandbox.forge.server import Sandbox

Client = Callable[..., httpx.Client]
PLAIN = {"Accept-Encoding": "identity"}
SHOP = "/repos/acme/shop"


def test_an_etag_is_the_hash_of_the_headers_it_varies_by_and_the_body() -> None:
    """As GitHub computes it, so that clients may predict it; the values are those of a client's own tests."""
    assert etag(b"[]", {}) == '"4f53cda18c2baa0c0354bb5f9a3ecbe5ed12ab4d8e11ba873c2f11161202b945"'
    asked = {"accept": "application/json", "authorization": "Bearer hunter1", "user-agent": "x"}
    wanted = hashlib.sha256(b"application/json:Bearer hunter1:{}").hexdigest()
    assert etag(b"{}", asked) == f'"{wanted}"'


def test_another_credential_is_another_answer(client: Client) -> None:
    """Else a cache that is shared would show one person what only another may see."""
    first, second = (client("dana").get(SHOP, headers=PLAIN) for _ in range(2))
    assert first.headers["ETag"] != second.headers["ETag"]
    assert first.headers["Vary"] == "Accept, Authorization, Cookie"


@pytest.mark.parametrize(
    "condition",
    ["{tag}", "W/{tag}", '"other", {tag}', '"other", W/{tag}', "*"],
)
def test_every_form_of_the_condition_is_understood(client: Client, condition: str) -> None:
    dana = client("dana")
    tag = dana.get(SHOP, headers=PLAIN).headers["ETag"]
    answer = dana.get(SHOP, headers={**PLAIN, "If-None-Match": condition.format(tag=tag)})
    assert (answer.status_code, answer.content, answer.headers["ETag"]) == (304, b"", tag)


@pytest.mark.parametrize("condition", ['"other"', 'W/"other"', "{bare}"])
def test_a_condition_that_names_something_else_is_not_met(client: Client, condition: str) -> None:
    dana = client("dana")
    tag = dana.get(SHOP, headers=PLAIN).headers["ETag"]
    answer = dana.get(SHOP, headers={**PLAIN, "If-None-Match": condition.format(bare=tag.strip('"'))})
    assert answer.status_code == 200


def test_a_client_that_takes_compressed_answers_gets_the_weak_form(client: Client) -> None:
    dana = client("dana")
    strong = dana.get(SHOP, headers=PLAIN).headers["ETag"]
    assert dana.get(SHOP, headers={"Accept-Encoding": "gzip"}).headers["ETag"] == f"W/{strong}"


def test_lists_and_heads_are_conditional_too_and_writes_are_not(client: Client) -> None:
    dana = client("dana")
    for path in (f"{SHOP}/labels", f"{SHOP}/branches"):
        tag = dana.get(path).headers["ETag"]
        assert dana.get(path, headers={"If-None-Match": tag}).status_code == 304
        assert dana.head(path, headers={"If-None-Match": tag}).status_code == 304
    written = dana.post(f"{SHOP}/labels", json={"name": "x"}, headers={"If-None-Match": "*"})
    assert written.status_code == 201


def test_a_date_counts_where_the_answer_has_one_and_no_tag_is_shown(client: Client) -> None:
    adam = client("adam")
    first = adam.get(SHOP)
    dated = {"If-Modified-Since": first.headers["Last-Modified"]}
    assert adam.get(SHOP, headers=dated).status_code == 304
    assert adam.get(SHOP, headers={**dated, "If-None-Match": '"other"'}).status_code == 200
    assert adam.get(SHOP, headers={"If-Modified-Since": "yesterday"}).status_code == 200
    assert adam.get(SHOP, headers={"If-Modified-Since": "Thu, 01 Jan 1970 00:00:00 GMT"}).status_code == 200
    assert "Last-Modified" not in adam.get(f"{SHOP}/labels").headers


def test_calls_are_totalled_by_route_and_a_304_is_not_counted(forge: Sandbox, client: Client) -> None:
    dana = client("dana")
    tag = dana.get(SHOP).headers["ETag"]
    begin = len(forge.requests)
    for _ in range(3):
        dana.get(SHOP, headers={"If-None-Match": tag})
    dana.get("/repos/acme/none")
    dana.post(f"{SHOP}/labels", json={"name": "x"})
    dana.get("/rate_limit")
    dana.get("/nowhere/at/all")
    assert forge.calls(begin) == [
        CallTotal("GET", "/repos/{owner}/{repo}", counted=1, uncounted=3),
        CallTotal("GET", "/nowhere/at/all", counted=1, uncounted=0),
        CallTotal("GET", "/rate_limit", counted=0, uncounted=1),
        CallTotal("POST", "/repos/{owner}/{repo}/labels", counted=1, uncounted=0),
    ]
    assert [request.status for request in forge.requests[begin:]] == [304, 304, 304, 404, 201, 200, 501]


def test_numeric_ids_are_counted_with_the_route_they_stand_for(forge: Sandbox, client: Client) -> None:
    number = forge.repository("acme/shop").id
    begin = len(forge.requests)
    client("dana").get(f"/repositories/{number}/labels")
    assert forge.calls(begin) == [CallTotal("GET", "/repos/{owner}/{repo}/labels", counted=1, uncounted=0)]


def test_an_anonymous_304_is_counted(forge: Sandbox, client: Client) -> None:
    """Source: GitHub REST, best practices: free is what was 'made while correctly authorized'."""
    anonymous = client()
    tag = anonymous.get("/users/dana").headers["ETag"]
    assert anonymous.get("/users/dana", headers={"If-None-Match": tag}).status_code == 304
    assert [request.counted for request in forge.requests] == [True, True]
