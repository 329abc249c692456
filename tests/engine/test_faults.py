"""Every fault at every kind of resource, once: what `pulumi up` says, and how the stack gets to where it should be.

A cell is one fault at one kind: it hits the call that makes the resource, or the first one that reads it back. The
cells of a fault live in one organisation, none needs another, and `up --continue-on-error` goes through all of them,
so the whole matrix takes a handful of updates and runs each time. Beside them lives an organisation that nothing
happens to: in the end the others must hold the same.
"""

import json
import re
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest

from gitops_infra.plan.resources import IN_CLUSTER, ResourceKind
from gitops_infra.sandbox.engine import Engine
from gitops_infra.sandbox.forge.faults import Fault
from gitops_infra.sandbox.forge.limits import DOCUMENTATION, SECONDARY_DOCUMENTATION
from gitops_infra.sandbox.forge.responses import Response
from gitops_infra.sandbox.forge.router import Request
from gitops_infra.sandbox.forge.server import DROP_CONNECTION, Sandbox

pytestmark = pytest.mark.engine

PROGRAM = Path(__file__).with_name("every_kind.py")
SECRET = "canary-of-a-secret"
PASSPHRASE = "canary-of-a-passphrase"
CALM = "calm"
SHARDS = 4

TOLD = re.compile(r"^  github:index:\w+ \((\S+)\):\n((?:    .*\n|\s*\n)+)", re.MULTILINE)
"""A resource with what is said of it, among the engine's diagnostics."""

HELD = "/repos/%/held"
IN_ENVIRONMENT = f"{HELD}/environments/held"


@dataclass(frozen=True)
class Calls:
    """How the provider makes a resource, and where it reads it. `%` is the owner."""

    method: str
    path: str
    read: str
    named: str = ""
    """What of the path an error names, where the provider asks by number; default: the path itself."""


CALLS: Mapping[str, Calls] = {
    "Repository": Calls("POST", "/orgs/%/repos", "/repos/%/made"),
    "RepositoryRuleset": Calls("POST", f"{HELD}/rulesets", f"{HELD}/rulesets/*"),
    "RepositoryFile": Calls("PUT", f"{HELD}/contents/docs/a.md", f"{HELD}/contents/docs/a.md"),
    "RepositoryVulnerabilityAlerts": Calls("PUT", f"{HELD}/vulnerability-alerts", f"{HELD}/vulnerability-alerts"),
    "ActionsRepositoryPermissions": Calls(
        "PUT", "/repos/%/off/actions/permissions", "/repos/%/off/actions/permissions"
    ),
    "WorkflowRepositoryPermissions": Calls(
        "PUT", f"{HELD}/actions/permissions/workflow", f"{HELD}/actions/permissions/workflow"
    ),
    "IssueLabel": Calls("POST", f"{HELD}/labels", f"{HELD}/labels/*"),
    "TeamRepository": Calls("PUT", "/orgs/%/teams/platform/repos/%/held", "/orgs/%/teams/platform/repos/%/held", HELD),
    "RepositoryCollaborator": Calls("PUT", f"{HELD}/collaborators/dana", f"{HELD}/collaborators"),
    "RepositoryEnvironment": Calls("PUT", f"{HELD}/environments/made", f"{HELD}/environments/made"),
    "RepositoryEnvironmentDeploymentPolicy": Calls(
        "POST", f"{IN_ENVIRONMENT}/deployment-branch-policies", f"{IN_ENVIRONMENT}/deployment-branch-policies/*"
    ),
    "ActionsEnvironmentVariable": Calls("POST", f"{IN_ENVIRONMENT}/variables", f"{IN_ENVIRONMENT}/variables/*"),
    "ActionsEnvironmentSecret": Calls(
        "PUT", f"{IN_ENVIRONMENT}/secrets/KEY", f"{IN_ENVIRONMENT}/secrets/KEY", "/environments/held/secrets/KEY"
    ),
    "RepositoryDeployKey": Calls("POST", f"{HELD}/keys", f"{HELD}/keys/*"),
    "RepositoryWebhook": Calls("POST", f"{HELD}/hooks", f"{HELD}/hooks/*"),
}


