"""Programs on the real engine against a forge that enforces: one project, one organisation, one application."""

import contextlib
import itertools
import json
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from gitops_infra.sandbox.client import Clone, KeyCredential, TokenCredential
from gitops_infra.sandbox.engine import Engine
from gitops_infra.sandbox.forge.daemon import PROVISIONER_PERMISSIONS
from gitops_infra.sandbox.forge.jobs import JobGrant, JobWaiting
from gitops_infra.sandbox.forge.model import Repository
from gitops_infra.sandbox.forge.responses import Response
from gitops_infra.sandbox.forge.router import Request
from gitops_infra.sandbox.forge.server import DROP_CONNECTION, Sandbox

ROOT = Path(__file__).parents[2]
WRITES = frozenset({"POST", "PUT", "PATCH", "DELETE"})


@dataclass
class World:
    """A forge with `acme/shop` in it, and a Pulumi project that provisions around it."""

    forge: Sandbox
    engine: Engine
    folder: Path
    token: str
    people: dict[str, TokenCredential]
    kill_session: Callable[[int], None] = field(repr=False)
    environment: dict[str, str] = field(default_factory=dict)

    def configure(self, topology: dict[str, Any], **config: Any) -> None:
        """Writes the stack file."""
        path = self.folder / "Pulumi.shop.yaml"
        document = YAML(typ="safe").load(path)  # it holds the salt of the stack's encryption
        document["config"] = {"gitops-infra:topology": topology, **config}
        with path.open("w") as file:
            YAML().dump(document, file)

    def change(self, **changes: Any) -> None:
        """Writes the stack file with a changed topology; other configuration stays, secrets too."""
        path = self.folder / "Pulumi.shop.yaml"
        document = YAML(typ="safe").load(path)
        config = document["config"]
        config["gitops-infra:topology"] = {**config["gitops-infra:topology"], **changes}
        with path.open("w") as file:
            YAML().dump(document, file)

    def secret(self, key: str, value: str) -> None:
        """Stores a secret value in the stack's configuration, as users do: over standard input."""
        done = self.engine.run(
            ["config", "set", "--secret", f"gitops-infra:{key}", "--stack", "shop"],
            self.folder,
            self.environment,
            text=value,
        )
        assert done.returncode == 0, done.stderr

    def start(self, *arguments: str) -> "subprocess.Popen[str]":
        """`pulumi ARGUMENTS` in a session of its own, so that the whole tree can be killed."""
        return subprocess.Popen(
            [str(self.engine.home.binaries / "pulumi"), *arguments, "--stack", "shop", "--non-interactive"],
            cwd=self.folder,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )

    def pulumi(self, *arguments: str, code: int | None = 0) -> str:
        """Output of `pulumi ARGUMENTS`; the exit code must be `code`, unless that is None."""
        process = self.start(*arguments)
        output, _ = process.communicate(timeout=240)
        assert code is None or process.returncode == code, output
        return output

    def up(self, *arguments: str) -> str:
        return self.pulumi("up", "--yes", "--skip-preview", *arguments)

    def outputs(self) -> dict[str, Any]:
        return json.loads(self.pulumi("stack", "output", "--json", "--show-secrets"))

    def state_text(self) -> str:
        """Everything that Pulumi wrote down: checkpoint, backups, history."""
        return "".join(
            path.read_text(errors="replace") for path in (self.folder / "state").rglob("*") if path.is_file()
        )

    def clone(self, full_name: str, person: str, folder: str) -> Clone:
        return Clone.of(self.forge.http_url(full_name), self.folder / folder, self.people[person])

    def key(self, environment: str, repository: str = "acme/shop") -> KeyCredential:
        """The deploy key that a job of the default branch gets, approved where that is asked for."""
        answer = self.forge.job(
            repository=repository, event="push", ref="refs/heads/main", environment=environment, actor="mara"
        )
        if isinstance(answer, JobWaiting):
            answer = self.forge.approve(answer.deployment_id, "rita")
        assert isinstance(answer, JobGrant), answer
        return KeyCredential(answer.secrets["GITOPS_DEPLOY_KEY"], self.forge.known_hosts)

    def kill(self, process: "subprocess.Popen[str]") -> None:
        """SIGKILL for the whole session: engine, language host, program and providers, at once."""
        self.kill_session(process.pid)

    def killed(self, at: Callable[[str, Request], bool], *arguments: str) -> bool:
        """Runs `pulumi ARGUMENTS` and kills it where `at(moment, write)` is first true; whether it ever was.

        Each write is asked about twice: `moment` is "before" (the forge has not done it), then "after" (it has, and
        nobody hears of it). A run that is not killed must have succeeded.
        """
        process = self.start(*arguments, "--yes", "--skip-preview", "--parallel", "1")
        guard = threading.Lock()
        killed: list[Request] = []

        def kill(moment: str, request: Request) -> Response | None:
            with guard:
                if request.method not in WRITES or killed or not at(moment, request):
                    return None
                killed.append(request)
            self.kill(process)
            return DROP_CONNECTION

        hooks = (
            self.forge.before(lambda request: kill("before", request)),
            self.forge.after(lambda request, _: kill("after", request)),
        )
        output, _ = process.communicate(timeout=240)
        for remove in hooks:
            remove()
        assert killed or process.returncode == 0, output
        return bool(killed)

    def killed_at(self, number: int, moment: str, *arguments: str) -> None:
        """As `killed`, at the write of that number, counted from 1; there must be as many."""
        numbers = itertools.count(1)
        came = self.killed(lambda now, _: now == moment and next(numbers) == number, *arguments)
        assert came, f"write {number} never came"

    def resume(self) -> str:
        """What `gitops-infra resume` says, as the user of a killed run would type it."""
        command = [sys.executable, "-c", "from gitops_infra.cli import main; main()", "resume", "--stack", "shop"]
        done = subprocess.run(
            command, cwd=self.folder, env=self.environment, capture_output=True, text=True, check=False, timeout=240
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def state_keys(self) -> Iterator[str]:
        """Private keys that the stack's state holds already; deploy keys may exist for them."""
        exported = self.pulumi("stack", "export", "--show-secrets", code=None)
        with contextlib.suppress(ValueError):
            for resource in json.loads(exported)["deployment"].get("resources", ()):
                if resource["type"].startswith("tls:"):
                    value = resource["outputs"]["privateKeyOpenssh"]
                    yield json.loads(value["plaintext"]) if isinstance(value, dict) else value

    def holdings(self) -> dict[str, Any]:
        """Everything that the forge holds, by repository, without ids, times and key material."""
        store = self.forge.store
        return {store.full_name(each): _held(self.forge, each) for each in store.repositories.values()}


def _held(forge: Sandbox, repository: Repository) -> dict[str, Any]:
    store = forge.store
    return {
        "visibility": repository.visibility,
        "actions": repository.actions,
        "rulesets": sorted(
            json.dumps(
                [each.name, each.target, each.enforcement, each.conditions, each.rules, each.bypass_actors],
                sort_keys=True,
            )
            for each in store.rulesets_of(repository)
        ),
        "keys": sorted((each.title, each.read_only) for each in store.deploy_keys_of(repository)),
        "environments": {
            each.name: {
                "policies": sorted(policy["name"] for policy in each.policies),
                "branch_policy": each.branch_policy,
                "reviewers": len(each.reviewers),
                "admins": each.can_admins_bypass,
                "secrets": sorted(each.secrets),
                "variables": {name: value["value"] for name, value in each.variables.items()},
            }
            for each in store.environments_of(repository)
        },
    }


def topology(**changes: Any) -> dict[str, Any]:
    """A complete topology of `acme/shop`, with changes on top."""
    return {
        "owner": "acme",
        "github_plan": "enterprise",
        "application": {"name": "shop", "existing": True, "visibility": "private", "code_owners": True},
        "environments": [
            {"name": "staging", "variables": {"LOG_LEVEL": "debug"}},
            {"name": "production", "reviewers": [{"team": "platform"}]},
            {"name": "review"},
        ],
        **changes,
    }


@pytest.fixture
def make_world(engine: Engine, kill_session: Callable[[int], None], tmp_path: Path) -> Iterator[Callable[[], World]]:
    """Makes worlds; each forge is stopped at the end."""
    forges: list[Sandbox] = []

    def make() -> World:
        number = len(forges)
        forge = Sandbox(tmp_path / f"forge-{number}").start()
        forges.append(forge)
        for login in ("olivia", "dana", "mara", "rita"):
            forge.add_user(login)
        forge.add_organization("acme", owners=["olivia"], price_plan="enterprise")
        forge.add_team("acme", "developers", ["dana"])
        forge.add_team("acme", "platform", ["mara", "rita"])
        source = Clone.empty(tmp_path / f"source-{number}")
        files = {".github/CODEOWNERS": "/.github/ @acme/platform\n", "deploy/staging/app.yaml": "greeting: hello\n"}
        source.git("update-ref", "refs/heads/main", source.commit(None, "The application", files))
        forge.add_repository("acme/shop", source=source.directory)
        forge.grant("acme/shop", "acme/developers", "write")
        forge.grant("acme/shop", "acme/platform", "maintain")
        app = forge.app("acme", "provisioner", PROVISIONER_PERMISSIONS)
        folder = tmp_path / f"project-{number}"
        folder.mkdir()
        (folder / "Pulumi.yaml").write_text(f"name: gitops-infra\nruntime: python\nmain: {ROOT / 'stacks'}\n")
        token = forge.app_token(app)
        environment = engine.environment(
            folder / "state", "a passphrase", GITHUB_TOKEN=token, GITHUB_BASE_URL=f"{forge.url}/"
        )
        people = {login: TokenCredential(forge.token(login)) for login in ("olivia", "dana", "mara", "rita")}
        world = World(forge, engine, folder, token, people, kill_session, environment)
        world.pulumi("stack", "init")
        world.configure(topology())
        return world

    yield make
    for forge in forges:
        forge.stop()


@pytest.fixture
def world(make_world: Callable[[], World]) -> World:
    return make_world()
