"""GitHub's own command line against the forge, over TLS: a client that nobody here wrote.

It reads neither the user's configuration nor their tokens: home, configuration and environment are its own.
"""

import base64
import json
import os
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from gitops_infra.sandbox.client import Clone, TokenCredential
from gitops_infra.sandbox.engine import is_ambient
from gitops_infra.sandbox.forge.jobs import JobGrant
from gitops_infra.sandbox.forge.server import Sandbox

SHOP = "acme/shop"
WRITERS = {
    "name": "writers",
    "target": "branch",
    "enforcement": "active",
    "conditions": {"ref_name": {"include": ["refs/heads/env/**"], "exclude": []}},
    "rules": [{"type": "update"}],
    "bypass_actors": [{"actor_type": "DeployKey", "bypass_mode": "always"}],
}
REVIEWED = {
    "name": "default-branch",
    "target": "branch",
    "enforcement": "active",
    "conditions": {"ref_name": {"include": ["~DEFAULT_BRANCH"], "exclude": []}},
    "rules": [
        {
            "type": "pull_request",
            "parameters": {
                "required_approving_review_count": 1,
                "dismiss_stale_reviews_on_push": False,
                "require_code_owner_review": False,
                "require_last_push_approval": False,
                "required_review_thread_resolution": False,
            },
        }
    ],
}


@dataclass
class Gh:
    """`gh` of one person."""

    program: Path
    environment: dict[str, str]
    host: str
    folder: Path

    def run(self, *words: str, stdin: str | None = None) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            [str(self.program), *words],
            cwd=self.folder,
            env=self.environment,
            input=stdin,
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )

    def __call__(self, *words: str, stdin: str | None = None) -> str:
        """What it prints; it must succeed."""
        done = self.run(*words, stdin=stdin)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def shop(self, *words: str, stdin: str | None = None) -> str:
        """As calling it, about acme/shop."""
        return self(*words, "--repo", f"{self.host}/{SHOP}", stdin=stdin)

    def data(self, *words: str) -> Any:
        """As `shop`, with JSON output."""
        return json.loads(self.shop(*words))

    def refused(self, *words: str) -> str:
        """What it says when it fails, as it must."""
        done = self.run(*words, "--repo", f"{self.host}/{SHOP}")
        assert done.returncode == 1, done.stdout
        return done.stderr.strip()


@pytest.fixture
def forge(tmp_path: Path, seed: Callable[[Sandbox], Sandbox]) -> Iterator[Sandbox]:
    with Sandbox(tmp_path / "forge", tls=True) as running:
        yield seed(running)


@pytest.fixture
def gh(forge: Sandbox, gh_program: Path, tmp_path: Path) -> Callable[[str], Gh]:
    def of(login: str) -> Gh:
        home = tmp_path / f"home-{login}"
        home.mkdir(exist_ok=True)
        host = forge.tls_url.removeprefix("https://")
        environment = {name: value for name, value in os.environ.items() if not is_ambient(name)} | {
            "HOME": str(home),
            "GH_CONFIG_DIR": str(home / "gh"),
            "GH_HOST": host,
            "GH_ENTERPRISE_TOKEN": forge.token(login),
            "GH_PROMPT_DISABLED": "1",
            "GH_NO_UPDATE_NOTIFIER": "1",
            "GH_TELEMETRY": "false",
            "SSL_CERT_FILE": str(forge.ca_file),
            "NO_COLOR": "1",
        }
        return Gh(gh_program, environment, host, home)

    return of


def topic(forge: Sandbox, folder: Path, name: str = "topic") -> None:
    """A branch of dana's with one commit on top of main."""
    clone, dana = Clone.empty(folder), TokenCredential(forge.token("dana"))
    start = clone.fetch(forge.http_url(SHOP), "refs/heads/main", dana)
    commit = clone.commit(start, "A change", {"a.txt": "one\ntwo\n"})
    assert clone.push(forge.http_url(SHOP), f"{commit}:refs/heads/{name}", dana).allowed


def test_it_knows_whose_token_it_has(gh: Callable[[str], Gh]) -> None:
    dana = gh("dana")
    assert f"Logged in to {dana.host} account dana (GH_ENTERPRISE_TOKEN)" in dana("auth", "status")
    assert dana("api", "user", "--jq", ".login") == "dana\n"


