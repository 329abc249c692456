"""Real pushes by every kind of individual identity: Apps, machine users, tokens; and after each loses what it had."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from gitops_infra.sandbox.forge.model import App
from gitops_infra.sandbox.forge.server import Sandbox

Clones = Callable[..., Any]
Client = Callable[..., httpx.Client]
ENV = "refs/heads/env/staging"
WRITERS = ("creation", "update")
DENIED = "remote: Write access to repository not granted."


def refused(clone: Any, refspec: str = "main") -> str:
    done = clone.push(refspec)
    assert done.returncode != 0, done.stderr
    return str(done.stderr)


def accepted(clone: Any, refspec: str = "main") -> None:
    done = clone.push(refspec)
    assert done.returncode == 0, done.stderr


@pytest.fixture
def staging(forge: Sandbox) -> App:
    """An App that may write contents and workflow files of acme/shop."""
    return forge.app("acme", "staging", {"contents": "write", "workflows": "write"}, repositories=["acme/shop"])


def test_an_installation_token_pushes_where_the_app_is_installed_and_nowhere_else(
    forge: Sandbox, staging: App, cloned: Clones, workplace: Clones
) -> None:
    forge.add_repository("acme/other", auto_init=True)
    token = forge.app_token(staging)
    clone = cloned(token=token)
    clone.commit()
    accepted(clone)
    stranger = workplace("acme/other", token=token)
    stranger.commit()
    assert "remote: Repository not found." in refused(stranger, "HEAD:refs/heads/x")
    assert [(push.actor, push.allowed) for push in forge.pushes] == [("staging[bot]", True)]


def test_only_the_app_that_a_ruleset_names_moves_the_branch(
    forge: Sandbox, staging: App, cloned: Clones, ruleset: Callable[..., Any]
) -> None:
    other = forge.app("acme", "production", {"contents": "write"})
    ruleset("writers", [ENV], WRITERS, [("Integration", staging.id)])
    mine, theirs, hers = (
        cloned(token=forge.app_token(staging)),
        cloned(token=forge.app_token(other)),
        cloned(login="adam"),
    )
    for clone in (mine, theirs, hers):
        clone.commit()
    accepted(mine, f"HEAD:{ENV}")
    for clone in (theirs, hers):
        clone.git("fetch", "--quiet", "origin", ENV)
        clone.git("reset", "--hard", "--quiet", "FETCH_HEAD")
        clone.commit()
        assert "- Cannot update this protected ref." in refused(clone, f"HEAD:{ENV}")


@pytest.mark.parametrize(
    ("loss", "words"),
    [
        (lambda forge: forge.uninstall("staging"), "remote: Invalid username or token."),
        (lambda forge: forge.set_app_permissions("staging", {"contents": "read"}), DENIED),
        (lambda forge: forge.set_app_permissions("staging", {}), DENIED),
        (lambda forge: forge.install("staging", "acme", ["acme/other"]), "remote: Repository not found."),
    ],
    ids=["uninstalled", "only read left", "no contents left", "repository no longer selected"],
)
def test_an_app_loses_its_push_at_once(
    forge: Sandbox, staging: App, cloned: Clones, loss: Callable[[Sandbox], None], words: str
) -> None:
    forge.add_repository("acme/other")
    clone = cloned(token=forge.app_token(staging))
    clone.commit()
    accepted(clone)
    clone.commit()
    loss(forge)
    assert words in refused(clone)


@pytest.mark.parametrize(
    ("part", "words"),
    [
        ({"permissions": {"contents": "read"}}, DENIED),
        ({"repositories": ["acme/other"]}, "remote: Repository not found."),
    ],
    ids=["permission", "repository"],
)
def test_a_token_for_a_part_cannot_push_the_rest(
    forge: Sandbox, cloned: Clones, part: dict[str, Any], words: str
) -> None:
    forge.add_repository("acme/other")
    app = forge.app("acme", "wide", {"contents": "write"})
    clone = cloned(login="dana")
    clone.git(
        "remote",
        "set-url",
        "origin",
        forge.http_url("acme/shop").replace("http://", f"http://x:{forge.app_token(app, **part)}@"),
    )
    clone.commit()
    assert words in refused(clone)


def test_workflow_files_need_the_apps_workflows_permission(forge: Sandbox, cloned: Clones) -> None:
    app = forge.app("acme", "plain", {"contents": "write"})
    token = forge.app_token(app)
    clone = cloned(token=token)
    clone.commit(".github/workflows/ci.yml", "on: push\n")
    assert (
        "refusing to allow a GitHub App to create or update workflow `.github/workflows/ci.yml`"
        " without `workflows` permission" in refused(clone)
    )
    forge.set_app_permissions(app, {"contents": "write", "workflows": "write"})
    accepted(clone)


def machine_user(forge: Sandbox, client: Client, make_key: Callable[[str], Path], login: str = "deployer") -> Path:
    """An ordinary user with write, and a key that they uploaded themselves."""
    forge.add_user(login)
    forge.add_member("acme", login)
    forge.grant("acme/shop", login, "write")
    private = make_key(login)
    answer = client(login).post("/user/keys", json={"title": "ci", "key": Path(f"{private}.pub").read_text()})
    assert answer.status_code == 201, answer.text
    return private


def test_a_machine_user_pushes_with_its_key_also_workflow_files_until_the_key_is_removed(
    forge: Sandbox, client: Client, make_key: Callable[[str], Path], cloned: Clones
) -> None:
    clone = cloned(key=machine_user(forge, client, make_key))
    clone.commit(".github/workflows/ci.yml", "on: push\n")
    accepted(clone)
    assert [(push.actor, push.via) for push in forge.pushes] == [("deployer", "ssh")]
    deployer = client("deployer")
    [key] = deployer.get("/user/keys").json()
    assert deployer.delete(f"/user/keys/{key['id']}").status_code == 204
    clone.commit()
    assert "Permission denied (publickey)" in refused(clone)


def test_only_the_machine_user_that_a_ruleset_names_moves_the_branch(
    forge: Sandbox,
    client: Client,
    make_key: Callable[[str], Path],
    cloned: Clones,
    ruleset: Callable[..., Any],
) -> None:
    keys = {login: machine_user(forge, client, make_key, login) for login in ("deployer", "stranger")}
    ruleset("writers", [ENV], WRITERS, [("User", forge.user("deployer").id)])
    clones = {login: cloned(key=key) for login, key in keys.items()}
    for clone in clones.values():
        clone.commit()
    assert "- Cannot create ref due to creations being restricted." in refused(clones["stranger"], f"HEAD:{ENV}")
    accepted(clones["deployer"], f"HEAD:{ENV}")
    # A token of the same user is the same user, over HTTP and over REST.
    http = cloned(login="deployer")
    http.git("fetch", "--quiet", "origin", ENV)
    http.git("reset", "--hard", "--quiet", "FETCH_HEAD")
    http.commit()
    accepted(http, f"HEAD:{ENV}")
    content = {"message": "x", "content": "eA==", "branch": "env/staging"}
    assert client("deployer").put("/repos/acme/shop/contents/new", json=content).status_code == 201
    answer = client("stranger").put("/repos/acme/shop/contents/other", json=content)
    assert (answer.status_code, "Cannot update this protected ref." in answer.json()["message"]) == (409, True)


def test_a_machine_user_who_leaves_the_organisation_pushes_no_more(
    forge: Sandbox, client: Client, make_key: Callable[[str], Path], cloned: Clones
) -> None:
    clone = cloned(key=machine_user(forge, client, make_key))
    clone.commit()
    accepted(clone)
    repository = forge.repository("acme/shop")
    del repository.collaborators[forge.user("deployer").id]
    forge.store.save(repository)
    clone.commit()
    assert "ERROR: Repository not found." in refused(clone)


@pytest.mark.parametrize("kind", ["Integration", "User"])
@pytest.mark.parametrize("named", [True, False], ids=["named", "another"])
def test_bypass_actors_count_for_merges_too(
    forge: Sandbox, client: Client, cloned: Clones, ruleset: Callable[..., Any], kind: str, *, named: bool
) -> None:
    app = forge.app("acme", "merger", {"contents": "write", "pull_requests": "write"})
    number = {"Integration": app.id, "User": forge.user("dana").id}[kind]
    clone = cloned(login="mara")
    clone.commit()
    accepted(clone, "HEAD:refs/heads/topic")
    pull = forge.open_pull_request("acme/shop", "mara", "topic", "main")
    ruleset("locked", ["refs/heads/main"], ["update"], [(kind, number)])
    merger = {
        ("Integration", True): lambda: client(token=forge.app_token(app)),
        ("User", True): lambda: client("dana"),
    }.get((kind, named), lambda: client("mara"))()
    answer = merger.put(f"/repos/acme/shop/pulls/{pull.number}/merge")
    assert answer.status_code == (200 if named else 405), answer.text


@pytest.mark.parametrize(("level", "status"), [("write", 200), ("read", 403)])
def test_an_app_merges_with_write_access_to_contents_and_none_to_pull_requests(
    forge: Sandbox, client: Client, cloned: Clones, level: str, status: int
) -> None:
    """GitHub REST, "Merge a pull request", asks for Contents alone. In a private repository, where nothing is free."""
    app = forge.app("acme", "merger", {"contents": level})
    assert forge.repository("acme/shop").visibility == "private"
    clone = cloned(login="mara")
    clone.commit()
    accepted(clone, "HEAD:refs/heads/topic")
    pull = forge.open_pull_request("acme/shop", "mara", "topic", "main")
    answer = client(token=forge.app_token(app)).put(f"/repos/acme/shop/pulls/{pull.number}/merge")
    assert answer.status_code == status, answer.text


# Personal tokens


def test_a_classic_token_without_the_workflow_scope_pushes_everything_but_workflow_files(
    forge: Sandbox, cloned: Clones
) -> None:
    clone = cloned(token=forge.token("dana", scopes=["repo"]))
    clone.commit()
    accepted(clone)
    clone.commit(".github/workflows/ci.yml", "on: push\n")
    assert (
        "refusing to allow a Personal Access Token to create or update workflow `.github/workflows/ci.yml`"
        " without `workflow` scope" in refused(clone)
    )
    clone.git("remote", "set-url", "origin", cloned(token=forge.token("dana", scopes=["repo", "workflow"])).url)
    accepted(clone)


def test_a_fine_grained_token_pushes_to_its_repositories_only_and_once_the_organisation_agrees(
    forge: Sandbox, cloned: Clones, workplace: Clones
) -> None:
    forge.add_repository("acme/other", auto_init=True)
    forge.grant("acme/other", "dana", "write")
    forge.configure_account("acme", approves_tokens=True)
    token = forge.token("dana", {"contents": "write"}, owner="acme", repositories=["acme/shop"])
    early = workplace(token=token)
    early.commit()
    assert "remote: Repository not found." in refused(early, "HEAD:refs/heads/x")
    forge.approve_token(token)
    clone = cloned(token=token)
    clone.commit()
    accepted(clone)
    other = workplace("acme/other", token=token)
    other.commit()
    assert "remote: Repository not found." in refused(other, "HEAD:refs/heads/x")
