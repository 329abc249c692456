"""GitHub Apps over REST: the JWT, installations, and tokens for a part of what an installation has."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from gitops_infra.sandbox.forge.model import App, Role
from gitops_infra.sandbox.forge.server import Sandbox

Client = Callable[..., httpx.Client]

PERMISSIONS = {"contents": "write", "administration": "read"}
DECODE = "A JSON web token could not be decoded"
EXPIRY = (
    "'Expiration time' claim ('exp') must be a numeric value representing the future time"
    " at which the assertion expires"
)
ISSUED = "'Issued at' claim ('iat') must be an Integer representing the time that the assertion was issued"
NOW = 1_800_000_000


@pytest.fixture
def forge(tmp_path: Path) -> Iterator[Sandbox]:
    """An organisation with two repositories, at a moment that stands still."""
    with Sandbox(tmp_path / "forge", clock=lambda: NOW) as running:
        for login in ("olivia", "adam", "otto"):
            running.add_user(login)
        running.add_organization("acme", owners=["olivia"], price_plan="enterprise")
        running.add_organization("globex", owners=["otto"])
        for name in ("acme/shop", "acme/other"):
            running.add_repository(name, auto_init=True)
        running.add_member("acme", "adam")
        running.grant("acme/shop", "adam", Role.ADMIN)
        yield running


@pytest.fixture
def robot(forge: Sandbox) -> App:
    return forge.app("acme", "robot", PERMISSIONS)


@pytest.fixture(scope="module")
def foreign_key() -> str:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
    ).decode()


def signed(pem: str, issuer: Any, **claims: Any) -> str:
    body = {"iss": issuer, "iat": NOW - 60, "exp": NOW + 540, **claims}
    return jwt.encode({name: value for name, value in body.items() if value is not None}, pem, algorithm="RS256")


def message(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["message"]


@pytest.fixture
def as_app(forge: Sandbox, client: Client) -> Callable[[App], httpx.Client]:
    return lambda app: client(token=signed(forge.app_key(app), str(app.id)))


@pytest.mark.parametrize("issuer", ["id", "number", "client_id"])
def test_an_app_is_known_by_its_id_or_its_client_id(forge: Sandbox, client: Client, robot: App, issuer: str) -> None:
    value = {"id": str(robot.id), "number": robot.id, "client_id": robot.client_id}[issuer]
    pem = forge.app_key(robot)
    # PyJWT refuses a number as issuer, which GitHub takes and older clients send.
    token = (
        jwt.api_jws.encode(f'{{"iss":{value},"iat":{NOW},"exp":{NOW + 60}}}'.encode(), pem, algorithm="RS256")
        if issuer == "number"
        else signed(pem, value)
    )
    answer = client(token=token).get("/app")
    assert answer.status_code == 200
    body = answer.json()
    assert (body["id"], body["slug"], body["owner"]["login"], body["installations_count"]) == (
        robot.id,
        "robot",
        "acme",
        1,
    )
    assert body["permissions"] == {"metadata": "read", **PERMISSIONS}


@pytest.mark.parametrize(
    ("claims", "expected"),
    [
        ({"exp": NOW + 601}, (401, "'Expiration time' claim ('exp') is too far in the future")),
        ({"exp": NOW + 600}, None),
        ({"exp": NOW}, (401, EXPIRY)),
        ({"exp": NOW - 1}, (401, EXPIRY)),
        ({"exp": None}, (401, EXPIRY)),
        ({"exp": "soon"}, (401, EXPIRY)),
        ({"iat": NOW + 61}, (401, ISSUED)),
        ({"iat": NOW + 60}, None),
        ({"iat": None}, (401, ISSUED)),
        ({"iss": None}, (401, "'Issuer' claim ('iss') must be an Integer")),
        ({"iss": "999"}, (404, "Integration not found")),
    ],
    ids=lambda value: str(value)[:40],
)
def test_the_claims_of_a_jwt_are_checked_to_the_second(
    forge: Sandbox, client: Client, robot: App, claims: dict[str, Any], expected: tuple[int, str] | None
) -> None:
    answer = client(token=signed(forge.app_key(robot), **{"issuer": str(robot.id), **_named(claims)})).get("/app")
    assert answer.status_code == 200 if expected is None else message(answer) == expected


def _named(claims: dict[str, Any]) -> dict[str, Any]:
    return {"issuer" if name == "iss" else name: value for name, value in claims.items()}


def test_a_foreign_key_a_forged_algorithm_and_another_apps_key_prove_nothing(
    forge: Sandbox, client: Client, robot: App, foreign_key: str
) -> None:
    forge.app_key(robot)
    other = forge.create_app("acme", "other-robot", PERMISSIONS)
    claims = {"iss": str(robot.id), "iat": NOW, "exp": NOW + 60}
    public = robot.keys[0].public.replace("-----", "").encode()
    tokens = {
        "foreign key": signed(foreign_key, str(robot.id)),
        "another App's key": signed(forge.app_key(other), str(robot.id)),
        "none": jwt.encode(claims, "", algorithm="none"),
        "HMAC with the public key": jwt.encode(claims, public, algorithm="HS256"),
        "not JSON": "eyJhbGciOiJSUzI1NiJ9.AAAA.AAAA",
    }
    answers = {name: message(client(token=token).get("/app")) for name, token in tokens.items()}
    assert answers == dict.fromkeys(tokens, (401, DECODE))


def test_several_private_keys_live_until_they_are_revoked(forge: Sandbox, client: Client, robot: App) -> None:
    first, second = forge.app_key(robot), forge.app_key(robot)
    assert first.startswith("-----BEGIN RSA PRIVATE KEY-----\n")
    clients = [client(token=signed(pem, str(robot.id))) for pem in (first, second)]
    assert [each.get("/app").status_code for each in clients] == [200, 200]
    forge.revoke_app_keys(robot)
    assert [message(each.get("/app")) for each in clients] == [(401, DECODE)] * 2


def test_the_forge_keeps_no_private_key(forge: Sandbox, robot: App, tmp_path: Path) -> None:
    body = forge.app_key(robot).splitlines()[3]
    assert body.encode() not in b"".join(file.read_bytes() for file in (tmp_path / "forge").glob("forge.sqlite3*"))


def test_an_app_as_itself_reaches_nothing_but_its_own_calls(client: Client, robot: App, as_app: Any) -> None:
    app = as_app(robot)
    assert message(app.get("/repos/acme/shop")) == (404, "Not Found")
    assert message(app.get("/user")) == (403, "Resource not accessible by integration")
    for credential in (client("olivia"), client()):
        assert message(credential.get("/app")) == (401, DECODE)


def test_a_jwt_is_no_password_for_git(forge: Sandbox, robot: App) -> None:
    token = signed(forge.app_key(robot), str(robot.id))
    url = forge.http_url("acme/shop") + "/info/refs?service=git-upload-pack"
    assert httpx.get(url, auth=("x-access-token", token), trust_env=False).status_code == 401


def test_an_app_finds_its_installations(forge: Sandbox, robot: App, as_app: Any) -> None:
    app = as_app(robot)
    [listed] = app.get("/app/installations").json()
    expected = {path: app.get(path) for path in ("/orgs/acme/installation", "/users/acme/installation")}
    expected |= {
        path: app.get(path) for path in ("/repos/acme/shop/installation", f"/app/installations/{listed['id']}")
    }
    assert {path: answer.json() for path, answer in expected.items()} == dict.fromkeys(expected, listed)
    assert (listed["app_id"], listed["app_slug"], listed["repository_selection"]) == (robot.id, "robot", "all")
    for path in ("/orgs/globex/installation", "/users/olivia/installation", "/repos/acme/none/installation"):
        assert message(app.get(path)) == (404, "Not Found")
    assert forge.installation("robot").id == listed["id"]


def test_a_repository_that_was_not_selected_has_no_installation(forge: Sandbox, as_app: Any) -> None:
    app = as_app(forge.app("acme", "robot", PERMISSIONS, repositories=["acme/shop"]))
    assert app.get("/repos/acme/shop/installation").status_code == 200
    assert message(app.get("/repos/acme/other/installation")) == (404, "Not Found")


def test_an_app_that_is_not_installed_has_no_tokens(forge: Sandbox, as_app: Any, robot: App) -> None:
    lonely = forge.create_app("acme", "lonely", PERMISSIONS)
    app = as_app(lonely)
    assert app.get("/app/installations").json() == []
    path = f"/app/installations/{forge.installation(robot).id}/access_tokens"
    assert message(app.post(path)) == (404, "Not Found")
    with pytest.raises(ValueError, match=r"^app 'lonely' is not installed on acme$"):
        forge.app_token(lonely)


def test_a_token_lives_an_hour_and_has_what_the_installation_has(
    forge: Sandbox, client: Client, robot: App, as_app: Any
) -> None:
    made = as_app(robot).post(f"/app/installations/{forge.installation(robot).id}/access_tokens")
    assert made.status_code == 201
    body = made.json()
    assert body["expires_at"] == time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(NOW + 3600))
    assert body["permissions"] == {"metadata": "read", **PERMISSIONS}
    assert (body["repository_selection"], "repositories" in body) == ("all", False)
    installation = client(token=body["token"])
    seen = installation.get("/installation/repositories").json()
    assert (seen["total_count"], [r["name"] for r in seen["repositories"]]) == (2, ["shop", "other"])
    assert message(installation.get("/user")) == (403, "Resource not accessible by integration")


@pytest.mark.parametrize("key", ["repositories", "repository_ids"])
def test_a_token_can_be_for_a_part(forge: Sandbox, client: Client, robot: App, as_app: Any, key: str) -> None:
    shop = forge.repository("acme/shop")
    asked = {key: ["shop"] if key == "repositories" else [shop.id], "permissions": {"contents": "read"}}
    path = f"/app/installations/{forge.installation(robot).id}/access_tokens"
    body = as_app(robot).post(path, json=asked).json()
    assert body["permissions"] == {"metadata": "read", "contents": "read"}
    assert (body["repository_selection"], [r["name"] for r in body["repositories"]]) == ("selected", ["shop"])
    token = client(token=body["token"])
    assert token.get("/repos/acme/shop/contents/README.md").status_code == 200
    assert message(token.get("/repos/acme/other")) == (404, "Not Found")
    content = {"message": "x", "content": "eA=="}
    refused = (403, "Resource not accessible by integration")
    assert message(token.put("/repos/acme/shop/contents/new", json=content)) == refused
    assert [r["name"] for r in token.get("/installation/repositories").json()["repositories"]] == ["shop"]


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ({"permissions": {"workflows": "write"}}, "The permissions requested are not granted to this installation."),
        (
            {"permissions": {"administration": "write"}},
            "The level of access for permissions requested are not granted to this installation.",
        ),
        (
            {"repositories": ["shop", "nothing"]},
            "There is at least one repository that does not exist or is not accessible to the parent installation.",
        ),
    ],
    ids=["permission", "level", "repository"],
)
def test_a_token_cannot_have_more_than_its_installation(
    forge: Sandbox, robot: App, as_app: Any, asked: dict[str, Any], words: str
) -> None:
    path = f"/app/installations/{forge.installation(robot).id}/access_tokens"
    assert message(as_app(robot).post(path, json=asked)) == (422, words)
    assert not any(token.kind == "installation" for token in forge.store.tokens.values())


def test_a_token_ends_itself_its_installation_and_all_of_an_uninstalled_app(
    forge: Sandbox, client: Client, robot: App, as_app: Any
) -> None:
    first, second = (client(token=forge.app_token(robot)) for _ in range(2))
    assert first.delete("/installation/token").status_code == 204
    assert message(first.get("/repos/acme/shop")) == (401, "Bad credentials")
    assert second.get("/repos/acme/shop").status_code == 200
    app = as_app(robot)
    assert app.delete(f"/app/installations/{forge.installation(robot).id}").status_code == 204
    assert message(second.get("/repos/acme/shop")) == (401, "Bad credentials")
    assert app.get("/app/installations").json() == []


def test_a_deleted_app_is_unknown_and_its_tokens_are_worthless(
    forge: Sandbox, client: Client, robot: App, as_app: Any
) -> None:
    app, token = as_app(robot), client(token=forge.app_token(robot))
    forge.delete_app(robot)
    assert message(app.get("/app")) == (404, "Integration not found")
    assert message(token.get("/repos/acme/shop")) == (401, "Bad credentials")
    assert not forge.store.installations


@pytest.mark.parametrize("name", ["variables", "actions_variables"])
def test_repository_variables_have_two_names(forge: Sandbox, client: Client, name: str) -> None:
    token = client(token=forge.app_token(forge.app("acme", "robot", {name: "write"})))
    body = {"name": "REGION", "value": "eu"}
    assert token.post("/repos/acme/shop/actions/variables", json=body).status_code == 201


def test_fewer_permissions_hold_at_once_and_more_only_when_accepted(forge: Sandbox, client: Client, robot: App) -> None:
    token = client(token=forge.app_token(robot))
    content = {"message": "x", "content": "eA=="}
    forge.set_app_permissions(robot, {"contents": "read", "issues": "write"}, accepted=False)
    assert token.get("/repos/acme/shop/contents/README.md").status_code == 200
    refused = (403, "Resource not accessible by integration")
    assert message(token.put("/repos/acme/shop/contents/new", json=content)) == refused
    label = {"name": "a", "color": "ffffff"}
    assert message(token.post("/repos/acme/shop/labels", json=label)) == refused
    forge.set_app_permissions(robot, {"contents": "write", "issues": "write"})
    assert token.put("/repos/acme/shop/contents/new", json=content).status_code == 201
    assert token.post("/repos/acme/shop/labels", json=label).status_code == 201


def test_a_repository_that_an_app_creates_joins_its_selection(forge: Sandbox, client: Client) -> None:
    forge.app("acme", "maker", {"administration": "write", "contents": "read"}, repositories=["acme/shop"])
    maker = client(token=forge.app_token("maker"))
    assert maker.post("/orgs/acme/repos", json={"name": "made"}).status_code == 201
    names = [repository["name"] for repository in maker.get("/installation/repositories").json()["repositories"]]
    assert names == ["shop", "made"]


def test_a_user_changes_the_selection_and_an_app_does_not(forge: Sandbox, client: Client) -> None:
    robot = forge.app("acme", "robot", PERMISSIONS, repositories=["acme/shop"])
    number, other = forge.installation(robot).id, forge.repository("acme/other").id
    path = f"/user/installations/{number}/repositories/{other}"
    adam, olivia = client("adam"), client("olivia")
    refused = (403, "Resource not accessible by integration")
    assert message(client(token=forge.app_token(robot)).put(path)) == refused
    assert message(client("otto").put(path)) == (404, "Not Found")
    assert message(adam.put(path)) == (403, "Must have admin rights to Repository.")  # he administers shop only
    token = client(token=forge.app_token(robot))
    assert message(token.get("/repos/acme/other")) == (404, "Not Found")
    assert [olivia.put(path).status_code for _ in range(2)] == [204, 204]
    assert token.get("/repos/acme/other").status_code == 200
    assert olivia.delete(path).status_code == 204
    assert message(token.get("/repos/acme/other")) == (404, "Not Found")
    last = f"/user/installations/{number}/repositories/{forge.repository('acme/shop').id}"
    assert olivia.delete(last).status_code == 422


def test_owners_list_the_apps_of_their_organisation(forge: Sandbox, client: Client, robot: App) -> None:
    listed = client("olivia").get("/orgs/acme/installations").json()
    assert [i["app_slug"] for i in listed["installations"]] == [robot.slug]
    assert client("adam").get("/orgs/acme/installations").status_code == 403
    assert client("olivia").get("/apps/robot").json()["id"] == robot.id
    assert client("otto").get("/apps/robot").status_code == 404  # private, and none of otto's


def test_a_private_app_cannot_be_installed_elsewhere_and_a_public_one_can(forge: Sandbox, client: Client) -> None:
    forge.add_repository("globex/site")
    private = forge.create_app("acme", "inside", PERMISSIONS)
    with pytest.raises(ValueError, match=r"^app inside is private: only its owner can install it$"):
        forge.install(private, "globex")
    public = forge.create_app("acme", "everywhere", PERMISSIONS, public=True)
    forge.install(public, "globex", ["globex/site"])
    token = client(token=forge.app_token(public, account="globex"))
    assert token.get("/repos/globex/site").status_code == 200
    assert token.get("/repos/acme/shop").status_code == 404
