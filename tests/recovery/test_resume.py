"""Resume on the real engine: `pulumi up` is killed behind every kind of write in turn, and taken up again."""

import json
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from gitops_infra.audit.github_client import GitHubReader
from gitops_infra.recovery.pulumi_cli import Pulumi
from gitops_infra.recovery.resume import CannotResume, resume
from gitops_infra.sandbox.engine import Engine
from gitops_infra.sandbox.forge.faults import Fault
from gitops_infra.sandbox.forge.responses import Response
from gitops_infra.sandbox.forge.router import Request
from gitops_infra.sandbox.forge.server import DROP_CONNECTION, Sandbox

PROGRAM = '''
import os
import pulumi
import pulumi_github as github
import pulumi_tls as tls


class Part(pulumi.ComponentResource):
    """Children of a component have longer URNs."""

    def __init__(self, name, opts=None):
        super().__init__("test:index:Part", name, None, opts)


provider = github.Provider(
    "forge", owner="acme", token=pulumi.Output.secret(os.environ["TOKEN"]), base_url=os.environ["URL"],
    legacy_client=False,
)
part = Part("part", pulumi.ResourceOptions(providers=[provider]))
last = []


def options():
    return pulumi.ResourceOptions(parent=part, depends_on=list(last))


def then(resource):
    last[:] = [resource]
    return resource


key = tls.PrivateKey("key", algorithm="ED25519", opts=pulumi.ResourceOptions(parent=part))
repository = then(github.Repository("repository", name="made", auto_init=True, visibility="private", opts=options()))
name = repository.name
then(github.IssueLabel("label", repository=name, name="kind/app: x", color="ff0000", opts=options()))
then(github.RepositoryFile(
    "file", repository=name, branch="main", file="docs/a:b.md", content="text\\n", commit_message="Add", opts=options()
))
then(github.RepositoryCollaborator("collaborator", repository=name, username="dana", permission="push", opts=options()))
then(github.TeamRepository("team", repository=name, team_id="platform", permission="pull", opts=options()))
then(github.ActionsRepositoryPermissions("actions", repository=name, enabled=False, opts=options()))
then(github.RepositoryRuleset(
    "ruleset", repository=name, name="keep: main", target="branch", enforcement="active",
    conditions=github.RepositoryRulesetConditionsArgs(
        ref_name=github.RepositoryRulesetConditionsRefNameArgs(includes=["refs/heads/main"], excludes=[])
    ),
    rules=github.RepositoryRulesetRulesArgs(deletion=True), opts=options(),
))
then(github.RepositoryDeployKey(
    "deploy-key", repository=name, title="writer", key=key.public_key_openssh, read_only=False, opts=options()
))
environment = then(github.RepositoryEnvironment(
    "environment", repository=name, environment="prod: eu",
    deployment_branch_policy=github.RepositoryEnvironmentDeploymentBranchPolicyArgs(
        protected_branches=False, custom_branch_policies=True
    ),
    opts=options(),
))
then(github.RepositoryEnvironmentDeploymentPolicy(
    "policy", repository=name, environment="prod: eu", branch_pattern="main", opts=options()
))
then(github.ActionsEnvironmentVariable(
    "variable", repository=name, environment="prod: eu", variable_name="WHERE", value="eu", opts=options()
))
then(github.ActionsEnvironmentSecret(
    "secret", repository=name, environment="prod: eu", secret_name="KEY", value=key.private_key_openssh, opts=options()
))
'''

WRITES = (
    ("POST", "/orgs/acme/repos", "repository"),
    ("POST", "/labels", "label"),
    ("PUT", "/contents/", "file"),
    ("PUT", "/collaborators/", "collaborator"),
    ("PUT", "/team/", "team"),
    ("PUT", "/actions/permissions", "actions"),
    ("POST", "/rulesets", "ruleset"),
    ("POST", "/keys", "deploy-key"),
    ("PUT", "/environments/prod", "environment"),
    ("POST", "/deployment-branch-policies", "policy"),
    ("POST", "/variables", "variable"),
    ("PUT", "/secrets/KEY", "secret"),
)
"""Method, part of the path, logical name, in the order of the program."""


