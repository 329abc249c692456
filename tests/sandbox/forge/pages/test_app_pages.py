"""The manifest flow and the installation page, as a browser without script goes through them."""

import re
from collections.abc import Iterator
from html import unescape
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import jwt
import pytest

from gitops_infra.sandbox.forge.server import Sandbox

NOW = 1_800_000_000.0
MANIFEST = (
    '{"name": "Shop Production", "url": "https://example.com", "redirect_url": "http://127.0.0.1:9/done?x=1",'
    ' "default_permissions": {"contents": "write", "workflows": "write"}, "default_events": ["push"]}'
)
FORM = "/organizations/acme/settings/apps/new"


class Clock:
    now = NOW

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def forge(tmp_path: Path, clock: Clock) -> Iterator[Sandbox]:
    with Sandbox(tmp_path / "forge", clock=clock) as running:
        for login in ("olivia", "dana"):
            running.add_user(login)
        running.add_organization("acme", owners=["olivia"])
        running.add_member("acme", "dana")
        for name in ("acme/shop", "acme/other"):
            running.add_repository(name, auto_init=True)
        yield running


@pytest.fixture
def browser(forge: Sandbox) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=forge.url, trust_env=False) as client:
        yield client


def fields(html: str) -> dict[str, str]:
    """The named inputs of the page's form, filled in as the page has them."""
    inputs = re.findall(r'<input[^>]* name=(\w+)[^>]*? value="([^"]*)"', html)
    return {name: unescape(value) for name, value in inputs}


def confirmed(browser: httpx.Client, state: str = "s-1", **changes: str) -> httpx.Response:
    page = browser.post(f"{FORM}?state={state}", data={"manifest": MANIFEST})
    assert page.status_code == 200, page.text
    return browser.post(str(page.request.url), data={**fields(page.text), "act_as": "olivia", **changes})


def code_of(answer: httpx.Response) -> str:
    assert answer.status_code == 302, answer.text
    return parse_qs(urlsplit(answer.headers["Location"]).query)["code"][0]


def test_the_page_says_what_the_click_makes_and_offers_the_owners(browser: httpx.Client) -> None:
    page = browser.post(FORM, data={"manifest": MANIFEST})
    assert page.headers["Content-Type"] == "text/html; charset=utf-8"
    assert "default-src 'none'" in page.headers["Content-Security-Policy"]
    assert page.text.count("<button") == 1
    assert "Create GitHub App for acme</button>" in page.text
    assert re.findall('<option value="([^"]*)', page.text) == ["olivia"]
    assert "<td>workflows<td>write" in page.text


def test_one_click_later_the_browser_brings_a_code_and_the_code_the_secrets_once(
    forge: Sandbox, browser: httpx.Client
) -> None:
    answer = confirmed(browser)
    target = urlsplit(answer.headers["Location"])
    query = parse_qs(target.query)
    assert (target.netloc, target.path, query["x"], query["state"]) == ("127.0.0.1:9", "/done", ["1"], ["s-1"])
    path = f"/api/v3/app-manifests/{query['code'][0]}/conversions"
    made = browser.post(path)
    assert made.status_code == 201
    body = made.json()
    expected = {"slug": "shop-production", "name": "Shop Production", "events": ["push"]}
    assert expected.items() <= body.items()
    assert body["owner"]["login"] == "acme"
    assert body["permissions"] == {"metadata": "read", "contents": "write", "workflows": "write"}
    assert body["html_url"] == f"{forge.url}/apps/shop-production"
    assert all(body[name] for name in ("id", "client_id", "client_secret", "webhook_secret"))
    token = jwt.encode({"iss": str(body["id"]), "iat": int(NOW), "exp": int(NOW) + 60}, body["pem"], algorithm="RS256")
    app = browser.get("/api/v3/app", headers={"Authorization": f"Bearer {token}"})
    assert (app.status_code, app.json()["installations_count"]) == (200, 0)
    assert (browser.post(path).status_code, browser.post(path).json()["message"]) == (404, "Not Found")


def test_a_code_is_worthless_after_an_hour(browser: httpx.Client, clock: Clock) -> None:
    early, late = code_of(confirmed(browser)), code_of(confirmed(browser, name="Another"))
    clock.now = NOW + 3599
    assert browser.post(f"/api/v3/app-manifests/{early}/conversions").status_code == 201
    clock.now = NOW + 3600
    assert browser.post(f"/api/v3/app-manifests/{late}/conversions").status_code == 404


def test_who_is_no_owner_cannot_click(forge: Sandbox, browser: httpx.Client) -> None:
    answer = confirmed(browser, act_as="dana")
    assert answer.status_code == 403
    assert "dana may not register a GitHub App here." in answer.text
    assert not forge.store.apps


def test_a_name_that_is_taken_is_said(browser: httpx.Client) -> None:
    confirmed(browser)
    answer = confirmed(browser)
    assert answer.status_code == 422
    assert "app &#x27;shop-production&#x27; exists already" in answer.text


def test_an_app_of_a_user_belongs_to_whoever_clicks(forge: Sandbox, browser: httpx.Client) -> None:
    page = browser.post("/settings/apps/new", data={"manifest": MANIFEST})
    answer = browser.post("/settings/apps/new", data={**fields(page.text), "act_as": "dana"})
    assert "state" not in parse_qs(urlsplit(answer.headers["Location"]).query)
    [app] = forge.store.apps.values()
    assert forge.store.accounts[app.owner_id].login == "dana"


