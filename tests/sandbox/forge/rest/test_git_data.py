"""Refs, branches, commits, contents, statuses, pull requests and deployments by REST."""

import base64
from collections.abc import Callable

import httpx
import pytest

from gitops_infra.sandbox.forge.server import Sandbox

Client = Callable[..., httpx.Client]

REPO = "/repos/acme/shop"


def head(client: httpx.Client, branch: str = "main") -> str:
    return client.get(f"{REPO}/git/ref/heads/{branch}").json()["object"]["sha"]


def write(client: httpx.Client, path: str, content: str, branch: str = "main", **more: str) -> httpx.Response:
    encoded = base64.b64encode(content.encode()).decode()
    return client.put(
        f"{REPO}/contents/{path}", json={"message": f"write {path}", "content": encoded, "branch": branch, **more}
    )


def branch(client: httpx.Client, name: str) -> str:
    sha = head(client)
    client.post(f"{REPO}/git/refs", json={"ref": f"refs/heads/{name}", "sha": sha})
    return sha


def test_a_ref_is_made_moved_and_removed(client: Client) -> None:
    dana = client("dana")
    first = head(dana)
    made = dana.post(f"{REPO}/git/refs", json={"ref": "refs/heads/a/b", "sha": first})
    assert (made.status_code, made.json()["ref"], made.json()["object"]["type"]) == (201, "refs/heads/a/b", "commit")
    second = write(dana, "x", "1").json()["commit"]["sha"]
    moved = dana.patch(f"{REPO}/git/refs/heads/a/b", json={"sha": second})
    assert moved.json()["object"]["sha"] == second
    back = dana.patch(f"{REPO}/git/refs/heads/a/b", json={"sha": first})
    assert (back.status_code, back.json()["message"]) == (422, "Update is not a fast forward")
    assert dana.patch(f"{REPO}/git/refs/heads/a/b", json={"sha": first, "force": True}).status_code == 200
    assert dana.delete(f"{REPO}/git/refs/heads/a/b").status_code == 204
    assert dana.get(f"{REPO}/git/ref/heads/a/b").status_code == 404


def test_the_older_form_answers_one_ref_a_list_or_404(client: Client) -> None:
    """`GET git/refs/NAME`, which clients still use: an object for an exact name, a list for the start of some."""
    dana = client("dana")
    branch(dana, "feature/one")
    branch(dana, "feature/two")
    assert dana.get(f"{REPO}/git/refs/heads/main").json()["ref"] == "refs/heads/main"
    features = ["refs/heads/feature/one", "refs/heads/feature/two"]
    assert [ref["ref"] for ref in dana.get(f"{REPO}/git/refs/heads/feat").json()] == features
    assert [ref["ref"] for ref in dana.get(f"{REPO}/git/refs/heads/").json()] == [*features, "refs/heads/main"]
    assert [ref["ref"] for ref in dana.get(f"{REPO}/git/refs").json()] == [*features, "refs/heads/main"]
    assert dana.get(f"{REPO}/git/refs/heads/none").status_code == 404


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({"ref": "refs/heads/main"}, "Reference already exists"),
        ({"ref": "refs/heads/new", "sha": "1" * 40}, "Object does not exist"),
        ({"ref": "heads/new"}, "Reference name must start with 'refs' and contain at least two slashes."),
        ({"ref": "refs/heads/../x"}, "Reference name must start with 'refs' and contain at least two slashes."),
    ],
)
def test_an_impossible_ref_is_refused_in_githubs_words(client: Client, body: dict[str, str], message: str) -> None:
    """The provider adopts a branch on the exact text `Reference already exists`."""
    dana = client("dana")
    answer = dana.post(f"{REPO}/git/refs", json={"sha": head(dana), **body})
    assert (answer.status_code, answer.json()["message"]) == (422, message)


def test_a_ref_that_is_not_there_cannot_be_moved_or_removed(client: Client) -> None:
    dana = client("dana")
    for answer in (
        dana.delete(f"{REPO}/git/refs/heads/x"),
        dana.patch(f"{REPO}/git/refs/heads/x", json={"sha": head(dana)}),
    ):
        assert (answer.status_code, answer.json()["message"]) == (422, "Reference does not exist")