def test_a_repository_is_shown(gh: Callable[[str], Gh]) -> None:
    dana = gh("dana")
    shown = dana("repo", "view", f"{dana.host}/{SHOP}")
    assert shown.startswith("name:\tacme/shop\n")
    fields = "name,owner,visibility,defaultBranchRef,viewerPermission,isEmpty,isArchived,sshUrl,url"
    found = json.loads(dana("repo", "view", f"{dana.host}/{SHOP}", "--json", fields))
    assert (found["defaultBranchRef"], found["viewerPermission"]) == ({"name": "main"}, "WRITE")
    assert (found["owner"]["login"], found["visibility"]) == ("acme", "PRIVATE")
    missing = dana.run("repo", "view", f"{dana.host}/acme/none")
    assert missing.stderr == "GraphQL: Could not resolve to a Repository with the name 'acme/none'. (repository)\n"


def test_lists_are_followed_page_by_page(gh: Callable[[str], Gh]) -> None:
    dana = gh("dana")
    for number in range(3):
        dana.shop("label", "create", f"label-{number}", "--color", "ff0000", "--description", "made")
    names = dana("api", f"repos/{SHOP}/labels?per_page=1", "--paginate", "--jq", ".[].name")
    assert names.split() == ["label-0", "label-1", "label-2"]
    assert [one["name"] for one in dana.data("label", "list", "--json", "name", "--search", "label-1")] == ["label-1"]
    dana.shop("label", "delete", "label-0", "--yes")
    assert len(dana.data("label", "list", "--json", "name")) == 2


def test_a_secret_sealed_by_it_is_opened_in_a_job_of_the_environment(forge: Sandbox, gh: Callable[[str], Gh]) -> None:
    adam = gh("adam")
    adam("api", "--method", "PUT", f"repos/{SHOP}/environments/production")
    adam.shop("secret", "set", "KEY", "--env", "production", stdin="a sealed value")
    adam.shop("variable", "set", "LEVEL", "--env", "production", "--body", "debug")
    adam.shop("variable", "set", "EVERYWHERE", "--body", "x")
    assert [one["name"] for one in adam.data("secret", "list", "--env", "production", "--json", "name")] == ["KEY"]
    variables = adam.data("variable", "list", "--env", "production", "--json", "name,value")
    assert variables == [{"name": "LEVEL", "value": "debug"}]
    assert adam.data("variable", "list", "--json", "name,value") == [{"name": "EVERYWHERE", "value": "x"}]
    request = {"repository": SHOP, "event": "push", "ref": "refs/heads/main", "actor": "dana"}
    job = forge.job(**request, environment="production")
    assert isinstance(job, JobGrant)
    assert job.secrets["KEY"] == "a sealed value"
    adam.shop("secret", "delete", "KEY", "--env", "production")
    adam.shop("variable", "delete", "LEVEL", "--env", "production")
    assert adam.data("secret", "list", "--env", "production", "--json", "name") == []


def test_rulesets_are_listed_shown_and_checked(gh: Callable[[str], Gh]) -> None:
    adam = gh("adam")
    made = json.loads(adam("api", f"repos/{SHOP}/rulesets", "--input", "-", stdin=json.dumps(WRITERS)))
    listed = adam.shop("ruleset", "list").split("\t")
    assert [listed[0], listed[1], listed[3].lower()] == [str(made["id"]), "writers", "active"]
    shown = adam.shop("ruleset", "view", str(made["id"]))
    assert "writers" in shown
    assert "update" in shown
    assert "1 rules apply to branch env/staging" in adam.shop("ruleset", "check", "env/staging")
    assert "0 rules apply to branch main" in adam.shop("ruleset", "check", "main")
    adam("api", "--method", "DELETE", f"repos/{SHOP}/rulesets/{made['id']}")
    assert adam.shop("ruleset", "list") == ""


def test_deploy_keys_are_added_listed_and_deleted(gh: Callable[[str], Gh], tmp_path: Path) -> None:
    adam = gh("adam")
    kind, file = b"ssh-ed25519", tmp_path / "key.pub"
    data = len(kind).to_bytes(4, "big") + kind + (32).to_bytes(4, "big") + bytes(32)
    file.write_text(f"ssh-ed25519 {base64.b64encode(data).decode()} somebody\n")
    adam.shop("repo", "deploy-key", "add", str(file), "--title", "ci", "--allow-write")
    number, title, rights, *_ = adam.shop("repo", "deploy-key", "list").split("\t")
    assert (title, rights) == ("ci", "read-write")
    adam.shop("repo", "deploy-key", "delete", number)
    assert adam("api", f"repos/{SHOP}/keys") == "[]"
    assert gh("dana").refused("repo", "deploy-key", "list").startswith("HTTP 403: Must have admin rights")