@dataclass
class Project:
    forge: Sandbox
    engine: Engine
    folder: Path
    environment: dict[str, str]
    kill_session: Callable[[int], None]
    said: list[str] = field(default_factory=list)

    def up(self, *arguments: str) -> "subprocess.Popen[str]":
        return subprocess.Popen(
            ["pulumi", "up", "--yes", "--skip-preview", "--stack", "dev", "--non-interactive", *arguments],
            executable=str(self.engine.home.binaries / "pulumi"),
            cwd=self.folder,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )

    def succeeds(self, *arguments: str) -> None:
        """Runs `up`, which must end well."""
        process = self.up(*arguments)
        output, _ = process.communicate(timeout=120)
        assert process.returncode == 0, output

    def killed_after(self, method: str, part: str) -> None:
        """Runs `up` until the forge has done the first such write; nobody hears of it, and the whole tree is killed."""
        running: list[subprocess.Popen[str]] = []

        def kill(request: Request, response: Response) -> Response | None:
            if request.method != method or part not in request.path or response.status >= 400 or not running:
                return None
            self.kill_session(running.pop().pid)
            return DROP_CONNECTION

        remove = self.forge.after(kill)
        process = self.up()
        running.append(process)
        output, _ = process.communicate(timeout=120)
        remove()
        assert not running, f"{method} {part} was never sent: {output}"

    def resume(self, **options: object) -> list[str]:
        said: list[str] = []
        token = self.environment["TOKEN"]
        pulumi = Pulumi(self.folder, "dev", self.environment)
        resume(pulumi, lambda url: GitHubReader(token, url), said.append, **options)  # type: ignore[arg-type]
        return said


@pytest.fixture
def project(engine: Engine, kill_session: Callable[[int], None], tmp_path: Path) -> Iterator[Project]:
    folder = tmp_path / "project"
    folder.mkdir()
    (folder / "Pulumi.yaml").write_text("name: made\nruntime: python\n")
    (folder / "__main__.py").write_text(PROGRAM)
    with Sandbox(tmp_path / "forge") as forge:
        forge.add_user("olivia")
        forge.add_user("dana")
        forge.add_organization("acme", owners=["olivia"], price_plan="enterprise")
        forge.add_member("acme", "dana")
        forge.add_team("acme", "platform", ["olivia"])
        token = forge.token("olivia")
        environment = engine.environment(tmp_path / "state", "a passphrase", TOKEN=token, URL=forge.url)
        done = engine.run(["stack", "init", "dev"], folder, environment)
        assert done.returncode == 0, done.stderr
        yield Project(forge, engine, folder, environment, kill_session)


@pytest.mark.engine
@pytest.mark.kill
@pytest.mark.timeout(900)
def test_a_run_that_is_killed_behind_every_write_converges(project: Project) -> None:
    """F2: after each kill one `resume`; in the end one `up` that changes nothing, and nothing twice on the forge."""
    for method, part, name in WRITES:
        project.killed_after(method, part)
        said = project.resume()
        assert any(line.startswith("stale lock of process ") for line in said), said
        assert any(line.startswith(f"{name}: ") for line in said), said
        assert said[-1] == "pending operations are cleared: run `pulumi up --refresh`"
    project.succeeds("--refresh")
    project.succeeds("--refresh", "--expect-no-changes")
    with GitHubReader(project.environment["TOKEN"], project.forge.url) as reader:
        assert len(reader.pages("/repos/acme/made/rulesets").entries) == 1
        assert len(reader.pages("/repos/acme/made/keys").entries) == 1
        path = "/repos/acme/made/environments/{}/deployment-branch-policies"
        assert len(reader.pages(path, "prod: eu", key="branch_policies").entries) == 1
        assert len(reader.pages("/orgs/acme/repos").entries) == 1


