"""The forge's own web pages: what they show, that everything is text, and that they are readable without a script."""

import re
import shutil
import subprocess
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path

import asyncssh
import httpx
import pytest

from gitops_infra.sandbox.client import Clone, KeyCredential, TokenCredential
from gitops_infra.sandbox.forge.faults import Fault
from gitops_infra.sandbox.forge.server import Sandbox

Client = Callable[..., httpx.Client]
SHOP = "acme/shop"
SCRIPT = "topic/<script>alert(1)</script>"
STAGING = "refs/heads/env/staging"
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
KEYS = [{"actor_type": "DeployKey", "bypass_mode": "always"}]


class Outline(HTMLParser):
    """Tables (caption, rows of cells), headings and links of a page, and what must not be there."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.headings: list[str] = []
        self.tables: dict[str, list[list[str]]] = {}
        self.links: list[str] = []
        self.tags: list[str] = []
        self.addresses: list[str] = []
        self._rows: list[list[str]] = []
        self._taking: list[str] | None = None
        self._caption = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.links += [str(value) for name, value in attrs if (tag, name) == ("a", "href")]
        self.addresses += [str(value) for name, value in attrs if name in {"src", "href", "action"}]
        if tag == "tr":
            self._rows.append([])
        if tag in {"td", "th", "caption", "h1", "h2"}:
            self._taking = []

    def handle_data(self, data: str) -> None:
        if self._taking is not None:
            self._taking.append(data)

    def handle_endtag(self, tag: str) -> None:
        words = " ".join("".join(self._taking or ()).split())
        if tag in {"td", "th"}:
            self._rows[-1].append(words)
        elif tag == "caption":
            self._caption = words
        elif tag in {"h1", "h2"}:
            self.headings.append(words)
        elif tag == "table":
            self.tables[self._caption], self._rows = self._rows, []
        if tag in {"td", "th", "caption", "h1", "h2"}:
            self._taking = None


def look(forge: Sandbox, path: str = "/") -> Outline:
    answer = httpx.get(f"{forge.url}{path}", headers={"Accept": "text/html"}, trust_env=False)
    assert answer.status_code == 200
    return Outline(answer.text)


def table(page: Outline, beginning: str) -> list[list[str]]:
    """The rows below the heads of the table whose caption begins so."""
    return next(rows[1:] for caption, rows in page.tables.items() if caption.startswith(beginning))


def ruleset(client: httpx.Client, name: str, include: str, *rules: str, bypass: object = ()) -> None:
    body = {
        "name": name,
        "target": "branch",
        "enforcement": "active",
        "conditions": {"ref_name": {"include": [include], "exclude": [STAGING] if include == "~ALL" else []}},
        "rules": [{"type": rule} for rule in rules],
        "bypass_actors": bypass,
    }
    assert client.post(f"/repos/{SHOP}/rulesets", json=body).status_code == 201


@pytest.fixture
def guarded(forge: Sandbox, client: Client, tmp_path: Path) -> Sandbox:
    """acme/shop as an environment's repository, with one write key, and one push of each verdict."""
    adam = client("adam")
    ruleset(adam, "writers", STAGING, "creation", "update", bypass=KEYS)
    ruleset(adam, "integrity", STAGING, "deletion", "non_fast_forward")
    pair = asyncssh.generate_private_key("ssh-ed25519")
    public, private = pair.export_public_key().decode(), pair.export_private_key().decode()
    adam.post(f"/repos/{SHOP}/keys", json={"title": "ci", "key": public, "read_only": False})
    clone, dana = Clone.empty(tmp_path / "clone"), TokenCredential(forge.token("dana"))
    main = clone.fetch(forge.http_url(SHOP), "refs/heads/main", dana)
    key = KeyCredential(private, forge.known_hosts)
    assert clone.push(forge.ssh_url(SHOP), f"{main}:{STAGING}", key).allowed
    assert not clone.push(forge.http_url(SHOP), f"{clone.commit(main, 'x', {'a': 'b'})}:{STAGING}", dana).allowed
    assert clone.push(forge.http_url(SHOP), f"{main}:refs/heads/{SCRIPT}", dana).allowed
    return forge


