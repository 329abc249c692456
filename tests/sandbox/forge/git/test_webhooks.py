"""Webhooks hear of every ref that moves, whichever way it moves, and of none that does not."""

import base64
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from gitops_infra.sandbox.forge.git.bare import ABSENT
from gitops_infra.sandbox.forge.server import Sandbox

Client = Callable[..., httpx.Client]
Cloned = Callable[..., Any]
SHOP = "/repos/acme/shop"


@pytest.fixture
def told(forge: Sandbox, receiver: Any) -> Callable[..., list[Any]]:
    """Bodies that a webhook of acme/shop has got since it was asked last."""
    forge.add_webhook("acme/shop", receiver.url)
    seen = 0

    def since() -> list[Any]:
        nonlocal seen
        forge.wait_for_deliveries()
        bodies = receiver.bodies()
        new, seen = bodies[seen:], len(bodies)
        return new

    assert since() == []
    return since


def short(bodies: list[Any]) -> list[tuple[str, str, str]]:
    return [(body["ref"], body["before"], body["after"]) for body in bodies]


def test_a_push_over_http(forge: Sandbox, cloned: Cloned, told: Any) -> None:
    clone = cloned(login="dana")
    start, first = clone.head(), clone.commit("a.txt")
    second = clone.commit("b/c d.txt", message="two\n\nand why")
    assert clone.push("main").returncode == 0
    [body] = told()
    dana, shop = forge.user("dana"), f"{forge.url}/acme/shop"
    assert (
        body.items()
        >= {
            "ref": "refs/heads/main",
            "before": start,
            "after": second,
            "created": False,
            "deleted": False,
            "forced": False,
            "base_ref": None,
            "compare": f"{shop}/compare/{start[:12]}...{second[:12]}",
            "pusher": {"name": "dana", "email": f"{dana.id}+dana@users.noreply.github.com"},
        }.items()
    )
    assert [commit["id"] for commit in body["commits"]] == [first, second]
    assert body["head_commit"] == body["commits"][1]
    assert (
        body["head_commit"].items()
        >= {
            "id": second,
            "tree_id": clone.git("rev-parse", "HEAD^{tree}").stdout.strip(),
            "distinct": True,
            "message": "two\n\nand why",
            "timestamp": clone.git("log", "-1", "--format=%cI").stdout.strip(),
            "url": f"{shop}/commit/{second}",
            "author": {"name": "Test", "email": "test@example.test"},
            "added": ["b/c d.txt"],
            "removed": [],
            "modified": [],
        }.items()
    )
    assert (body["sender"]["login"], body["organization"]["login"]) == ("dana", "acme")
    repository = body["repository"]
    assert (
        repository.items() >= {"full_name": "acme/shop", "url": shop, "default_branch": "main", "private": True}.items()
    )
    assert repository["owner"].items() >= {"name": "acme", "login": "acme"}.items()
    assert isinstance(repository["pushed_at"], int)
    assert "permissions" not in repository


def test_a_push_over_ssh_by_a_deploy_key_is_its_creators(cloned: Cloned, deploy_key: Any, told: Any) -> None:
    clone = cloned(key=deploy_key("acme/shop"))
    before, after = clone.head(), clone.commit()
    assert clone.push("main").returncode == 0
    [body] = told()
    assert short([body]) == [("refs/heads/main", before, after)]
    assert (body["sender"]["login"], body["pusher"]["name"]) == ("olivia", "olivia")


def test_an_app_pushes_as_its_bot(forge: Sandbox, cloned: Cloned, told: Any) -> None:
    forge.app("acme", "robot", {"contents": "write"})
    clone = cloned(token=forge.app_token("robot"))
    clone.commit()
    assert clone.push("main").returncode == 0
    [body] = told()
    assert (body["sender"]["login"], body["sender"]["type"], body["pusher"]["name"]) == (
        "robot[bot]",
        "Bot",
        "robot[bot]",
    )


