"""Secrets and variables: sealed for one repository, named well, never in an answer or a log."""

import base64
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest
from nacl.public import PrivateKey, PublicKey, SealedBox

from gitops_infra.sandbox.forge.jobs import JobGrant
from gitops_infra.sandbox.forge.server import Sandbox

Client = Callable[..., httpx.Client]

SECRET = "canary-5c1f0a"
HOLDERS = ["/repos/acme/shop/actions/secrets", "/repos/acme/shop/environments/staging/secrets"]


@pytest.fixture
def admin(client: Client) -> httpx.Client:
    adam = client("adam")
    adam.put("/repos/acme/shop/environments/staging", json={})
    return adam


def sealed(client: httpx.Client, root: str, value: str = SECRET) -> dict[str, str]:
    key = client.get(f"{root}/public-key").json()
    box = SealedBox(PublicKey(base64.b64decode(key["key"])))
    return {"encrypted_value": base64.b64encode(box.encrypt(value.encode())).decode(), "key_id": key["key_id"]}


@pytest.mark.parametrize("root", HOLDERS)
def test_a_secret_is_made_with_201_changed_with_204_and_never_shown(admin: httpx.Client, root: str) -> None:
    assert admin.put(f"{root}/TOKEN", json=sealed(admin, root)).status_code == 201
    changed = admin.put(f"{root}/token", json=sealed(admin, root, "other"))
    assert (changed.status_code, changed.content) == (204, b"")
    assert set(admin.get(f"{root}/TOKEN").json()) == {"name", "created_at", "updated_at"}
    assert [secret["name"] for secret in admin.get(root).json()["secrets"]] == ["TOKEN"]
    assert admin.delete(f"{root}/TOKEN").status_code == 204
    assert admin.get(f"{root}/TOKEN").status_code == 404


def test_the_opened_value_reaches_the_environment_it_was_sent_to(forge: Sandbox, admin: httpx.Client) -> None:
    admin.put(f"{HOLDERS[1]}/TOKEN", json=sealed(admin, HOLDERS[1]))
    shop = forge.repository("acme/shop")
    assert forge.store.environment(shop, "staging").secrets["TOKEN"]["value"] == SECRET
    assert shop.secrets == {}


def test_numeric_repository_paths_are_the_same(forge: Sandbox, admin: httpx.Client) -> None:
    root = f"/repositories/{forge.repository('acme/shop').id}/environments/staging/secrets"
    assert admin.put(f"{root}/TOKEN", json=sealed(admin, root)).status_code == 201
    assert admin.get(f"{HOLDERS[1]}/TOKEN").status_code == 200
    assert admin.get("/repositories/1/environments/staging/secrets/public-key").status_code == 404


def test_another_key_or_something_that_is_no_box_is_refused(admin: httpx.Client) -> None:
    good = sealed(admin, HOLDERS[0])
    wrong_id = admin.put(f"{HOLDERS[0]}/TOKEN", json={**good, "key_id": "1"})
    assert wrong_id.status_code == 422
    for value in ("not base64", ""):
        answer = admin.put(f"{HOLDERS[0]}/TOKEN", json={**good, "encrypted_value": value})
        assert answer.json()["message"] == "Bad request - validation failed due to an improperly encrypted secret"
    assert admin.get(f"{HOLDERS[0]}/TOKEN").status_code == 404


def test_a_box_for_another_key_opens_for_no_job(forge: Sandbox, admin: httpx.Client) -> None:
    """GitHub keeps it, nobody can read it, and the repository's secret of the same name does not step in."""
    good, foreign = sealed(admin, HOLDERS[0]), SealedBox(PrivateKey.generate().public_key).encrypt(SECRET.encode())
    for name in ("OTHER", "TOKEN"):
        assert admin.put(f"{HOLDERS[0]}/{name}", json=good).status_code == 201
    value = base64.b64encode(foreign).decode()
    assert admin.put(f"{HOLDERS[1]}/TOKEN", json={**good, "encrypted_value": value}).status_code == 201
    assert admin.get(f"{HOLDERS[1]}/TOKEN").status_code == 200
    granted = forge.job(
        repository="acme/shop", event="push", ref="refs/heads/main", environment="staging", actor="dana"
    )
    assert isinstance(granted, JobGrant)
    assert granted.secrets == {"OTHER": SECRET}


