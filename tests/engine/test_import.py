"""An existing repository taken over by `import: true`: nothing about it changes unless the topology names it."""

import re
from typing import Any

import httpx
import pytest

pytestmark = pytest.mark.engine

SETTINGS: dict[str, Any] = {
    "description": "Sells things",
    "homepage": "https://shop.example",
    "has_wiki": True,
    "has_projects": True,
    "has_issues": False,
    "allow_merge_commit": False,
    "allow_rebase_merge": False,
    "delete_branch_on_merge": True,
    "allow_auto_merge": True,
}
"""Settings of the repository as its users chose them, none of which ours would be."""

RULESET = {
    "name": "no odd branches",
    "target": "branch",
    "enforcement": "active",
    "conditions": {"ref_name": {"include": ["refs/heads/odd/**"], "exclude": []}},
    "rules": [{"type": "creation"}],
    "bypass_actors": [],
}
WORKFLOW = "on: push\njobs:\n  test:\n    runs-on: ubuntu-latest\n    steps:\n      - uses: actions/checkout@v5\n"

IMPORTED: dict[str, Any] = {
    "name": "shop",
    "existing": True,
    "import": True,
    "visibility": "private",
    "code_owners": True,
}
OWNER: dict[str, Any] = {"owner": "acme", "github_plan": "enterprise"}
STAGING = [{"name": "staging"}]


class Live:
    """What is on the forge, as its owner sees it."""

    def __init__(self, world: Any) -> None:
        self.address = f"{world.forge.api_url}/repos/acme/shop"
        self.headers = {"Authorization": f"Bearer {world.people['olivia'].token}"}

    def lived_in(self) -> None:
        """Gives the repository settings, labels, a ruleset and a running CI of its own."""
        self.change("PATCH", "", SETTINGS)
        self.change("PUT", "/topics", {"names": ["retail"]})
        self.change("POST", "/labels", {"name": "urgent", "color": "ff0000", "description": "Now"})
        self.change("POST", "/rulesets", RULESET)
        self.change("PUT", "/actions/permissions", {"enabled": True, "allowed_actions": "all"})
        self.change("PUT", "/actions/permissions/workflow", {"default_workflow_permissions": "write"})

    def settings(self) -> dict[str, Any]:
        """All that can be read of it but what our rules and environments add."""
        rulesets = [each for each in self._get("/rulesets") if not each["name"].startswith("gitops: ")]
        return {
            "repository": {key: value for key, value in self._get("").items() if not key.endswith("_at")},
            "topics": self._get("/topics"),
            "labels": self._get("/labels"),
            "rulesets": [self._get(f"/rulesets/{each['id']}") for each in rulesets],
            "actions": self._get("/actions/permissions"),
            "workflow token": self._get("/actions/permissions/workflow"),
            "teams": self._get("/teams"),
            "collaborators": self._get("/collaborators"),
            "branches": {each["name"]: each["commit"]["sha"] for each in self._get("/branches")},
            "keys": self._get("/keys"),
            "workflow": self._get("/contents/.github/workflows/test.yml"),
        }

    def ours(self) -> list[str]:
        """Names of the rulesets that we made."""
        return sorted(each["name"] for each in self._get("/rulesets") if each["name"].startswith("gitops: "))

    def actions(self) -> dict[str, Any]:
        """Which actions its workflows may use."""
        found: dict[str, Any] = self._get("/actions/permissions")
        return found

    def change(self, method: str, path: str, body: dict[str, Any]) -> None:
        """Changes a setting, as somebody with rights would."""
        answer = httpx.request(method, self.address + path, json=body, headers=self.headers)
        assert answer.is_success, f"{method} {path}: {answer.text}"

    def _get(self, path: str) -> Any:
        answer = httpx.get(self.address + path, headers=self.headers)
        assert answer.is_success, answer.text
        return answer.json()