def test_several_refs_of_one_push_are_told_one_by_one_in_order(cloned: Cloned, told: Any) -> None:
    clone = cloned(login="dana")
    before, after = clone.head(), clone.commit()
    assert clone.push("main", "main:refs/heads/a", "main:refs/tags/v1").returncode == 0
    bodies = told()
    assert sorted(short(bodies)) == [
        ("refs/heads/a", ABSENT, after),
        ("refs/heads/main", before, after),
        ("refs/tags/v1", ABSENT, after),
    ]
    for body in bodies:
        assert body["head_commit"]["id"] == after
    tag = next(body for body in bodies if body["ref"] == "refs/tags/v1")
    assert (tag["created"], tag["commits"], tag["base_ref"]) == (True, [], "refs/heads/a")


def test_a_branch_of_its_own_brings_its_commits_and_a_forced_one_says_so(cloned: Cloned, told: Any) -> None:
    clone = cloned(login="dana")
    start, first = clone.head(), clone.commit()
    assert clone.push("main:refs/heads/topic").returncode == 0
    [body] = told()
    assert (body["created"], [commit["id"] for commit in body["commits"]]) == (True, [first])
    clone.git("reset", "--quiet", "--hard", start)
    second = clone.commit("other.txt")
    assert clone.push("+main:refs/heads/topic").returncode == 0
    [body] = told()
    assert (body["forced"], [commit["id"] for commit in body["commits"]]) == (True, [second])
    assert clone.push(f"+{start}:refs/heads/topic").returncode == 0
    [body] = told()
    assert (body["forced"], body["commits"], body["head_commit"]["id"]) == (True, [], start)
    assert clone.push(f"{second}:refs/heads/topic", f"{second}:refs/heads/main").returncode == 0
    assert [body["forced"] for body in told()] == [False, False]


def test_commits_that_another_branch_has_are_not_distinct(cloned: Cloned, told: Any) -> None:
    clone = cloned(login="dana")
    clone.commit()
    clone.push("main:refs/heads/topic")
    clone.push("main")
    assert [[commit["distinct"] for commit in body["commits"]] for body in told()] == [[True], [False]]


def test_a_deletion_by_git(cloned: Cloned, told: Any) -> None:
    clone = cloned(login="dana")
    clone.push("main:refs/heads/topic")
    told()
    assert clone.push(":refs/heads/topic").returncode == 0
    [body] = told()
    assert short([body]) == [("refs/heads/topic", clone.head(), ABSENT)]
    assert (body["deleted"], body["commits"], body["head_commit"]) == (True, [], None)


def test_refs_by_rest(client: Client, told: Any) -> None:
    dana = client("dana")
    sha = dana.get(f"{SHOP}/git/ref/heads/main").json()["object"]["sha"]
    dana.post(f"{SHOP}/git/refs", json={"ref": "refs/heads/topic", "sha": sha})
    [body] = told()
    assert (body["created"], body["commits"], body["base_ref"]) == (True, [], "refs/heads/main")
    content = {"message": "A file", "content": base64.b64encode(b"x").decode(), "branch": "topic"}
    commit = dana.put(f"{SHOP}/contents/x.txt", json=content).json()["commit"]["sha"]
    [body] = told()
    assert short([body]) == [("refs/heads/topic", sha, commit)]
    assert body["commits"][0]["author"]["username"] == "dana"
    dana.patch(f"{SHOP}/git/refs/heads/main", json={"sha": commit})
    assert short(told()) == [("refs/heads/main", sha, commit)]
    dana.delete(f"{SHOP}/git/refs/heads/topic")
    assert short(told()) == [("refs/heads/topic", commit, ABSENT)]


def test_a_merge_and_the_deletion_of_the_merged_branch(
    forge: Sandbox, cloned: Cloned, client: Client, told: Any
) -> None:
    client("adam").patch(SHOP, json={"delete_branch_on_merge": True})
    clone = cloned(login="dana")
    before, head = clone.head(), clone.commit()
    clone.push("main:refs/heads/topic")
    told()
    pull = forge.open_pull_request("acme/shop", "dana", "topic", "main")
    merged = client("mara").put(f"{SHOP}/pulls/{pull.number}/merge").json()["sha"]
    bodies = told()
    assert short(bodies) == [("refs/heads/main", before, merged), ("refs/heads/topic", head, ABSENT)]
    assert {commit["id"] for commit in bodies[0]["commits"]} == {merged, head}
    assert bodies[0]["sender"]["login"] == "mara"