def test_the_front_page_says_who_may_move_which_branch_and_what_was_refused(guarded: Sandbox) -> None:
    page = look(guarded)
    [shop] = table(page, "Repositories of acme")
    assert shop[:2] == ["shop", "private"]
    assert shop[3] == "env/staging: deploy key 'ci'"
    pushes = table(page, "The last 3 of 3 pushes")
    assert [row[0] for row in pushes] == ["accepted", "refused", "accepted"]
    assert pushes[1][1:3] == [SHOP, "env/staging"]
    assert pushes[1][3:5] == ["dana", "Cannot update this protected ref. (ruleset writers)"]
    assert pushes[2][3:5] == ["deploy key 'ci'", "bypassed ruleset writers"]


def test_the_log_can_show_what_was_refused_only(guarded: Sandbox) -> None:
    page = look(guarded, "/?pushes=refused")
    assert [row[0] for row in table(page, "The last 1 of 1 refused pushes")] == ["refused"]


def test_a_repository_shows_each_ref_with_what_the_rules_allow(guarded: Sandbox) -> None:
    key, anybody = "deploy key 'ci'", "anybody who writes"
    rows = {row[0]: row[1:] for row in table(look(guarded, f"/{SHOP}"), "What the rules allow")}
    assert rows["env/staging"] == [key, key, "nobody", "nobody", "writersintegrity"]
    assert rows["main"] == rows["every other branch"] == [anybody, anybody, anybody, anybody, "none"]


def test_where_every_other_branch_is_locked_the_page_says_so(guarded: Sandbox, client: Client) -> None:
    ruleset(client("adam"), "locked", "~ALL", "creation", "update", "deletion")
    rows = {row[0]: row[1:] for row in table(look(guarded, f"/{SHOP}"), "What the rules allow")}
    assert rows["every other branch"] == ["nobody", "nobody", "nobody", "nobody", "locked"]
    assert rows["env/staging"][0] == "deploy key 'ci'"


def test_everything_else_of_a_repository_is_on_its_page(guarded: Sandbox, client: Client) -> None:
    adam = client("adam")
    team = guarded.add_team("acme", "platform", ["mara"])
    policy = {"protected_branches": False, "custom_branch_policies": True}
    reviewers = [{"type": "Team", "id": team.id}]
    guarded.grant(SHOP, "acme/platform", "maintain")
    body = {"wait_timer": 5, "prevent_self_review": True, "reviewers": reviewers, "deployment_branch_policy": policy}
    assert adam.put(f"/repos/{SHOP}/environments/production", json=body).status_code == 200
    adam.post(f"/repos/{SHOP}/environments/production/deployment-branch-policies", json={"name": "main"})
    adam.post(f"/repos/{SHOP}/environments/production/variables", json={"name": "LEVEL", "value": "a-value"})
    environment = guarded.store.environment(guarded.repository(SHOP), "production")
    assert environment is not None
    environment.secrets["KEY"] = {"value": "a-secret", "created_at": 0.0, "updated_at": 0.0}
    page = look(guarded, f"/{SHOP}")
    wanted = ["Who may move what", "Pushes", "Rulesets", "Environments", "Deploy keys", "People and teams", "Branches"]
    assert page.headings == [SHOP, *wanted, "Pull requests"]
    [production] = table(page, "Environments")
    protection = "approval by team platformnot by who started itwaits 5 minutes"
    assert production == ["production", "branch main", protection, "KEY", "LEVEL"]
    [key] = table(page, "Deploy keys")
    assert key[:4] == ["ci", "write", "works", "adam"]
    assert [row[0] for row in table(page, "Rulesets")] == ["writers", "integrity"]
    assert ["team platform", "maintain"] in table(page, "Who has a role here")
    assert {row[0] for row in table(page, "Branches")} == {"env/staging", "main default", SCRIPT}
    text = httpx.get(f"{guarded.url}/{SHOP}", headers={"Accept": "text/html"}, trust_env=False).text
    assert "a-secret" not in text
    assert "a-value" not in text


def test_an_organisation_shows_people_teams_and_apps(forge: Sandbox) -> None:
    forge.add_team("acme", "platform", ["mara"])
    forge.app("acme", "robot", {"contents": "write"})
    page = look(forge, "/acme")
    assert page.headings == ["acme", "Repositories", "Settings", "People", "Teams", "GitHub Apps"]
    assert ["olivia", "owner"] in table(page, "Members of acme")
    assert table(page, "Teams of acme")[0][:2] == ["platform", "mara"]
    assert table(page, "Apps installed on acme")[0] == ["robot", "contents: writemetadata: read", "all"]