@pytest.mark.engine
def test_a_provider_that_was_being_made_when_the_run_died_is_made_again(project: Project) -> None:
    """The engine writes a provider's creation down like any other, here beside the repository's.

    The moment is too short to be hit by a kill (it was, once in hundreds): the state is brought to it afterwards.
    """
    project.killed_after("POST", "/orgs/acme/repos")
    (file,) = project.folder.parent.glob("state/.pulumi/stacks/made/dev.json")
    document = json.loads(file.read_text())
    latest = document["checkpoint"]["latest"]
    provider = {
        "urn": "urn:pulumi:dev::made::pulumi:providers:tls::default",
        "custom": True,
        "type": "pulumi:providers:tls",
        "inputs": {"__internal": {}},
    }
    latest["resources"] = [each for each in latest["resources"] if "tls" not in each["type"]]
    latest["pending_operations"] = [
        *(each for each in latest["pending_operations"] if "tls" not in each["resource"]["type"]),
        {"resource": provider, "type": "creating"},
    ]
    file.write_text(json.dumps(document))
    said = project.resume()
    assert "default: made again by the next `pulumi up`; a provider is in the state alone" in said
    assert "repository: is on the forge; imported as made" in said
    project.succeeds("--refresh")
    assert project.resume() == ["nothing is pending: run `pulumi up`"]


@pytest.mark.engine
def test_a_dry_run_says_all_and_changes_nothing(project: Project) -> None:
    project.killed_after("POST", "/orgs/acme/repos")
    state = {path: path.read_bytes() for path in project.folder.parent.joinpath("state").rglob("*") if path.is_file()}
    said = project.resume(dry_run=True)
    assert said[0].startswith("stale lock of process ")
    assert said[0].endswith(": would be removed")
    assert "repository: is on the forge; imported as made" in said
    assert said[-1] == "dry run: nothing was changed"
    assert state == {
        path: path.read_bytes() for path in project.folder.parent.joinpath("state").rglob("*") if path.is_file()
    }


@pytest.mark.engine
def test_a_stack_without_pending_operations_needs_nothing(project: Project) -> None:
    assert project.resume() == ["nothing is pending: run `pulumi up`"]


@pytest.mark.engine
def test_a_running_update_is_left_alone(project: Project) -> None:
    held: list[list[str] | str] = []

    def look(request: Request, response: Response) -> None:
        if request.method == "POST" and request.path == "/orgs/acme/repos":
            try:
                held.append(project.resume())
            except CannotResume as refused:
                held.append(str(refused))

    project.forge.after(look)
    project.succeeds()
    assert len(held) == 1
    assert str(held[0]).startswith("the stack is locked by process ")
    assert str(held[0]).endswith(": it still runs. Wait for it, or stop it, then resume again")


@pytest.mark.engine
def test_what_failed_although_it_was_made_is_taken_over_by_name(project: Project) -> None:
    """The answer is lost, the provider repeats the call, and is told that the thing exists."""
    project.forge.fault(Fault.STATUS_AFTER, method="POST", path="/repos/*/*/labels", status=502)
    process = project.up()
    output, _ = process.communicate(timeout=120)
    assert process.returncode != 0
    assert "already_exists" in output
    with pytest.raises(
        CannotResume, match=r"^the next `pulumi up` would not create 'ruleset-of-yours'\. Give the name"
    ):
        project.resume(made=["ruleset-of-yours"])
    said = project.resume(made=["label"], dry_run=True)
    assert said == ["label: is on the forge; imported as made:kind/app: x", "dry run: nothing was changed"]
    said = project.resume(made=["label"])
    assert said[-2:] == ["1 imported into the state", "run `pulumi up`"]
    project.succeeds()
    assert project.resume(made=[]) == ["nothing is pending: run `pulumi up`"]


@pytest.mark.engine
def test_what_failed_and_was_not_made_is_left_to_the_next_up(project: Project) -> None:
    project.forge.fault(Fault.STATUS_BEFORE, method="POST", path="/repos/*/*/labels", status=422)
    process = project.up()
    process.communicate(timeout=120)
    assert process.returncode != 0
    assert project.resume(made=["label"]) == [
        "label: never reached the forge; made by the next `pulumi up`",
        "run `pulumi up`",
    ]