def test_matching_refs_start_with_the_text(client: Client) -> None:
    dana = client("dana")
    branch(dana, "env/a")
    branch(dana, "env/b")
    found = dana.get(f"{REPO}/git/matching-refs/heads/env").json()
    assert [ref["ref"] for ref in found] == ["refs/heads/env/a", "refs/heads/env/b"]


def test_readers_move_no_ref(client: Client) -> None:
    tess = client("tess")
    answer = tess.post(f"{REPO}/git/refs", json={"ref": "refs/heads/x", "sha": head(tess)})
    assert (answer.status_code, answer.json()["message"]) == (403, "Must have push access to repository")


def test_a_branch_is_found_with_an_encoded_slash_and_renamed(client: Client) -> None:
    dana = client("dana")
    sha = branch(dana, "env/a")
    assert dana.get(f"{REPO}/branches/env%2Fa").json()["commit"]["sha"] == sha
    renamed = dana.post(f"{REPO}/branches/env%2Fa/rename", json={"new_name": "env/b"})
    assert (renamed.status_code, renamed.json()["name"]) == (201, "env/b")
    gone = dana.get(f"{REPO}/branches/env%2Fa")
    assert (gone.status_code, gone.json()["message"]) == (404, "Branch not found")


def test_a_rename_that_the_rules_forbid_leaves_both_names_as_they_were(client: Client) -> None:
    adam = client("adam")
    branch(adam, "kept")
    adam.post(
        f"{REPO}/rulesets",
        json={
            "name": "keep",
            "target": "branch",
            "enforcement": "active",
            "conditions": {"ref_name": {"include": ["refs/heads/kept"], "exclude": []}},
            "rules": [{"type": "deletion"}],
        },
    )
    assert adam.post(f"{REPO}/branches/kept/rename", json={"new_name": "other"}).status_code == 422
    assert [b["name"] for b in adam.get(f"{REPO}/branches").json()] == ["kept", "main"]
    assert [b["name"] for b in adam.get(f"{REPO}/branches?protected=true").json()] == ["kept"]


def test_renaming_the_default_branch_takes_an_administrator(client: Client) -> None:
    assert client("dana").post(f"{REPO}/branches/main/rename", json={"new_name": "trunk"}).status_code == 403
    assert client("adam").post(f"{REPO}/branches/main/rename", json={"new_name": "trunk"}).status_code == 201
    assert client("adam").get(REPO).json()["default_branch"] == "trunk"


def test_a_file_is_made_with_201_replaced_with_200_and_removed(client: Client) -> None:
    dana = client("dana")
    made = write(dana, "deploy/a b.yaml", "one")
    assert made.status_code == 201
    sha = made.json()["content"]["sha"]
    without = write(dana, "deploy/a b.yaml", "two")
    assert (without.status_code, without.json()["message"]) == (422, 'Invalid request.\n\n"sha" wasn\'t supplied.')
    stale = write(dana, "deploy/a b.yaml", "two", sha="0" * 40)
    assert (stale.status_code, stale.json()["message"]) == (409, f"deploy/a b.yaml does not match {'0' * 40}")
    replaced = write(dana, "deploy/a b.yaml", "two", sha=sha)
    assert replaced.status_code == 200
    read = dana.get(f"{REPO}/contents/deploy/a b.yaml", params={"ref": "main"}).json()
    assert base64.b64decode(read["content"]) == b"two"
    assert read["url"].endswith("?ref=main")
    assert [entry["name"] for entry in dana.get(f"{REPO}/contents/deploy").json()] == ["a b.yaml"]
    gone = dana.request("DELETE", f"{REPO}/contents/deploy/a b.yaml", json={"message": "rm", "sha": read["sha"]})
    assert (gone.status_code, gone.json()["content"]) == (200, None)
    assert dana.get(f"{REPO}/contents/deploy/a b.yaml").status_code == 404