def test_what_is_refused_or_moves_nothing_is_not_told(client: Client, cloned: Cloned, ruleset: Any, told: Any) -> None:
    ruleset("locked", ["refs/heads/main"], ["update"])
    clone = cloned(login="dana")
    clone.commit()
    assert clone.push("main").returncode != 0
    assert clone.push("main", "main:refs/heads/topic").returncode != 0
    assert clone.push("main:refs/notes/x").returncode == 0
    sha = clone.git("rev-parse", "origin/main").stdout.strip()
    assert client("dana").patch(f"{SHOP}/git/refs/heads/main", json={"sha": sha}).status_code == 200
    assert told() == []


def test_of_more_than_three_tags_at_once_nobody_is_told(cloned: Cloned, told: Any) -> None:
    clone = cloned(login="dana")
    assert clone.push(*(f"main:refs/tags/v{number}" for number in range(4)), "main:refs/heads/x").returncode == 0
    assert [body["ref"] for body in told()] == ["refs/heads/x"]
    assert clone.push(*(f":refs/tags/v{number}" for number in range(3))).returncode == 0
    assert [body["deleted"] for body in told()] == [True] * 3


def test_an_annotated_tag_and_one_of_no_commit(cloned: Cloned, told: Any) -> None:
    clone = cloned(login="dana")
    clone.git("tag", "-a", "-m", "one", "v1")
    clone.git("tag", "tree", "HEAD^{tree}")
    assert clone.push("v1", "tree").returncode == 0
    heads = {body["ref"]: body["head_commit"] for body in told()}
    assert heads["refs/tags/v1"]["id"] == clone.head()
    assert heads["refs/tags/tree"] is None


def test_only_subscribed_events_are_told(forge: Sandbox, cloned: Cloned, receiver: Any) -> None:
    forge.add_webhook("acme/shop", f"{receiver.url}/all", events=["*"])
    forge.add_webhook("acme/shop", f"{receiver.url}/created", events=["create"])
    forge.add_webhook("acme/shop", f"{receiver.url}/stars", events=["star"])
    forge.add_webhook("acme/shop", f"{receiver.url}/off", active=False)
    clone = cloned(login="dana")
    clone.push("main:refs/heads/topic")
    clone.push(":refs/heads/topic")
    forge.wait_for_deliveries()
    by_path: dict[str, list[str]] = {}
    for each in receiver.got:
        by_path.setdefault(each.path, []).append(each.event)
    assert by_path == {
        "/hook/all": ["ping", "push", "create", "push", "delete"],
        "/hook/created": ["ping", "create"],
        "/hook/stars": ["ping"],
    }
    created = receiver.bodies("create")
    assert created[0].items() >= {"ref": "topic", "ref_type": "branch", "master_branch": "main"}.items()
    assert len({each.headers["x-github-delivery"] for each in receiver.got if each.event == "create"}) == 1
    assert receiver.bodies("delete")[0]["ref"] == "topic"


def test_paths_that_are_no_text_and_messages_of_any_kind(cloned: Cloned, told: Any) -> None:
    clone = cloned(login="dana")
    Path(clone.directory, "D").write_text("a name like one of git's letters")
    clone.git("add", "D")
    clone.git("commit", "-qm", "A")
    (clone.directory / "\udcff.txt").write_text("no UTF-8")
    clone.git("add", "-A")
    clone.git("rm", "-q", "README.md")
    clone.git("commit", "-q", "--allow-empty-message", "-m", "")
    clone.git("commit", "-q", "--allow-empty", "-m", "nothing")
    assert clone.push("main").returncode == 0
    [body] = told()
    assert [(c["message"], c["added"], c["removed"]) for c in body["commits"]] == [
        ("A", ["D"], []),
        ("", ["\udcff.txt"], ["README.md"]),
        ("nothing", [], []),
    ]