@pytest.mark.parametrize(
    ("manifest", "problem"),
    [
        ("{", "The manifest is not JSON."),
        ("[]", "The manifest must be a JSON object."),
        ('{"redirect_url": "http://127.0.0.1/"}', "url wasn&#x27;t supplied"),
        ('{"url": "https://a.example", "redirect_url": "javascript:alert(1)"}', "redirect_url must be an http(s) URL"),
        (
            '{"url": "https://a.example", "redirect_url": "http://a.example", "default_permissions": {"gold": "read"}}',
            "no permission &#x27;gold&#x27;",
        ),
        (
            '{"url": "https://a.example", "redirect_url": "http://127.0.0.1/", "webhook": true}',
            "webhook is not a key of a manifest",
        ),
    ],
)
def test_a_bad_manifest_is_refused_with_what_is_wrong(browser: httpx.Client, manifest: str, problem: str) -> None:
    answer = browser.post(FORM, data={"manifest": manifest})
    assert answer.status_code == 422
    assert problem in answer.text


def test_markup_in_a_manifest_is_text(browser: httpx.Client) -> None:
    answer = browser.post(FORM, data={"manifest": MANIFEST.replace("Shop Production", "<script>alert(1)</script>")})
    assert "<script" not in answer.text
    assert "&lt;script&gt;" in answer.text


def test_an_owner_installs_on_selected_repositories_and_widens_it_later(forge: Sandbox, browser: httpx.Client) -> None:
    app = forge.create_app("acme", "robot", {"contents": "write"})
    path = "/apps/robot/installations/new"
    assert "Install</button>" in browser.get(path).text
    form: dict[str, Any] = {"account": "acme", "act_as": "olivia", "selection": "selected", "repository": ["shop"]}
    answer = browser.post(path, data=form)
    assert answer.status_code == 302
    installation = forge.installation(app)
    assert answer.headers["Location"] == f"{forge.url}/settings/installations/{installation.id}"
    assert installation.repository_ids == {forge.repository("acme/shop").id}
    assert "<li>shop" in browser.get(answer.headers["Location"]).text
    assert "Save</button>" in browser.get(path).text
    browser.post(f"/github-apps{path.removeprefix('/apps')}", data={**form, "selection": "all"})
    assert forge.installation(app).repository_ids is None
    assert forge.installation(app).id == installation.id


@pytest.mark.parametrize(
    ("changes", "status", "words"),
    [
        ({"act_as": "dana"}, 403, "dana may not install an App on acme."),
        ({"account": "dana"}, 422, "cannot be installed on"),
        ({"repository": ["none"]}, 422, "A selected repository is not one of acme."),
        ({"repository": []}, 422, "select at least one repository, or all"),
    ],
)
def test_what_the_installation_page_refuses(
    forge: Sandbox, browser: httpx.Client, changes: dict[str, Any], status: int, words: str
) -> None:
    forge.create_app("acme", "robot", {"contents": "write"})
    form = {"account": "acme", "act_as": "olivia", "selection": "selected", "repository": ["shop"], **changes}
    answer = browser.post("/apps/robot/installations/new", data=form)
    assert (answer.status_code, words in answer.text) == (status, True)
    assert not forge.store.installations


def test_an_owner_takes_a_second_private_key_from_the_settings_page(forge: Sandbox, browser: httpx.Client) -> None:
    app = forge.create_app("acme", "robot", {"contents": "write"})
    forge.app_key(app)
    path = "/organizations/acme/settings/apps/robot"
    assert browser.post(f"{path}/keys", data={"act_as": "dana"}).status_code == 403
    answer = browser.post(f"{path}/keys", data={"act_as": "olivia"})
    assert answer.headers["Content-Disposition"] == 'attachment; filename="robot.private-key.pem"'
    assert answer.text.startswith("-----BEGIN RSA PRIVATE KEY-----\n")
    page = browser.get(path).text
    assert [key.fingerprint in page for key in app.keys] == [True, True]
    assert "PRIVATE KEY" not in page
    token = jwt.encode({"iss": app.client_id, "iat": int(NOW), "exp": int(NOW) + 60}, answer.text, algorithm="RS256")
    assert browser.get("/api/v3/app", headers={"Authorization": f"Bearer {token}"}).status_code == 200
    assert browser.get("/organizations/dana/settings/apps/robot").status_code == 404


def test_an_owner_finds_an_app_in_the_list_and_deletes_it(forge: Sandbox, browser: httpx.Client) -> None:
    forge.app("acme", "robot", {"contents": "write"})
    token, path = forge.app_token("robot"), "/organizations/acme/settings/apps"
    assert re.findall('href="([^"]+)', browser.get(path).text) == [f"{path}/robot"]
    assert browser.post(f"{path}/robot/delete", data={"act_as": "dana"}).status_code == 403
    assert browser.post(f"{path}/robot/delete", data={"act_as": "olivia"}).status_code == 200
    assert "<p>None.</p>" in browser.get(path).text
    answer = browser.get("/api/v3/repos/acme/shop", headers={"Authorization": f"Bearer {token}"})
    assert answer.status_code == 401


def test_another_sites_page_may_bring_a_manifest_and_cannot_click(forge: Sandbox, browser: httpx.Client) -> None:
    """A browser says where a form comes from; the manifest itself is meant to come from elsewhere."""
    elsewhere = {"Sec-Fetch-Site": "cross-site"}
    page = browser.post(FORM, data={"manifest": MANIFEST}, headers=elsewhere)
    assert page.status_code == 200
    form = {**fields(page.text), "act_as": "olivia"}
    assert browser.post(FORM, data=form, headers=elsewhere).status_code == 403
    assert not forge.store.apps
    assert browser.post(FORM, data=form, headers={"Sec-Fetch-Site": "same-origin"}).status_code == 302


def test_pages_do_not_stand_in_for_the_rest_interface(browser: httpx.Client) -> None:
    assert browser.get("/apps/none").headers["Content-Type"].startswith("text/html")
    assert browser.get("/api/v3/apps/none").json()["message"] == "Not Found"