def test_the_first_file_of_an_empty_repository_makes_its_default_branch(forge: Sandbox, client: Client) -> None:
    forge.add_repository("acme/empty")
    olivia = client("olivia")
    made = olivia.put("/repos/acme/empty/contents/a", json={"message": "first", "content": "YQ=="})
    assert made.status_code == 201
    assert [b["name"] for b in olivia.get("/repos/acme/empty/branches").json()] == ["main"]


@pytest.mark.parametrize("path", ["a/../b", ".git/config", "a//b"])
def test_a_path_that_git_does_not_store_is_refused(client: Client, path: str) -> None:
    encoded = path.replace("..", "%2E%2E")
    assert write(client("dana"), encoded, "x").status_code in {404, 422}


def test_a_rule_on_the_branch_refuses_a_file_with_409(client: Client) -> None:
    adam = client("adam")
    adam.post(
        f"{REPO}/rulesets",
        json={
            "name": "reviewed",
            "target": "branch",
            "enforcement": "active",
            "conditions": {"ref_name": {"include": ["~DEFAULT_BRANCH"], "exclude": []}},
            "rules": [{"type": "pull_request", "parameters": PULL_REQUEST}],
        },
    )
    answer = write(adam, "x", "1")
    assert answer.status_code == 409
    assert "Changes must be made through a pull request." in answer.json()["message"]
    assert adam.get(f"{REPO}/contents/x").status_code == 404


PULL_REQUEST = {
    "required_approving_review_count": 1,
    "dismiss_stale_reviews_on_push": True,
    "require_code_owner_review": False,
    "require_last_push_approval": False,
    "required_review_thread_resolution": False,
}


def test_commits_are_listed_by_branch_and_path_newest_first(client: Client) -> None:
    dana = client("dana")
    first = write(dana, "a", "1").json()["commit"]["sha"]
    second = write(dana, "b", "2").json()["commit"]["sha"]
    assert [c["sha"] for c in dana.get(f"{REPO}/commits?sha=main&per_page=2").json()] == [second, first]
    assert [c["sha"] for c in dana.get(f"{REPO}/commits", params={"path": "a"}).json()] == [first]
    one = dana.get(f"{REPO}/commits/{second}").json()
    assert one["files"] == [{"filename": "b", "status": "added"}]
    assert (one["parents"][0]["sha"], one["commit"]["message"], one["author"]["login"]) == (first, "write b", "dana")
    assert dana.get(f"{REPO}/git/commits/{second}").json()["tree"] == one["commit"]["tree"]
    assert dana.get(f"{REPO}/commits/gone").status_code == 422


@pytest.mark.parametrize("name", ["main~0", "--all", "HEAD^{/x}", "main..main"])
def test_a_git_expression_is_not_a_commit(client: Client, name: str) -> None:
    """Else a name could carry options or a walk over history into git."""
    answer = client("dana").get(f"{REPO}/commits", params={"sha": name})
    assert answer.status_code == 404


def test_compare_tells_how_far_two_branches_are_apart(client: Client) -> None:
    dana = client("dana")
    branch(dana, "topic")
    write(dana, "a", "1", "topic")
    answer = dana.get(f"{REPO}/compare/main...topic").json()
    assert (answer["status"], answer["ahead_by"], answer["behind_by"], len(answer["commits"])) == ("ahead", 1, 0, 1)
    write(dana, "b", "1")
    assert dana.get(f"{REPO}/compare/main...topic").json()["status"] == "diverged"
    assert dana.get(f"{REPO}/compare/main...main").json()["status"] == "identical"


def test_the_last_status_of_a_context_counts(client: Client) -> None:
    dana = client("dana")
    sha = head(dana)
    for state in ("pending", "success"):
        assert dana.post(f"{REPO}/statuses/{sha}", json={"state": state, "context": "ci"}).status_code == 201
    combined = dana.get(f"{REPO}/commits/main/status").json()
    assert (combined["state"], combined["total_count"]) == ("success", 1)
    assert [s["state"] for s in dana.get(f"{REPO}/commits/{sha}/statuses").json()] == ["success", "pending"]
    assert client("reed").post(f"{REPO}/statuses/{sha}", json={"state": "success"}).status_code == 403
    assert dana.post(f"{REPO}/statuses/{'1' * 40}", json={"state": "success"}).status_code == 422


