"""Repositories renamed, transferred, archived and deleted, by REST and by real git."""

import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from gitops_infra.sandbox.client import Clone, KeyCredential, TokenCredential
from gitops_infra.sandbox.forge.model import Role
from gitops_infra.sandbox.forge.server import Sandbox

from .conftest import RULESET, key

Client = Callable[..., httpx.Client]


def message(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["message"]


def renamed(client: Client) -> httpx.Client:
    adam = client("adam")
    assert adam.patch("/repos/acme/shop", json={"name": "store"}).status_code == 200
    return adam


def test_the_old_name_leads_readers_and_writers_to_the_number(forge: Sandbox, client: Client) -> None:
    adam = renamed(client)
    number = forge.repository("acme/store").id
    read = adam.get("/repos/acme/shop/keys?per_page=1")
    assert (*message(read), read.headers["Location"]) == (
        301,
        "Moved Permanently",
        f"{forge.api_url}/repositories/{number}/keys?per_page=1",
    )
    written = adam.post("/repos/acme/shop/labels", json={"name": "a", "color": "ffffff"})
    assert message(written) == (307, "Moved Permanently")
    again = adam.post("/repos/acme/shop/labels", json={"name": "a", "color": "ffffff"}, follow_redirects=True)
    assert again.status_code == 201
    assert adam.get("/repos/acme/shop", follow_redirects=True).json()["full_name"] == "acme/store"


def test_a_redirect_tells_a_stranger_nothing(client: Client) -> None:
    renamed(client)
    assert message(client("otto").get("/repos/acme/shop")) == (404, "Not Found")
    assert message(client().get("/repos/acme/shop")) == (404, "Not Found")


def test_git_finds_the_repository_by_its_old_name(forge: Sandbox, client: Client, tmp_path: Path) -> None:
    renamed(client)
    credential = TokenCredential(forge.token("dana"))
    clone = Clone.of(forge.http_url("acme/shop"), tmp_path / "clone", credential)
    sha = clone.commit(clone.git("rev-parse", "HEAD"), "change", {"file": "x"})
    assert clone.push(forge.http_url("acme/shop"), f"{sha}:refs/heads/main", credential).allowed
    assert clone.head(forge.http_url("acme/store"), "refs/heads/main", credential) == sha


def test_a_new_repository_takes_the_old_name_for_good(forge: Sandbox, client: Client) -> None:
    adam = renamed(client)
    made = client("olivia").post("/orgs/acme/repos", json={"name": "shop"}).json()
    assert client("olivia").get("/repos/acme/shop").json()["id"] == made["id"]
    client("olivia").delete("/repos/acme/shop")
    assert message(adam.get("/repos/acme/shop")) == (404, "Not Found")
    assert forge.repository("acme/store").former_names == []


def test_a_repository_that_takes_its_old_name_back_is_there_itself(client: Client) -> None:
    adam = renamed(client)
    assert adam.patch("/repos/acme/store", json={"name": "shop"}).status_code == 200
    assert adam.get("/repos/acme/shop").status_code == 200
    assert adam.get("/repos/acme/store").status_code == 301


# Transfer


@pytest.fixture
def globex(forge: Sandbox) -> Sandbox:
    forge.add_organization("globex", owners=["adam"], price_plan="enterprise")
    return forge


def test_a_transfer_takes_protection_along_and_leaves_the_old_owners_people_behind(
    globex: Sandbox, client: Client, tmp_path: Path
) -> None:
    team = globex.add_team("acme", "core", ["dana"])
    globex.grant("acme/shop", "acme/core", Role.WRITE)
    app = globex.app("acme", "robot", {"contents": "write"}, repositories=["acme/shop"])
    adam = client("adam")
    reviewers = {"reviewers": [{"type": "Team", "id": team.id}, {"type": "User", "id": globex.user("mara").id}]}
    assert adam.put("/repos/acme/shop/environments/production", json=reviewers).status_code == 200
    assert adam.post("/repos/acme/shop/rulesets", json=RULESET).status_code == 201
    assert adam.post("/repos/acme/shop/keys", json={"key": key(1)}).status_code == 201
    answer = adam.post("/repos/acme/shop/transfer", json={"new_owner": "globex", "new_name": "store"})
    assert (answer.status_code, answer.json()["full_name"]) == (202, "globex/store")
    assert [len(adam.get(f"/repos/globex/store/{part}").json()) for part in ("rulesets", "keys")] == [1, 1]
    environment = adam.get("/repos/globex/store/environments/production").json()
    [rule] = environment["protection_rules"]
    assert [reviewer["reviewer"]["login"] for reviewer in rule["reviewers"]] == ["mara"]
    assert globex.store.teams[team.id].repositories == {}
    assert globex.installation(app).repository_ids == set()
    assert message(client(token=globex.app_token(app)).get("/repos/globex/store")) == (404, "Not Found")
    assert adam.get("/repos/acme/shop").status_code == 301
    assert client("mara").get("/repos/globex/store").status_code == 200  # a collaborator stays one
    clone = Clone.of(globex.http_url("acme/shop"), tmp_path / "clone", TokenCredential(globex.token("mara")))
    assert clone.git("rev-parse", "HEAD")


def test_bypass_actors_of_the_old_owner_pass_no_more(globex: Sandbox, client: Client, tmp_path: Path) -> None:
    team = globex.add_team("acme", "core", ["dana"])
    adam = client("adam")
    body = {**RULESET, "conditions": {"ref_name": {"include": ["~ALL"], "exclude": []}}}
    body["bypass_actors"] = [{"actor_type": "Team", "actor_id": team.id, "bypass_mode": "always"}]
    assert adam.post("/repos/acme/shop/rulesets", json=body).status_code == 201
    credential = TokenCredential(globex.token("dana"))
    clone = Clone.of(globex.http_url("acme/shop"), tmp_path / "clone", credential)

    def push() -> bool:
        sha = clone.commit(clone.git("rev-parse", "HEAD"), "change", {"file": str(len(globex.pushes))})
        clone.git("update-ref", "HEAD", sha)
        return clone.push(globex.http_url("acme/shop"), f"{sha}:refs/heads/main", credential).allowed

    assert push()
    assert adam.post("/repos/acme/shop/transfer", json={"new_owner": "globex"}).status_code == 202
    assert not push()


@pytest.mark.parametrize(
    ("who", "body", "expected"),
    [
        ("mara", {"new_owner": "globex"}, (403, "Must have admin rights to Repository.")),
        ("adam", {"new_owner": "initech"}, (403, "You don't have the permission to create repositories on initech")),
        ("adam", {"new_owner": "nobody"}, (422, "Validation Failed")),
        ("adam", {"new_owner": "acme"}, (422, "Validation Failed")),
        ("adam", {"new_owner": "globex", "new_name": "a b"}, (422, "Validation Failed")),
        ("adam", {"new_owner": "globex", "new_name": "taken"}, (422, "Repository transfer failed.")),
        (
            "adam",
            {"new_owner": "dana"},
            (501, "stand-in has no transfer to another user, who would have to accept it by mail"),
        ),
    ],
)
def test_what_a_transfer_needs(
    globex: Sandbox, client: Client, who: str, body: dict[str, Any], expected: tuple[int, str]
) -> None:
    globex.add_organization("initech", owners=["otto"])
    globex.add_repository("globex/taken")
    assert message(client(who).post("/repos/acme/shop/transfer", json=body)) == expected
    assert globex.repository("acme/shop").former_names == []


def test_an_owner_moves_a_repository_to_their_own_account(client: Client) -> None:
    answer = client("adam").post("/repos/acme/shop/transfer", json={"new_owner": "adam"})
    assert (answer.status_code, answer.json()["full_name"], "organization" in answer.json()) == (
        202,
        "adam/shop",
        False,
    )


# Archive and delete


def test_an_archived_repository_is_read_only_until_it_is_revived(
    forge: Sandbox, client: Client, tmp_path: Path
) -> None:
    adam, archived = client("adam"), (403, "Repository was archived so is read-only.")
    assert adam.patch("/repos/acme/shop", json={"archived": True}).json()["archived"] is True
    writes = [
        adam.post("/repos/acme/shop/keys", json={"key": key(1)}),
        adam.post("/repos/acme/shop/rulesets", json=RULESET),
        adam.put("/repos/acme/shop/environments/staging", json={}),
        adam.put("/repos/acme/shop/contents/x", json={"message": "x", "content": "eA=="}),
        adam.post("/repos/acme/shop/transfer", json={"new_owner": "adam"}),
        adam.patch("/repos/acme/shop", json={"description": "x"}),
    ]
    assert [message(answer) for answer in writes] == [archived] * len(writes)
    credential = TokenCredential(forge.token("dana"))
    clone = Clone.of(forge.http_url("acme/shop"), tmp_path / "clone", credential)
    sha = clone.commit(clone.git("rev-parse", "HEAD"), "change", {"file": "x"})
    push = clone.push(forge.http_url("acme/shop"), f"{sha}:refs/heads/main", credential)
    assert not push.allowed
    assert "This repository was archived so it is read-only." in push.message
    assert adam.patch("/repos/acme/shop", json={"archived": False}).status_code == 200
    assert clone.push(forge.http_url("acme/shop"), f"{sha}:refs/heads/main", credential).allowed


def test_a_deleted_repository_is_gone_from_every_installation(forge: Sandbox, client: Client) -> None:
    app = forge.app("acme", "robot", {"contents": "read"}, repositories=["acme/shop"])
    assert client("adam").delete("/repos/acme/shop").status_code == 204
    assert forge.installation(app).repository_ids == set()
    assert client(token=forge.app_token(app)).get("/installation/repositories").json()["repositories"] == []


# Deploy keys of an organisation that forbids them


def test_forbidding_deploy_keys_silences_existing_ones_and_allowing_them_revives_them(
    forge: Sandbox, client: Client, tmp_path: Path
) -> None:
    private = tmp_path / "key"
    public = _new_key(private)
    assert client("adam").post("/repos/acme/shop/keys", json={"key": public}).status_code == 201
    credential = KeyCredential(private.read_text(), forge.known_hosts)
    clone = Clone.empty(tmp_path / "clone")
    url = forge.ssh_url("acme/shop")
    assert clone.read(url, credential).allowed
    for allowed in (False, True):
        body = {"deploy_keys_enabled_for_repositories": allowed}
        assert client("olivia").patch("/orgs/acme", json=body).status_code == 200
        assert clone.read(url, credential).allowed is allowed
        assert [known["enabled"] for known in client("adam").get("/repos/acme/shop/keys").json()] == [allowed]


def _new_key(path: Path) -> str:
    command = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(path)]
    subprocess.run(command, check=True)
    return Path(f"{path}.pub").read_text()


def test_the_base_permission_is_one_of_four_words(forge: Sandbox, client: Client) -> None:
    forge.add_repository("acme/other", auto_init=True)
    olivia, dana = client("olivia"), client("dana")
    seen = {}
    for base in ("none", "read", "write", "admin"):
        assert olivia.patch("/orgs/acme", json={"default_repository_permission": base}).status_code == 200
        answer = dana.get("/repos/acme/other")
        seen[base] = answer.json()["permissions"]["admin"] if answer.status_code == 200 else None
    assert seen == {"none": None, "read": False, "write": False, "admin": True}
    answer = olivia.patch("/orgs/acme", json={"default_repository_permission": "owner"})
    assert message(answer) == (422, "Validation Failed")