ALL = frozenset(CALLS)
NONE: frozenset[str] = frozenset()
LISTED = frozenset(
    {"Repository", "RepositoryRuleset", "RepositoryFile", "IssueLabel", "RepositoryDeployKey", "RepositoryWebhook"}
)
"""Kinds that the forge refuses to make twice, and whose making needs the answer's body."""
ONCE = LISTED | {"ActionsEnvironmentVariable"}
"""Kinds that the forge refuses to make twice."""
BY_NUMBER = LISTED | {"RepositoryEnvironment", "RepositoryEnvironmentDeploymentPolicy"}
"""Kinds whose making needs the answer's body."""
SETTINGS = frozenset({"ActionsRepositoryPermissions", "WorkflowRepositoryPermissions", "TeamRepository"})
READ_BACK = SETTINGS | {"Repository", "RepositoryCollaborator", "RepositoryDeployKey", "RepositoryWebhook"}
"""Kinds that are made and then read; what is wrong there is kept in the state as an error of theirs."""
KEY = frozenset({"RepositoryDeployKey"})


@dataclass(frozen=True)
class Case:
    """One fault, what fails of it, and what it takes to get over that."""

    fault: Fault | None
    """None: a rate limit, see `limited`."""
    settings: Mapping[str, Any] = field(default_factory=dict)
    fails: frozenset[str] = NONE
    """Kinds for which this `up` fails. The provider repeats what is answered 429 or 5xx, and what is not answered."""
    stuck: frozenset[str] = NONE
    """Kinds that the next `up` cannot make: the forge has them, the state does not. `resume --made` imports them."""
    unread: frozenset[str] = NONE
    """Kinds that the next `up` cannot bring up to date: `up --refresh` can."""
    reading: bool = False
    """Whether it hits the first read instead of the write."""
    limited: Mapping[str, str] | None = None
    """Headers of the answer of a rate limit."""
    status: int = 403

    @property
    def answered(self) -> bool:
        """Whether the forge says something that an error can repeat."""
        return self.limited is not None or "status" in self.settings


def _status(status: int, fails: frozenset[str] = NONE, *, reading: bool = False) -> Case:
    return Case(Fault.STATUS_BEFORE, {"status": status}, fails, reading=reading)


def _lost(fault: Fault, **settings: Any) -> Case:
    return Case(fault, settings, ONCE, stuck=ONCE)


EXHAUSTED = {"X-RateLimit-Limit": "5000", "X-RateLimit-Remaining": "0"}
BODILESS = {"RepositoryCollaborator", "RepositoryEnvironment", "RepositoryVulnerabilityAlerts"}
"""Kinds whose write is also accepted without a body, as the provider repeats it after a secondary limit."""

