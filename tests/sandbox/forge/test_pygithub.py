"""PyGithub against the forge, plain and over TLS: a client that nobody here wrote."""

import base64
from collections.abc import Callable, Iterator
from pathlib import Path

import github
import pytest
from github.Repository import Repository

from gitops_infra.sandbox.client import Clone, TokenCredential
from gitops_infra.sandbox.forge.jobs import JobGrant
from gitops_infra.sandbox.forge.server import Sandbox

from .conftest import Receiver

SHOP = "acme/shop"
Connect = Callable[..., github.Github]


@pytest.fixture(params=["plain", "tls"])
def forge(tmp_path: Path, seed: Callable[[Sandbox], Sandbox], request: pytest.FixtureRequest) -> Iterator[Sandbox]:
    with Sandbox(tmp_path / "forge", tls=request.param == "tls") as running:
        yield seed(running)


@pytest.fixture
def connect(forge: Sandbox) -> Iterator[Connect]:
    """A connection of one person."""
    opened: list[github.Github] = []

    def make(login: str, retry: int | None = None) -> github.Github:
        url = f"{forge.tls_url or forge.url}/api/v3"
        trust = str(forge.ca_file) if forge.tls_url else True
        token = github.Auth.Token(forge.token(login))
        opened.append(github.Github(base_url=url, auth=token, verify=trust, retry=retry, seconds_between_writes=0))
        return opened[-1]

    yield make
    for each in opened:
        each.close()


@pytest.fixture
def shop(connect: Connect) -> Repository:
    """acme/shop, as its administrator sees it."""
    return connect("adam").get_repo(SHOP)


def test_it_sees_who_it_is_and_what_is_there(connect: Connect) -> None:
    dana = connect("dana")
    assert dana.get_user().login == "dana"
    assert [repository.full_name for repository in dana.get_organization("acme").get_repos()] == [SHOP]
    with pytest.raises(github.UnknownObjectException):
        dana.get_repo("acme/none")


def test_a_repository_that_did_not_change_is_not_sent_again(forge: Sandbox, shop: Repository) -> None:
    assert shop.update() is False
    assert forge.requests[-1].status == 304
    forge_side = forge.repository(SHOP)
    forge_side.settings["description"] = "other"
    forge.store.save(forge_side)
    assert (shop.update(), shop.description) == (True, "other")


def test_an_environment_with_its_secret_and_variable(forge: Sandbox, shop: Repository) -> None:
    environment = shop.create_environment("production")
    environment.create_secret("KEY", "a sealed value")
    environment.create_variable("LEVEL", "debug")
    assert [each.name for each in shop.get_environments()] == ["production"]
    assert [each.name for each in environment.get_secrets()] == ["KEY"]
    assert [(each.name, each.value) for each in environment.get_variables()] == [("LEVEL", "debug")]
    request = {"repository": SHOP, "event": "push", "ref": "refs/heads/main", "actor": "dana"}
    job = forge.job(**request, environment="production")
    assert isinstance(job, JobGrant)
    assert job.secrets["KEY"] == "a sealed value"
    environment.delete_secret("KEY")
    environment.delete_variable("LEVEL")
    shop.delete_environment("production")
    assert list(shop.get_environments()) == []


def test_deploy_keys_and_labels(shop: Repository) -> None:
    kind = b"ssh-ed25519"
    data = len(kind).to_bytes(4, "big") + kind + (32).to_bytes(4, "big") + bytes(32)
    key = shop.create_key("ci", f"ssh-ed25519 {base64.b64encode(data).decode()}", read_only=True)
    assert [(each.title, each.read_only) for each in shop.get_keys()] == [("ci", True)]
    key.delete()
    assert list(shop.get_keys()) == []
    label = shop.create_label("review/app", "ff0000")
    label.edit("review/site", "00ff00")
    assert [(each.name, each.color) for each in shop.get_labels()] == [("review/site", "00ff00")]
    label.delete()


def test_a_ruleset_holds_for_what_it_does_next(shop: Repository) -> None:
    """This client has no rulesets of its own, so they are asked for through it."""
    ruleset = {
        "name": "locked",
        "target": "branch",
        "enforcement": "active",
        "conditions": {"ref_name": {"include": ["refs/heads/env/*"], "exclude": []}},
        "rules": [{"type": "creation"}],
    }
    _, made = shop.requester.requestJsonAndCheck("POST", f"{shop.url}/rulesets", input=ruleset)
    main = shop.get_branch("main").commit.sha
    with pytest.raises(github.GithubException) as refused:
        shop.create_git_ref("refs/heads/env/staging", main)
    assert refused.value.status == 422
    shop.requester.requestJsonAndCheck("DELETE", f"{shop.url}/rulesets/{made['id']}")
    assert shop.create_git_ref("refs/heads/env/staging", main).object.sha == main


def test_a_pull_request_is_opened_reviewed_and_merged(
    forge: Sandbox, shop: Repository, connect: Connect, tmp_path: Path
) -> None:
    clone, dana = Clone.empty(tmp_path / "clone"), TokenCredential(forge.token("dana"))
    start = clone.fetch(forge.http_url(SHOP), "refs/heads/main", dana)
    commit = clone.commit(start, "A change", {"a.txt": "a\n"})
    assert clone.push(forge.http_url(SHOP), f"{commit}:refs/heads/topic", dana).allowed
    pull = connect("dana").get_repo(SHOP).create_pull(base="main", head="topic", title="A change", body="Because")
    assert (pull.number, pull.body, pull.state) == (1, "Because", "open")
    shop.get_pull(1).create_review(event="APPROVE", body="")
    assert [review.state for review in pull.get_reviews()] == ["APPROVED"]
    assert pull.merge(merge_method="squash").merged
    assert shop.get_pull(1).merged


def test_a_webhook_is_made_changed_told_and_removed(forge: Sandbox, shop: Repository, receiver: Receiver) -> None:
    config = {"url": receiver.url, "content_type": "json", "secret": "s", "insecure_ssl": "0"}
    hook = shop.create_hook("web", config, ["push"], active=True)
    forge.wait_for_deliveries()
    assert [(each.id, each.events, each.config["secret"]) for each in shop.get_hooks()] == [
        (hook.id, ["push"], "********")
    ]
    shop.create_git_ref("refs/heads/topic", shop.get_branch("main").commit.sha)
    hook.ping()
    hook.test()
    forge.wait_for_deliveries()
    assert [each.event for each in receiver.got] == ["ping", "push", "ping", "push"]
    deliveries = list(shop.get_hook_deliveries(hook.id))
    assert [(each.event, each.status) for each in deliveries] == [("push", "OK"), ("ping", "OK")] * 2
    found = shop.get_hook_delivery(hook.id, deliveries[0].id)
    assert found.request.payload["ref"] == "refs/heads/topic"
    hook.edit("web", config, add_events=["create"], active=False)
    assert (hook.events, hook.active, hook.last_response.code) == (["create", "push"], False, 200)
    with pytest.raises(github.GithubException) as refused:
        shop.create_hook("web", config, ["push"])
    assert refused.value.data["errors"][0]["message"] == "Hook already exists on this repository"
    hook.delete()
    assert list(shop.get_hooks()) == []


def test_it_hears_of_limits(forge: Sandbox, connect: Connect) -> None:
    dana = connect("dana")
    forge.limits(primary=1)
    assert dana.get_rate_limit().rate.remaining == 1
    dana.get_user("dana")
    assert dana.rate_limiting == (0, 1)
    with pytest.raises(github.RateLimitExceededException):
        dana.get_user("dana")