@pytest.mark.parametrize("name", ["GITHUB_TOKEN", "github_x", "1ST", "WITH-DASH", "WITH%20SPACE"])
def test_a_name_that_github_refuses_is_refused(admin: httpx.Client, name: str) -> None:
    for root in HOLDERS:
        assert admin.put(f"{root}/{name}", json=sealed(admin, root)).status_code == 422
    answer = admin.post("/repos/acme/shop/actions/variables", json={"name": name.replace("%20", " "), "value": "x"})
    assert answer.status_code == 422


def test_the_prefix_of_github_is_refused_in_its_words(admin: httpx.Client) -> None:
    answer = admin.put(f"{HOLDERS[0]}/GITHUB_TOKEN", json=sealed(admin, HOLDERS[0]))
    assert answer.json()["message"] == "Secret names must not start with GITHUB_."


def test_a_secret_holds_48_kib_and_not_a_byte_more(admin: httpx.Client) -> None:
    root = HOLDERS[0]
    assert admin.put(f"{root}/BIG", json=sealed(admin, root, "x" * 49_152)).status_code == 201
    assert admin.put(f"{root}/BIG", json=sealed(admin, root, "x" * 49_153)).status_code == 422


def test_times_are_stable_between_reads_and_move_with_a_write(tmp_path: Path) -> None:
    now = [1_000_000.0]
    with Sandbox(tmp_path / "other", clock=lambda: now[0]) as forge:
        forge.add_user("olivia")
        forge.add_repository("olivia/shop")
        headers = {"Authorization": f"Bearer {forge.token('olivia')}"}
        with httpx.Client(base_url=forge.api_url, headers=headers, trust_env=False) as olivia:
            root = "/repos/olivia/shop/actions/secrets"
            olivia.put(f"{root}/A", json=sealed(olivia, root))
            now[0] += 100
            first = olivia.get(f"{root}/A").json()
            assert first["created_at"] == first["updated_at"] == "1970-01-12T13:46:40Z"
            olivia.put(f"{root}/A", json=sealed(olivia, root))
            second = olivia.get(f"{root}/A").json()
            assert (second["created_at"], second["updated_at"]) == ("1970-01-12T13:46:40Z", "1970-01-12T13:48:20Z")


def test_push_access_is_enough_to_write_secrets_and_less_is_not(admin: httpx.Client, client: Client) -> None:
    """By REST, as at GitHub: the web page asks for more."""
    body = sealed(admin, HOLDERS[1])
    statuses = {who: client(who).put(f"{HOLDERS[1]}/X", json=body).status_code for who in ("reed", "tess", "dana")}
    assert statuses == {"reed": 403, "tess": 403, "dana": 201}
    assert client("reed").get(f"{HOLDERS[1]}/X").json()["message"] == "Must have push access to repository"


@pytest.mark.parametrize(
    "root", ["/repos/acme/shop/actions/variables", "/repos/acme/shop/environments/staging/variables"]
)
def test_variables_are_made_read_changed_and_removed(admin: httpx.Client, root: str) -> None:
    assert admin.post(root, json={"name": "Level", "value": "debug"}).status_code == 201
    again = admin.post(root, json={"name": "LEVEL", "value": "x"})
    assert (again.status_code, again.json()["message"]) == (409, "Already exists - Variable already exists")
    assert admin.get(f"{root}/LEVEL").json()["value"] == "debug"
    assert admin.patch(f"{root}/LEVEL", json={"name": "LEVEL", "value": ""}).status_code == 204
    assert admin.get(root).json()["variables"][0]["value"] == ""
    assert admin.delete(f"{root}/LEVEL").status_code == 204
    assert admin.patch(f"{root}/LEVEL", json={"value": "x"}).status_code == 404


def test_deleting_an_environment_removes_its_secrets(admin: httpx.Client) -> None:
    admin.put(f"{HOLDERS[1]}/TOKEN", json=sealed(admin, HOLDERS[1]))
    assert admin.delete("/repos/acme/shop/environments/staging").status_code == 204
    admin.put("/repos/acme/shop/environments/staging", json={})
    assert admin.get(HOLDERS[1]).json() == {"total_count": 0, "secrets": []}


def test_no_answer_record_or_log_has_the_value(
    forge: Sandbox, admin: httpx.Client, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    texts = []
    for root in HOLDERS:
        texts.append(admin.put(f"{root}/TOKEN", json=sealed(admin, root)).text)
        texts += [
            admin.get(path).text
            for path in (root, f"{root}/TOKEN", "/repos/acme/shop", "/repos/acme/shop/environments")
        ]
    assert SECRET not in "".join(texts) + caplog.text + repr(forge.requests)
