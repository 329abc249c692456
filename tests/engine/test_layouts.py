"""A foundation and one stack for each environment: separate states, separate Apps, and what each of them reaches."""

import json
import secrets
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from ruamel.yaml import YAML

from gitops_infra.sandbox.client import TokenCredential
from gitops_infra.sandbox.forge.jobs import JobGrant
from tests.engine.cluster_api import Api

pytestmark = pytest.mark.engine

ROOT = Path(__file__).parents[2]
FOUNDATION = "organization/gitops-infra/foundation"
TOPOLOGY = {
    "owner": "acme",
    "github_plan": "enterprise",
    "application": {"name": "shop", "existing": True, "visibility": "private", "code_owners": True},
    "environments": [{"name": "staging"}, {"name": "production", "reviewers": [{"team": "platform"}]}],
}
PROTECTS = {"administration": "write", "metadata": "read"}
"""What the App of the foundation may: rulesets of the application's repository."""
DEPLOYS = {"actions": "read", "administration": "write", "environments": "write", "metadata": "read"}
"""What the App of an environment may: its CI environment there, and a state repository of its own."""
APPROVED = {**DEPLOYS, "members": "read"}
"""As `DEPLOYS`, where a team approves."""


@dataclass
class Project:
    """One stack in a folder, with a state, a passphrase and an App of its own."""

    name: str
    folder: Path
    world: Any
    token: str
    """Of its App's installation. A new one is another setting of the provider, so that a run would not be unchanged."""

    def configure(self, **config: Any) -> None:
        path = self.folder / f"Pulumi.{self.name}.yaml"
        document = YAML(typ="safe").load(path)
        document["config"] = {f"gitops-infra:{key}": value for key, value in config.items()}
        with path.open("w") as file:
            YAML().dump(document, file)

    def pulumi(self, *arguments: str, code: int = 0) -> str:
        environment = self.world.engine.environment(
            self.folder / "state",
            f"the passphrase of {self.name}",
            GITHUB_TOKEN=self.token,
            GITHUB_BASE_URL=f"{self.world.forge.url}/",
        )
        done = self.world.engine.run(
            [*arguments, "--stack", self.name, "--non-interactive"], self.folder, environment, timeout=240
        )
        assert done.returncode == code, done.stdout + done.stderr
        output: str = done.stdout + done.stderr
        return output

    def up(self, *arguments: str, code: int = 0) -> str:
        return self.pulumi("up", "--yes", "--skip-preview", *arguments, code=code)

    def shares_with(self, other: "Project") -> None:
        """Lets the other read this stack's checkpoint: what a bucket's policy says by the name of the object."""
        name = f".pulumi/stacks/gitops-infra/{self.name}.json"
        shutil.copyfile(self.folder / "state" / name, other.folder / "state" / name)


@pytest.fixture
def project(world: Any, tmp_path: Path) -> Callable[..., Project]:
    """Makes a project of one stack, whose App is installed on the application's repository only."""

    def make(name: str, permissions: dict[str, str], **config: Any) -> Project:
        folder = tmp_path / f"stack-{name}"
        folder.mkdir()
        (folder / "Pulumi.yaml").write_text(f"name: gitops-infra\nruntime: python\nmain: {ROOT / 'stacks'}\n")
        app = world.forge.app("acme", f"{name}-provisioner", permissions, repositories=["acme/shop"])
        made = Project(name, folder, world, world.forge.app_token(app))
        made.pulumi("stack", "init")
        made.configure(topology=TOPOLOGY, part=name, **config)
        return made

    return make


def writes(world: Any) -> list[str]:
    return [f"{each.method} {each.path}" for each in world.forge.requests if each.method not in {"GET", "HEAD"}]


