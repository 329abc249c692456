"""New repositories from a template."""

import base64
from collections.abc import Callable

import httpx
import pytest

from gitops_infra.sandbox.forge.server import Sandbox

Client = Callable[..., httpx.Client]

GENERATE = "/repos/acme/shop/generate"


@pytest.fixture
def template(client: Client) -> httpx.Client:
    """Olivia's client; acme/shop is a template with two commits on `main` and a branch `next`."""
    olivia = client("olivia")
    olivia.patch("/repos/acme/shop", json={"is_template": True})
    content = base64.b64encode(b"print()\n").decode()
    olivia.put("/repos/acme/shop/contents/src/app.py", json={"message": "Add the application", "content": content})
    sha = olivia.get("/repos/acme/shop/git/ref/heads/main").json()["object"]["sha"]
    olivia.post("/repos/acme/shop/git/refs", json={"ref": "refs/heads/next", "sha": sha})
    return olivia


def test_the_files_come_along_and_the_history_does_not(template: httpx.Client) -> None:
    made = template.post(GENERATE, json={"owner": "acme", "name": "api", "description": "made", "private": True})
    assert (made.status_code, made.json()["full_name"], made.json()["visibility"]) == (201, "acme/api", "private")
    assert (made.json()["description"], made.json()["is_template"]) == ("made", False)
    commits = template.get("/repos/acme/api/commits").json()
    assert [commit["commit"]["message"] for commit in commits] == ["Initial commit"]
    assert template.get("/repos/acme/api/contents/src/app.py").json()["size"] == 8
    assert [branch["name"] for branch in template.get("/repos/acme/api/branches").json()] == ["main"]


def test_all_branches_come_along_on_request(template: httpx.Client) -> None:
    template.post(GENERATE, json={"owner": "acme", "name": "api", "include_all_branches": True})
    assert [branch["name"] for branch in template.get("/repos/acme/api/branches").json()] == ["main", "next"]


def test_the_repository_names_its_template_to_those_who_can_see_it(
    template: httpx.Client, client: Client, forge: Sandbox
) -> None:
    template.post(GENERATE, json={"owner": "acme", "name": "api"})
    assert template.get("/repos/acme/api").json()["template_repository"]["full_name"] == "acme/shop"
    assert "template_repository" not in client("otto").get("/repos/acme/api").json()
    assert "template_repository" not in template.get("/repos/acme/shop").json()


def test_an_empty_template_gives_an_empty_repository(client: Client) -> None:
    olivia = client("olivia")
    olivia.post("/orgs/acme/repos", json={"name": "bare", "is_template": True})
    assert olivia.post("/repos/acme/bare/generate", json={"owner": "acme", "name": "api"}).status_code == 201
    assert olivia.get("/repos/acme/api/branches").json() == []


def test_without_an_owner_it_is_the_users_own(template: httpx.Client) -> None:
    assert template.post(GENERATE, json={"name": "mine"}).json()["full_name"] == "olivia/mine"


def test_only_a_template_can_be_used_and_only_where_one_may_create(client: Client, template: httpx.Client) -> None:
    otto, dana = client("otto"), client("dana")
    assert otto.post(GENERATE, json={"name": "mine"}).status_code == 404  # private
    template.post("/orgs/acme/repos", json={"name": "plain"})
    assert dana.post("/repos/acme/plain/generate", json={"name": "mine"}).status_code == 404
    answer = dana.post(GENERATE, json={"owner": "otto", "name": "gift"})
    assert answer.json()["errors"][0]["message"] == "otto is another user"
    template.patch("/repos/acme/shop", json={"visibility": "public"})
    assert otto.post(GENERATE, json={"owner": "acme", "name": "gift"}).status_code == 403


def test_a_taken_name_is_refused(template: httpx.Client) -> None:
    assert template.post(GENERATE, json={"owner": "acme", "name": "shop"}).status_code == 422