def test_a_change_is_proposed_reviewed_and_merged_under_the_rules(
    forge: Sandbox, gh: Callable[[str], Gh], tmp_path: Path
) -> None:
    topic(forge, tmp_path / "clone")
    gh("adam")("api", f"repos/{SHOP}/rulesets", "--input", "-", stdin=json.dumps(REVIEWED))
    dana, mara = gh("dana"), gh("mara")
    words = ("pr", "create", "--head", "topic", "--base", "main", "--title", "A change", "--body", "Because")
    assert dana.shop(*words) == f"{forge.tls_url}/{SHOP}/pull/1\n"
    assert 'a pull request for branch "topic" into branch "main" already exists' in dana.refused(*words)
    fields = "number,title,body,author,state,mergeStateStatus,reviewDecision,additions,headRefName,commits"
    before = dana.data("pr", "view", "1", "--json", fields)
    assert (before["mergeStateStatus"], before["reviewDecision"]) == ("BLOCKED", "REVIEW_REQUIRED")
    assert (before["title"], before["body"], before["author"]["login"]) == ("A change", "Because", "dana")
    assert (before["additions"], len(before["commits"]), before["headRefName"]) == (2, 1, "topic")
    assert "base branch policy prohibits the merge" in dana.refused("pr", "merge", "1", "--merge")
    assert "Can not approve your own pull request" in dana.refused("pr", "review", "1", "--approve")
    mara.shop("pr", "review", "1", "--approve")
    assert "approved" in dana.shop("pr", "view", "1").lower()
    dana.shop("pr", "merge", "1", "--merge")
    after = dana.data("pr", "list", "--state", "all", "--json", "number,state")
    assert after == [{"number": 1, "state": "MERGED"}]
    assert dana.data("pr", "list", "--json", "number") == []


def test_the_forge_itself_refuses_a_merge_that_it_is_asked_for_all_the_same(
    forge: Sandbox, gh: Callable[[str], Gh], tmp_path: Path
) -> None:
    topic(forge, tmp_path / "clone")
    gh("adam")("api", f"repos/{SHOP}/rulesets", "--input", "-", stdin=json.dumps(REVIEWED))
    dana = gh("dana")
    dana.shop("pr", "create", "--head", "topic", "--base", "main", "--title", "A change", "--body", "")
    said = dana.refused("pr", "merge", "1", "--merge", "--admin")
    assert "At least 1 approving review is required by reviewers with write access." in said
    assert forge.pushes[-1].allowed is False


def test_a_pull_request_is_closed_and_opened_again(forge: Sandbox, gh: Callable[[str], Gh], tmp_path: Path) -> None:
    topic(forge, tmp_path / "clone")
    dana = gh("dana")
    dana.shop("pr", "create", "--head", "topic", "--base", "main", "--title", "A change", "--body", "")
    dana.shop("pr", "close", "1")
    assert dana.data("pr", "view", "1", "--json", "state") == {"state": "CLOSED"}
    dana.shop("pr", "reopen", "1")
    assert dana.data("pr", "view", "1", "--json", "state") == {"state": "OPEN"}


def test_what_the_forge_does_not_have_is_refused_by_name(gh: Callable[[str], Gh]) -> None:
    dana = gh("dana")
    asked = dana.run("api", "graphql", "-f", "query=query Mine { viewer { sponsors { totalCount } } }")
    assert "stand-in has no such field: Field 'sponsors' doesn't exist on type 'User' (query Mine)" in asked.stderr
    assert "Field 'issues' doesn't exist on type 'Repository' (query IssueList)" in dana.refused("issue", "list")


def test_a_limit_is_reported_in_words_of_its_own(forge: Sandbox, gh: Callable[[str], Gh]) -> None:
    dana = gh("dana")
    forge.limits(primary=1)
    dana("api", "user")
    assert "API rate limit exceeded for user ID" in dana.run("api", "user").stderr