def test_a_stack_of_one_environment_reaches_no_other(world: Any, project: Callable[..., Project]) -> None:
    foundation = project("foundation", PROTECTS)
    staging = project("staging", DEPLOYS, foundation=FOUNDATION)
    production = project("production", APPROVED, foundation=FOUNDATION)

    # Before the foundation nothing is made: a job of an unprotected default branch could read it.
    early = staging.up(code=1)
    assert f"foundation: the outputs of stack '{FOUNDATION}' cannot be read: unknown stack" in early
    assert "Traceback" not in early
    assert writes(world) == []

    foundation.up()
    assert writes(world) == ["POST /repos/acme/shop/rulesets"]
    for stack in (staging, production):
        foundation.shares_with(stack)
        stack.up()
        stack.up("--refresh", "--expect-no-changes")
    foundation.up("--refresh", "--expect-no-changes")

    outputs = {
        stack.name: json.loads(stack.pulumi("stack", "output", "--json")) for stack in (foundation, staging, production)
    }
    assert {name: list(found["environments"]) for name, found in outputs.items()} == {
        "foundation": [],
        "staging": ["staging"],
        "production": ["production"],
    }
    assert {json.dumps(found["foundation"]) for found in outputs.values()} == {'{"acme/shop": "refs/heads/main"}'}

    _each_key_moves_its_own_branch(world)
    _the_other_state_repository_is_out_of_reach(world, staging.token)
    _the_application_s_repository_is_not(world, staging.token)
    exported = staging.pulumi("stack", "export", "--show-secrets")
    assert "shop-staging-credential" in exported
    assert "shop-env-production" not in exported


def _each_key_moves_its_own_branch(world: Any) -> None:
    clone = world.clone("acme/shop", "dana", "clone")
    keys = {name: world.key(name) for name in ("staging", "production")}
    moved = {
        (holder, name): clone.push(
            world.forge.ssh_url(f"acme/shop-env-{name}"), f"refs/heads/main:refs/heads/env/{name}", credential
        ).allowed
        for holder, credential in keys.items()
        for name in keys
    }
    assert {pair for pair, allowed in moved.items() if allowed} == {
        ("staging", "staging"),
        ("production", "production"),
    }


def _the_other_state_repository_is_out_of_reach(world: Any, token: str) -> None:
    address = f"{world.forge.api_url}/repos/acme/shop-env-production"
    public = {"title": "x", "key": "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl"}
    asked: list[tuple[str, str, Any]] = [
        ("GET", "", None),
        ("GET", "/rulesets", None),
        ("GET", "/keys", None),
        ("POST", "/keys", public),
        ("POST", "/rulesets", {"name": "x", "target": "branch", "enforcement": "active"}),
        ("PATCH", "", {"archived": True}),
        ("DELETE", "", None),
    ]
    answers = {
        f"{method} {path}": httpx.request(
            method, address + path, json=body, headers={"Authorization": f"Bearer {token}"}
        ).status_code
        for method, path, body in asked
    }
    # As if it did not exist: GitHub does not tell those who may not see a repository that there is one.
    assert set(answers.values()) == {404}, answers
    clone = world.clone("acme/shop", "dana", "other-clone")
    held = TokenCredential(token)
    assert not clone.read(world.forge.http_url("acme/shop-env-production"), held).allowed
    pushed = clone.push(
        world.forge.http_url("acme/shop-env-production"), "refs/heads/main:refs/heads/env/production", held
    )
    assert not pushed.allowed


def _the_application_s_repository_is_not(world: Any, token: str) -> None:
    """What docs/layouts.md says that remains: the right to make one environment is the right to edit every one."""
    address = f"{world.forge.api_url}/repos/acme/shop/environments/production"
    headers = {"Authorization": f"Bearer {token}"}
    assert httpx.get(address, headers=headers).status_code == 200
    answer = httpx.put(address, json={"reviewers": [], "prevent_self_review": False}, headers=headers)
    assert answer.status_code == 200, answer.text
    assert isinstance(
        world.forge.job(
            repository="acme/shop", event="push", ref="refs/heads/main", environment="production", actor="mara"
        ),
        JobGrant,
    )