def test_names_are_text_wherever_they_stand(guarded: Sandbox, client: Client) -> None:
    topic = f"/repos/{SHOP}/contents/a.txt"
    body = {"message": "a", "content": "YQ==", "branch": SCRIPT}
    assert client("dana").put(topic, json=body).status_code == 201
    guarded.open_pull_request(SHOP, "dana", SCRIPT, "main", "<img src=x onerror=alert(1)>")
    for path in ("/", f"/{SHOP}", "/?pushes=%3Cscript%3E&refresh=%3Cscript%3E"):
        assert not {"script", "img"} & set(look(guarded, path).tags)
    assert SCRIPT in {row[2] for row in table(look(guarded), "The last")}


def test_every_page_keeps_scripts_and_other_sites_out(guarded: Sandbox) -> None:
    for path in ("/", "/acme", f"/{SHOP}"):
        answer = httpx.get(f"{guarded.url}{path}", headers={"Accept": "text/html"}, trust_env=False)
        assert answer.headers["Content-Security-Policy"].startswith("default-src 'none';")
        assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
        page = Outline(answer.text)
        assert not {"script", "iframe", "img", "object", "embed"} & set(page.tags)
        assert all(address.startswith("/") for address in page.addresses)


def test_every_table_has_a_caption_and_every_link_leads_somewhere(guarded: Sandbox) -> None:
    seen: set[str] = set()
    waiting = ["/"]
    while waiting:
        path = waiting.pop()
        seen.add(path)
        page = look(guarded, path)
        assert page.tags.count("table") == page.tags.count("caption") == len(page.tables), path
        assert page.tags.count("h1") == 1
        waiting += [link for link in set(page.links) if link not in {*seen, *waiting}]
    assert {"/", "/acme", f"/{SHOP}"} <= seen


def test_a_page_is_fetched_again_by_itself_only_when_asked(forge: Sandbox) -> None:
    def refresh(query: str) -> list[str]:
        answer = httpx.get(f"{forge.url}/{query}", headers={"Accept": "text/html"}, trust_env=False)
        return re.findall(r'http-equiv=refresh content="(\d+)"', answer.text)

    assert [refresh(query) for query in ("", "?refresh=5", "?refresh=x", "?refresh=99999")] == [[], ["5"], [], ["3600"]]


def test_clients_of_the_interface_still_get_json_at_the_same_paths(forge: Sandbox, client: Client) -> None:
    root = httpx.get(f"{forge.url}/", trust_env=False)
    assert root.json()["rate_limit_url"].endswith("/rate_limit")
    user = httpx.get(f"{forge.url}/users/dana", headers={"Accept": "text/html"}, trust_env=False)
    assert user.json()["login"] == "dana"


def test_a_foreign_name_for_the_forge_shows_no_page(forge: Sandbox) -> None:
    """Another site's page could make its own name lead to this address, and read."""
    headers = {"Accept": "text/html", "Host": "evil.example"}
    answer = httpx.get(f"{forge.url}/acme", headers=headers, trust_env=False)
    assert answer.status_code == 501


def test_faults_do_not_meet_the_pages(forge: Sandbox) -> None:
    forge.fault(Fault.STATUS_BEFORE, status=500, times=None)
    assert look(forge).headings[0] == "Sandbox forge"


@pytest.mark.skipif(CHROMIUM is None, reason="no browser: install chromium to run it")
def test_a_browser_shows_it_without_running_anything(guarded: Sandbox, tmp_path: Path) -> None:
    def browse(*words: str) -> str:
        command = [
            str(CHROMIUM),
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            f"--user-data-dir={tmp_path / 'browser'}",
        ]
        done = subprocess.run([*command, *words], capture_output=True, text=True, check=True, timeout=120)
        return done.stdout

    page = Outline(browse("--dump-dom", f"{guarded.url}/{SHOP}"))
    assert page.headings[0] == SHOP
    assert SCRIPT in {row[0] for row in table(page, "Branches")}
    assert "script" not in page.tags
    picture = tmp_path / "page.png"
    browse(f"--screenshot={picture}", "--window-size=1280,1600", f"{guarded.url}/")
    assert picture.read_bytes().startswith(b"\x89PNG")