CASES: Mapping[str, Case] = {
    "server-error": _status(500),
    "bad-gateway": _status(502),
    "unavailable": _status(503),
    "timed-out": _status(504),
    "error-after-work": _lost(Fault.STATUS_AFTER, status=500),
    "gateway-after-work": _lost(Fault.STATUS_AFTER, status=502),
    "too-many": _status(429),
    "limit-403": Case(None, fails=ALL, limited=EXHAUSTED),
    "limit-429": Case(None, limited=EXHAUSTED, status=429),
    "slow-down": Case(
        None,
        fails=ALL - BODILESS - {"WorkflowRepositoryPermissions", "TeamRepository"},
        limited={"Retry-After": "1"},
    ),
    "slow-down-silent": Case(None, fails=ALL, limited={}),
    "reset": Case(Fault.RESET_BEFORE),
    "reset-after-work": _lost(Fault.RESET_AFTER),
    "truncated": Case(
        Fault.TRUNCATED,
        fails=BY_NUMBER | {"ActionsEnvironmentVariable", "ActionsEnvironmentSecret"},
        stuck=LISTED,
    ),
    "wrong-json": Case(Fault.WRONG_JSON, fails=BY_NUMBER, stuck=LISTED),
    "slow": Case(Fault.SLOW, {"seconds": 0.5}),
    "lag": Case(
        Fault.LAG,
        {"reads": 2},
        fails=SETTINGS | {"Repository", "RepositoryFile", "RepositoryDeployKey", "RepositoryWebhook"},
        stuck=frozenset({"Repository", "RepositoryFile", "RepositoryDeployKey", "RepositoryWebhook"}),
    ),
    "token-expired": _status(401, ALL),
    "rights-lost": _status(403, ALL),
    "conflict": _status(409, ALL),
    "exists": _status(422, ALL - {"RepositoryEnvironment"}),
    "reading-error": _status(502, reading=True),
    "reading-truncated": Case(
        Fault.TRUNCATED,
        fails=READ_BACK | {"RepositoryFile", "ActionsEnvironmentVariable", "ActionsEnvironmentSecret"},
        unread=KEY,
        reading=True,
    ),
    "reading-wrong-json": Case(Fault.WRONG_JSON, fails=READ_BACK, unread=KEY, reading=True),
    "lying-etag": Case(Fault.STALE_ETAG, fails=READ_BACK, unread=KEY, reading=True),
}
"""What fails is exact for the provider that the toolchain builds: another version may repeat other calls."""