def test_an_environment_moves_into_a_stack_of_its_own_as_it_is(world: Any) -> None:
    """From one stack for all to the foundation and one stack for each environment, with `pulumi state move`."""
    staging = {key: value for key, value in TOPOLOGY.items() if key != "environments"}
    staging["environments"] = [{"name": "staging"}]
    world.configure(staging)
    world.up()
    held = world.key("staging")

    config = {"gitops-infra:part": "foundation"}
    world.configure(staging, **config)
    refused = world.pulumi("up", "--yes", "--skip-preview", code=1)
    assert "environment 'staging': this stack has it, and the part that it makes has not" in refused
    assert "pulumi state move" in refused

    urns = [each["urn"] for each in json.loads(world.pulumi("stack", "export"))["deployment"]["resources"]]
    _in_stack(world, "staging", "stack", "init")
    moved = [urn for urn in urns if "DeploymentEnvironment" in urn and urn.endswith("::shop-staging")]
    _run(world, "state", "move", "--yes", *_between("shop", "staging"), *moved)

    before = len(writes(world))
    world.configure(staging, **config, **{"gitops-infra:released": ["staging"]})
    world.up()
    world.configure(staging, **config)
    world.pulumi("up", "--yes", "--skip-preview", "--expect-no-changes")
    _in_stack(
        world,
        "staging",
        "up",
        "--yes",
        "--skip-preview",
        config={
            "gitops-infra:topology": staging,
            "gitops-infra:part": "staging",
            "gitops-infra:foundation": "organization/gitops-infra/shop",
        },
    )
    # The description of a state repository ends with the name of its stack.
    assert writes(world)[before:] == ["PATCH /repos/acme/shop-env-staging"]
    assert world.key("staging") == held


def test_an_environment_moves_into_a_stack_of_its_own_with_its_place_in_a_cluster(world: Any, clusters: Any) -> None:
    """Nothing in the cluster is deleted, made anew or changed by that."""
    cluster, space = clusters["staging"], f"moving-{secrets.token_hex(3)}"
    staging = {key: value for key, value in TOPOLOGY.items() if key != "environments"}
    staging |= {
        "known_hosts": [world.forge.known_hosts],
        "clusters": [{"name": "staging", "kubeconfig": "stagingKubeconfig"}],
        "environments": [{"name": "staging", "cluster": "staging", "namespace": space}],
    }
    world.secret("stagingKubeconfig", cluster.kubeconfig)
    world.change(**staging)
    world.up()
    api = Api(cluster.kubeconfig)
    try:
        made = api.core.read_namespace(space).metadata.uid
        urns = [each["urn"] for each in json.loads(world.pulumi("stack", "export"))["deployment"]["resources"]]
        _in_stack(world, "staging", "stack", "init")
        ends = ("DeploymentEnvironment::shop-staging", "Cluster::shop-cluster-staging")
        moved = [urn for urn in urns if urn.endswith(ends)]
        assert len(moved) == len(ends)
        _run(world, "state", "move", "--yes", *_between("shop", "staging"), *moved)
        config = {"gitops-infra:part": "foundation", "gitops-infra:released": ["staging"]}
        world.configure(staging, **config)
        world.up()
        assert api.core.read_namespace(space).metadata.uid == made
        own = {
            "gitops-infra:topology": staging,
            "gitops-infra:part": "staging",
            "gitops-infra:foundation": "organization/gitops-infra/shop",
        }
        _in_stack(
            world, "staging", "config", "set", "--secret", "gitops-infra:stagingKubeconfig", text=cluster.kubeconfig
        )
        path = world.folder / "Pulumi.staging.yaml"
        document = YAML(typ="safe").load(path)
        document["config"] |= own
        with path.open("w") as file:
            YAML().dump(document, file)
        before = len(writes(world))
        _in_stack(world, "staging", "up", "--yes", "--skip-preview")
        assert writes(world)[before:] == ["PATCH /repos/acme/shop-env-staging"]
        found = api.core.read_namespace(space)
        assert (found.metadata.uid, found.status.phase) == (made, "Active")
        assert api.kustomization(space, "shop")
    finally:
        api.close()


def _in_stack(world: Any, stack: str, *arguments: str, config: dict[str, Any] | None = None, text: str = "") -> str:
    """`pulumi ARGUMENTS` for another stack of the world's project, in the same backend."""
    if config is not None:
        path = world.folder / f"Pulumi.{stack}.yaml"
        document = YAML(typ="safe").load(path)
        document["config"] = config
        with path.open("w") as file:
            YAML().dump(document, file)
    return _run(world, *arguments, "--stack", stack, text=text)


def _between(source: str, destination: str) -> tuple[str, ...]:
    project = "organization/gitops-infra"
    return "--source", f"{project}/{source}", "--dest", f"{project}/{destination}"


def _run(world: Any, *arguments: str, text: str = "") -> str:
    done = world.engine.run([*arguments, "--non-interactive"], world.folder, world.environment, text=text)
    assert done.returncode == 0, done.stdout + done.stderr
    output: str = done.stdout + done.stderr
    return output