@pytest.fixture
def live(world: Any) -> Any:
    """The repository as its users have set it up, with a workflow that names actions by tag."""
    clone = world.clone("acme/shop", "olivia", "owner")
    commit = clone.commit(clone.git("rev-parse", "origin/main"), "CI", {".github/workflows/test.yml": WORKFLOW})
    pushed = clone.push(world.forge.http_url("acme/shop"), f"{commit}:refs/heads/main", world.people["olivia"])
    assert pushed.allowed, pushed.message
    found = Live(world)
    found.lived_in()
    return found


def operations(output: str) -> set[tuple[str, str]]:
    """Sign and type of everything that a preview or an update says it does."""
    found = re.findall(r"^ *([+~=-]{1,2}) +(\S+?):(?:index:)?(\w+) ", output, re.MULTILINE)
    return {(sign, f"{package}:{kind}") for sign, package, kind in found}


def test_an_import_changes_nothing_that_is_not_named(world: Any, live: Live) -> None:
    """The whole life: preview, up, again, with refresh, destroy."""
    world.configure({**OWNER, "application": IMPORTED, "environments": STAGING})
    before = live.settings()

    preview = world.pulumi("preview")
    assert {sign for sign, _ in operations(preview)} == {"+", "="}
    assert {kind for sign, kind in operations(preview) if sign == "="} == {"github:Repository"}
    assert live.settings() == before

    world.up()
    assert live.settings() == before
    assert live.ours() == ["gitops: default branch"]
    written = len(world.forge.requests)
    world.pulumi("up", "--yes", "--skip-preview", "--expect-no-changes")
    world.pulumi("up", "--yes", "--skip-preview", "--refresh", "--expect-no-changes")
    assert [each.method for each in world.forge.requests[written:] if each.method not in {"GET", "HEAD"}] == []

    # Somebody changes a setting that the topology does not name: it is theirs.
    live.change("PATCH", "", {"has_wiki": False, "description": "Sells more things"})
    world.pulumi("up", "--yes", "--skip-preview", "--refresh", "--expect-no-changes")
    live.change("PATCH", "", {"has_wiki": True, "description": SETTINGS["description"]})

    world.pulumi("destroy", "--yes", "--skip-preview")
    assert live.settings() == before
    assert live.ours() == ["gitops: default branch"]  # what protects an existing repository stays with it


def test_what_is_named_is_changed_and_nothing_else(world: Any, live: Live) -> None:
    """A description that is as it is, Actions by choice; then another description."""
    named = {**IMPORTED, "description": SETTINGS["description"], "sha_pinning": True}
    world.configure({**OWNER, "application": named, "environments": STAGING})
    before = live.settings()
    world.up()
    after = live.settings()
    assert live.actions() == {**before["actions"], "sha_pinning_required": True}
    assert {key for key in before if before[key] != after[key]} == {"actions"}

    world.configure({**OWNER, "application": {**named, "description": "Sold"}, "environments": STAGING})
    preview = world.pulumi("preview")
    assert operations(preview) == {("~", "github:Repository")}
    world.up()
    changed = live.settings()["repository"]
    assert {key for key in changed if changed[key] != before["repository"][key]} == {"description"}
    world.pulumi("up", "--yes", "--skip-preview", "--refresh", "--expect-no-changes")


def test_a_token_that_does_not_see_every_setting_is_refused_before_anything_is_made(world: Any) -> None:
    """What it does not see would be read as off, and written so with the first setting that changes."""
    narrow = {"actions": "read", "administration": "write", "environments": "write", "metadata": "read"}
    world.environment["GITHUB_TOKEN"] = world.forge.app_token(world.forge.app("acme", "narrow", narrow))
    world.configure({**OWNER, "application": IMPORTED, "environments": STAGING})
    refused = world.pulumi("up", "--yes", code=1)
    assert (
        "repository acme/shop: GitHub does not show its merge settings to this token, so they cannot be kept as they "
        "are. Give the token or App contents (write), then run `pulumi up --refresh`. [settings-hidden]"
    ) in refused
    assert "Traceback" not in refused
    assert not [each for each in world.forge.requests if each.method not in {"GET", "HEAD"}]