@dataclass
class Scene:
    """One forge with an organisation for each of some faults, and a project that provisions all of them."""

    forge: Sandbox
    engine: Engine
    folder: Path
    owners: dict[str, str]
    """Organisation -> token that only its provider uses."""
    environment: dict[str, str] = field(default_factory=dict)

    def pulumi(self, *arguments: str) -> "subprocess.CompletedProcess[str]":
        """`pulumi ARGUMENTS` on the stack; what it prints holds no secret and no traceback."""
        done = self.engine.run([*arguments, "--stack", "dev", "--non-interactive"], self.folder, self.environment)
        said = done.stdout + done.stderr
        assert "Traceback" not in said
        assert "panic:" not in said
        for secret in (SECRET, PASSPHRASE, *self.owners.values()):
            assert secret not in said
        return done

    def up(self, *arguments: str) -> dict[str, str]:
        """What is said of each resource that failed, by its name; nothing when all is well."""
        done = self.pulumi(
            "up", "--yes", "--skip-preview", "--continue-on-error", "--suppress-outputs", "--color", "never", *arguments
        )
        said = done.stdout + done.stderr
        failed = {name: text for name, text in TOLD.findall(said) if "error: " in text}
        assert bool(failed) == (done.returncode != 0), said
        return failed

    def resume(self, *made: str) -> str:
        """What `gitops-infra resume` says of these resources."""
        command = [sys.executable, "-c", "from gitops_infra.cli import main; main()", "resume", "--stack", "dev"]
        done = subprocess.run(
            [*command, *(word for name in made for word in ("--made", name))],
            cwd=self.folder,
            env={**self.environment, "GITHUB_TOKEN": self.owners[CALM]},
            capture_output=True,
            text=True,
            check=False,
            timeout=240,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def get(self, path: str) -> Any:
        """What a GET is answered: its body, or its status where there is none."""
        with httpx.Client(headers={"Authorization": f"Bearer {self.owners[CALM]}"}) as client:
            answer = client.get(f"{self.forge.api_url}{path}")
        return answer.json() if answer.content else answer.status_code


MakeScene = Callable[[Iterable[str]], Scene]


@pytest.fixture
def make_scene(engine: Engine, tmp_path: Path) -> Iterator[MakeScene]:
    """Makes the scene of a test, from the names of its organisations; `calm` is added."""
    with Sandbox(tmp_path / "forge") as forge:

        def make(names: Iterable[str]) -> Scene:
            forge.add_user("olivia")
            forge.add_user("dana")
            owners = {name: _organization(forge, name) for name in (CALM, *names)}
            folder = tmp_path / "project"
            folder.mkdir()
            (folder / "Pulumi.yaml").write_text("name: made\nruntime: python\n")
            (folder / "__main__.py").write_text(PROGRAM.read_text())
            environment = engine.environment(
                tmp_path / "state", PASSPHRASE, URL=forge.url, SECRET=SECRET, OWNERS=json.dumps(owners)
            )
            done = engine.run(["stack", "init", "dev"], folder, environment)
            assert done.returncode == 0, done.stderr
            return Scene(forge, engine, folder, owners, environment)

        yield make


def _organization(forge: Sandbox, name: str) -> str:
    """Makes it with what the program expects; a token of its owner."""
    forge.add_organization(name, owners=["olivia"], price_plan="enterprise")
    forge.add_member(name, "dana")
    forge.add_team(name, "platform", ["olivia"])
    for repository in ("held", "off"):
        forge.add_repository(f"{name}/{repository}", auto_init=True)
    token = forge.token("olivia")
    answer = httpx.put(
        f"{forge.api_url}/repos/{name}/held/environments/held",
        headers={"Authorization": f"Bearer {token}"},
        json={"deployment_branch_policy": {"protected_branches": False, "custom_branch_policies": True}},
    )
    assert answer.is_success, answer.text
    return token


def inject(scene: Scene, owner: str, case: Case) -> dict[str, Any]:
    """Switches the case on for every kind: kind -> something with `hits`."""
    if case.limited is not None:
        return {kind: Limit(scene, owner, calls, case) for kind, calls in CALLS.items()}
    assert case.fault is not None
    return {
        kind: scene.forge.fault(
            case.fault,
            method="GET" if case.reading else calls.method,
            path=(calls.read if case.reading else calls.path).replace("%", owner),
            **case.settings,
        )
        for kind, calls in CALLS.items()
    }


class Limit:
    """A rate limit, answered once to the write of one kind. Nothing has been done then."""

    def __init__(self, scene: Scene, owner: str, calls: Calls, case: Case) -> None:
        self.hits = 0
        self._method, self._case = calls.method, case
        self._ending = (calls.named or calls.path).replace("%", owner)
        self._token = scene.owners[owner]
        self._now = scene.forge.store.now
        scene.forge.before(self)

    def __call__(self, request: Request) -> Response | None:
        """The refusal, once."""
        mine = self._token in request.headers.get("authorization", "") and request.path.endswith(self._ending)
        if self.hits or not mine or request.method != self._method:
            return None
        self.hits += 1
        headers = dict(self._case.limited or {})
        if "X-RateLimit-Remaining" in headers:
            # It is over at once: a client that keeps to it must not refuse the other cells.
            headers["X-RateLimit-Reset"] = str(int(self._now()) - 1)
            body = {"message": "API rate limit exceeded for user ID 1.", "documentation_url": DOCUMENTATION}
        else:
            message = "You have exceeded a secondary rate limit. Please wait a few minutes before you try again."
            body = {"message": message, "documentation_url": SECONDARY_DOCUMENTATION}
        return Response(self._case.status, body, headers)


def content(scene: Scene, owner: str) -> dict[str, Any]:
    """What the organisation holds, without ids and times: lists keep what is there twice."""

    def names(path: str, *keys: str, inside: str | None = None) -> list[Any]:
        found = scene.get(f"/repos/{owner}/{path}")
        entries = found[inside] if inside else found
        return sorted([entry[key] for key in keys] for entry in entries)

    environment = "held/environments/held"
    keys = scene.get(f"/repos/{owner}/held/keys")
    environments = scene.forge.store.environments_of(scene.forge.repository(f"{owner}/held"))
    return {
        "repositories": sorted(each["name"] for each in scene.get(f"/orgs/{owner}/repos")),
        "rulesets": names("held/rulesets", "name", "enforcement"),
        "file": scene.get(f"/repos/{owner}/held/contents/docs/a.md")["content"],
        "commits": len(scene.get(f"/repos/{owner}/held/commits")),
        "alerts": scene.get(f"/repos/{owner}/held/vulnerability-alerts"),
        "actions": scene.get(f"/repos/{owner}/off/actions/permissions"),
        "workflow": scene.get(f"/repos/{owner}/held/actions/permissions/workflow"),
        "labels": names("held/labels", "name", "color"),
        "teams": names("held/teams", "slug", "permission"),
        "people": names("held/collaborators", "login", "role_name"),
        "environments": sorted((each.name, str(each.branch_policy)) for each in environments),
        "policies": names(f"{environment}/deployment-branch-policies", "name", inside="branch_policies"),
        "variables": names(f"{environment}/variables", "name", "value", inside="variables"),
        "secrets": {each.name: {name: kept["value"] for name, kept in each.secrets.items()} for each in environments},
        "keys": [(each["title"], each["read_only"]) for each in keys],
        "hooks": [(each["events"], each["config"]["url"]) for each in scene.get(f"/repos/{owner}/held/hooks")],
    }


def test_every_kind_that_a_plan_registers_is_in_the_table() -> None:
    """A key pair is made without a call, and what is in a cluster without one to the forge."""
    assert set(CALLS) == {kind.value for kind in ResourceKind if kind not in IN_CLUSTER} - {"PrivateKey"}


@pytest.mark.parametrize("shard", range(SHARDS))
@pytest.mark.timeout(900)
def test_each_fault_at_each_kind_is_got_over(make_scene: MakeScene, shard: int) -> None:
    """F1: said without a secret; then at most one `resume`; then all is there once, and nothing changes any more."""
    cases = {name: CASES[name] for name in list(CASES)[shard::SHARDS]}
    scene = make_scene(cases)
    faults = {owner: inject(scene, owner, case) for owner, case in cases.items()}
    failed = scene.up()
    assert set(failed) == _cells(cases, "fails")
    for owner, case in cases.items():
        hit = {kind for kind, one in faults[owner].items() if one.hits}
        assert hit == ALL if not (case.reading or case.fault is Fault.LAG) else hit >= case.fails, owner
        for kind in case.fails if case.answered else ():
            calls = CALLS[kind]
            said = failed[f"{owner}-{kind}"]
            assert f"{calls.method} http" in said, said
            assert (calls.named or calls.path).replace("%", owner) in said, said
    scene.forge.clear_faults()
    assert set(scene.up()) == _cells(cases, "stuck") | _cells(cases, "unread")
    stuck = _cells(cases, "stuck")
    told = scene.resume(*sorted(stuck)) if stuck else ""
    assert {line.partition(":")[0] for line in told.splitlines() if "is on the forge; imported as" in line} == stuck
    assert scene.up("--refresh") == {}
    scene.pulumi("up", "--yes", "--skip-preview", "--refresh", "--expect-no-changes", "--suppress-outputs")
    calm = content(scene, CALM)
    assert {owner: content(scene, owner) for owner in cases} == dict.fromkeys(cases, calm)


def _cells(cases: Mapping[str, Case], which: str) -> set[str]:
    """Names of the resources that are in this set of their case."""
    return {f"{owner}-{kind}" for owner, case in cases.items() for kind in getattr(case, which)}


def test_a_forge_that_refuses_connections_for_a_while_delays_an_update(make_scene: MakeScene) -> None:
    """The provider tries again for some seconds."""
    scene = make_scene(())
    refused: list[Request] = []

    def refuse(request: Request) -> Response | None:
        if refused or request.method != "POST":
            return None
        refused.append(request)
        scene.forge.fault(Fault.REFUSED, seconds=1.5)
        return DROP_CONNECTION

    scene.forge.before(refuse)
    assert scene.up("--parallel", "1") == {}
    assert refused
    scene.pulumi("up", "--yes", "--skip-preview", "--refresh", "--expect-no-changes", "--suppress-outputs")