def test_a_pull_request_is_opened_reviewed_and_merged(client: Client) -> None:
    dana, mara = client("dana"), client("mara")
    branch(dana, "topic")
    sha = write(dana, "a", "1", "topic").json()["commit"]["sha"]
    opened = dana.post(f"{REPO}/pulls", json={"title": "A", "head": "topic", "base": "main"})
    assert opened.status_code == 201
    pull = opened.json()
    assert (pull["state"], pull["merged"], pull["head"]["sha"], pull["user"]["login"]) == ("open", False, sha, "dana")
    path = f"{REPO}/pulls/{pull['number']}"
    assert dana.get(f"{path}/merge").status_code == 404
    assert mara.post(f"{path}/reviews", json={"event": "APPROVE"}).json()["state"] == "APPROVED"
    assert dana.post(f"{path}/reviews", json={"event": "APPROVE"}).status_code == 422
    assert [r["user"]["login"] for r in dana.get(f"{path}/reviews").json()] == ["mara"]
    moved = mara.put(f"{path}/merge", json={"sha": "1" * 40})
    assert moved.status_code == 409
    merged = mara.put(f"{path}/merge", json={"merge_method": "squash"})
    assert (merged.status_code, merged.json()["merged"]) == (200, True)
    assert head(dana) == merged.json()["sha"]
    assert dana.get(f"{path}/merge").status_code == 204
    assert dana.get(f"{REPO}/pulls").json() == []
    assert [p["number"] for p in dana.get(f"{REPO}/pulls?state=closed&head=acme:topic").json()] == [pull["number"]]


def test_readers_merge_nothing(client: Client) -> None:
    dana = client("dana")
    branch(dana, "topic")
    write(dana, "a", "1", "topic")
    number = dana.post(f"{REPO}/pulls", json={"title": "A", "head": "topic", "base": "main"}).json()["number"]
    assert client("tess").put(f"{REPO}/pulls/{number}/merge", json={}).status_code == 403
    assert dana.patch(f"{REPO}/pulls/{number}", json={"state": "closed"}).json()["state"] == "closed"
    assert client("dana").put(f"{REPO}/pulls/{number}/merge", json={}).status_code == 405


def test_deployments_made_by_rest_are_listed_by_environment_and_commit(client: Client) -> None:
    dana = client("dana")
    sha = head(dana)
    made = dana.post(f"{REPO}/deployments", json={"ref": "main", "environment": "staging"})
    assert (made.status_code, made.json()["sha"]) == (201, sha)
    path = f"{REPO}/deployments/{made.json()['id']}"
    assert dana.get(f"{path}/statuses").json()[0]["state"] == "pending"
    assert dana.post(f"{path}/statuses", json={"state": "success"}).json()["state"] == "success"
    assert len(dana.get(f"{REPO}/deployments", params={"environment": "staging", "sha": sha}).json()) == 1
    assert dana.get(f"{REPO}/deployments?environment=production").json() == []
    assert client("tess").post(f"{REPO}/deployments", json={"ref": "main"}).status_code == 403


def test_only_the_job_gate_changes_a_jobs_deployment(forge: Sandbox, client: Client) -> None:
    """Else whoever may write deployments could claim that production was reached."""
    adam = client("adam")
    adam.put(f"{REPO}/environments/staging", json={})
    grant = forge.job(repository="acme/shop", event="push", ref="refs/heads/main", environment="staging", actor="dana")
    [deployment] = adam.get(f"{REPO}/deployments?environment=staging").json()
    path = f"{REPO}/deployments/{deployment['id']}/statuses"
    assert adam.get(path).json()[0]["state"] == "in_progress"
    assert adam.post(path, json={"state": "success"}).status_code == 422
    assert client(token=grant.token).get(REPO).status_code == 200
    forge.finish(grant)
    assert adam.get(path).json()[0]["state"] == "success"
    assert client(token=grant.token).get(REPO).status_code == 401
