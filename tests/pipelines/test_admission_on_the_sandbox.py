"""A delivery within the application's repository, on the sandbox forge: Apps by real tokens, people and keys by SSH."""

import os
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest

from gitops_infra.pipelines.promotion_script import promotion_script
from gitops_infra.plan.model import Plan
from gitops_infra.sandbox.forge.git.bare import BareRepository
from gitops_infra.sandbox.forge.jobs import JobGrant
from gitops_infra.sandbox.forge.model import App
from gitops_infra.sandbox.forge.responses import Response
from gitops_infra.sandbox.forge.server import Sandbox

NEEDED = {"contents": "write", "workflows": "write"}


@dataclass
class Delivery:
    """acme/shop with one commit, and what promotes within it."""

    forge: Sandbox
    folder: Path
    path: str = os.environ["PATH"]
    given: dict[str, str] = field(default_factory=dict)

    def promote(self, plan: Plan, target: str, **variables: str) -> subprocess.CompletedProcess[str]:
        """One job of the default branch that promotes, ended as GitHub ends it."""
        [promotion] = [each for each in plan.promotions if each.target == target]
        grant = self.forge.job(
            repository="acme/shop",
            event="push",
            ref="refs/heads/main",
            environment=target,
            actor="olivia",
            permissions={"contents": "read"},
        )
        assert isinstance(grant, JobGrant)
        environment = {
            "PATH": self.path,
            "HOME": str(self.folder),
            "RUNNER_TEMP": str(self.folder),
            "GITHUB_SERVER_URL": self.forge.url,
            "GITHUB_API_URL": self.forge.api_url,
            "GITHUB_REPOSITORY": "acme/shop",
            "GITHUB_SHA": grant.sha,
            "GITHUB_TOKEN": grant.token,
            "GITOPS_STATE_URL": self.forge.ssh_url("acme/shop"),
            "GITOPS_KNOWN_HOSTS": self.forge.known_hosts,
            "GIT_CONFIG_NOSYSTEM": "1",
            **self.given,
            **variables,
        }
        script = promotion_script(plan, promotion)
        done = subprocess.run(
            ["bash"], check=False, input=script, capture_output=True, text=True, env=environment, cwd=self.folder
        )
        self.forge.finish(grant, "failure" if done.returncode else "success")
        assert not list(self.folder.glob("gitops-*/key")), "a key stayed behind"
        return done

    def reason(self, plan: Plan, target: str = "staging", **variables: str) -> str:
        """The line that a promotion fails with, and the only one."""
        done = self.promote(plan, target, **variables)
        assert done.returncode == 1, done.stdout
        assert "PRIVATE KEY" not in done.stdout + done.stderr
        [line] = done.stderr.splitlines()
        return line

    def head(self, branch: str) -> str | None:
        git_dir = self.forge.store.git_dir(self.forge.repository("acme/shop"))
        return BareRepository(git_dir).resolve(f"refs/heads/{branch}")


@pytest.fixture
def delivery(tmp_path: Path) -> Iterator[Delivery]:
    work = tmp_path / "runner temp"
    work.mkdir()
    with Sandbox(tmp_path / "forge") as running:
        for login in ("olivia", "mover"):
            running.add_user(login)
        running.add_organization("acme", owners=["olivia"], price_plan="enterprise")
        running.add_repository("acme/shop", auto_init=True)
        yield Delivery(running, work)


@pytest.fixture
def app(delivery: Delivery) -> App:
    """An App that is installed on acme/shop only."""
    return delivery.forge.app("acme", "shop-staging-gitops", NEEDED, ["acme/shop"])


@pytest.fixture
def plan_of(make_plan: Callable[..., Plan]) -> Callable[[App], Plan]:
    """A plan whose staging is moved by that App."""

    def made(app: App) -> Plan:
        staging = {"name": "staging", "isolation": "branch", "writer": {"app": app.id, "key": "stagingAppKey"}}
        return make_plan("private", environments=[staging], existing=True)

    return made


def protect(
    delivery: Delivery, branch: str, *bypass: dict[str, Any], rules: list[dict[str, Any]] | None = None
) -> None:
    """The rule that only those actors may move the branch, or other rules."""
    ruleset = {
        "name": f"{branch} {'writers' if rules is None else 'gates'}",
        "target": "branch",
        "enforcement": "active",
        "bypass_actors": [{"bypass_mode": "always", **actor} for actor in bypass],
        "conditions": {"ref_name": {"include": [f"refs/heads/{branch}"], "exclude": []}},
        "rules": [{"type": "creation"}, {"type": "update"}] if rules is None else rules,
    }
    headers = {"Authorization": f"Bearer {delivery.forge.token('olivia')}"}
    url = f"{delivery.forge.api_url}/repos/acme/shop/rulesets"
    httpx.post(url, json=ruleset, headers=headers, trust_env=False).raise_for_status()


def ssh_key(folder: Path) -> tuple[str, str]:
    """A new key pair: private text, public line."""
    path = folder / "key"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(path)], check=True)
    return path.read_text(), path.with_suffix(".pub").read_text().strip()


def test_an_app_moves_its_branch_with_a_token_that_is_revoked_afterwards(
    delivery: Delivery, app: App, plan_of: Callable[[App], Plan]
) -> None:
    protect(delivery, "env/staging", {"actor_type": "Integration", "actor_id": app.id})
    done = delivery.promote(plan_of(app), "staging", GITOPS_APP_KEY=delivery.forge.app_key(app))
    assert done.returncode == 0, done.stderr
    assert "Bypassed rule violations for refs/heads/env/staging" in done.stderr
    assert delivery.head("env/staging") == delivery.head("main")
    [token] = [token for token in delivery.forge.store.tokens.values() if token.kind == "installation"]
    assert token.revoked


def test_the_token_of_an_app_is_for_one_repository_and_two_permissions(
    delivery: Delivery, plan_of: Callable[[App], Plan], tmp_path: Path
) -> None:
    """The App may do more, everywhere; the job does not get that."""
    app = delivery.forge.app("acme", "shop-staging-gitops", {**NEEDED, "administration": "write"})
    delivery.forge.add_repository("acme/other")
    asked = spy_on(delivery, tmp_path, "openssl")
    before = set(delivery.forge.store.tokens)
    kept: list[tuple[Any, Any]] = []
    delivery.forge.after(
        lambda request, _: kept.extend(
            (token.permissions, token.repository_ids)
            for token in delivery.forge.store.tokens.values()
            if token.kind == "installation" and token.id not in before and request.path.endswith("/access_tokens")
        )
    )
    assert delivery.promote(plan_of(app), "staging", GITOPS_APP_KEY=delivery.forge.app_key(app)).returncode == 0
    [(permissions, repositories)] = kept
    assert permissions == {"metadata": "read", **NEEDED}
    assert repositories == {delivery.forge.repository("acme/shop").id}
    assert "PRIVATE KEY" not in asked()


def spy_on(delivery: Delivery, folder: Path, *programs: str) -> Callable[[], str]:
    """Puts a recorder of arguments before those programs; gives all of them."""
    log, bin_folder = folder / "arguments", folder / "spies"
    bin_folder.mkdir()
    for program in programs:
        spy = bin_folder / program
        spy.write_text(f'#!/bin/bash\nprintf "%s " {program} "$@" >> "{log}"\nexec {shutil.which(program)} "$@"\n')
        spy.chmod(0o755)
    delivery.path = f"{bin_folder}:{delivery.path}"
    return log.read_text


def test_neither_key_nor_token_is_ever_an_argument(
    delivery: Delivery, app: App, plan_of: Callable[[App], Plan], tmp_path: Path
) -> None:
    arguments = spy_on(delivery, tmp_path, "openssl", "git", "python3")
    done = delivery.promote(plan_of(app), "staging", GITOPS_APP_KEY=delivery.forge.app_key(app), GITHUB_ACTIONS="true")
    [mask] = [line for line in done.stdout.splitlines() if "add-mask" in line]
    token = mask.removeprefix("::add-mask::")
    seen = arguments()
    assert " push " in seen
    assert token.startswith("ghs_")
    assert token not in seen
    assert "PRIVATE" not in seen
    assert token not in done.stdout.replace(mask, "") + done.stderr


def test_an_app_that_is_not_installed_is_told_where_to_install_it(
    delivery: Delivery, plan_of: Callable[[App], Plan]
) -> None:
    app = delivery.forge.create_app("acme", "shop-staging-gitops", NEEDED)
    assert delivery.reason(plan_of(app), GITOPS_APP_KEY=delivery.forge.app_key(app)) == (
        f"GitHub App {app.id} is not installed on acme/shop: "
        f"install it at {delivery.forge.url}/apps/shop-staging-gitops/installations/new"
    )


@pytest.mark.parametrize(
    ("permissions", "missing"),
    [
        ({"contents": "write"}, "workflows: write"),
        ({"contents": "read", "workflows": "write"}, "contents: write"),
        ({}, "contents: write and workflows: write"),
    ],
)
def test_a_missing_permission_is_named(
    delivery: Delivery, plan_of: Callable[[App], Plan], permissions: dict[str, str], missing: str
) -> None:
    app = delivery.forge.app("acme", "shop-staging-gitops", permissions)
    reason = delivery.reason(plan_of(app), GITOPS_APP_KEY=delivery.forge.app_key(app))
    where = f"{delivery.forge.url}/organizations/acme/settings/installations/"
    assert reason.startswith(
        f"GitHub App {app.id} lacks {missing} on acme/shop: add it to the App, then accept it at {where}"
    )


def test_the_key_of_another_app_is_told_from_a_text_that_is_no_key(
    delivery: Delivery, app: App, plan_of: Callable[[App], Plan]
) -> None:
    other = delivery.forge.app("acme", "other", NEEDED)
    assert delivery.reason(plan_of(app), GITOPS_APP_KEY=delivery.forge.app_key(other)) == (
        f"GITOPS_APP_KEY is no key of GitHub App {app.id}: it belongs to another one, or was deleted"
    )
    assert delivery.reason(plan_of(app), GITOPS_APP_KEY="-----BEGIN RSA PRIVATE KEY-----\nnothing") == (
        f"GITOPS_APP_KEY is no private key in PEM form: it must be the whole file that GitHub App {app.id} gave"
    )
    assert delivery.reason(plan_of(app), GITOPS_APP_KEY="") == (
        "staging has no secret GITOPS_APP_KEY: pulumi up makes it last, so run it to the end"
    )


def test_an_id_that_no_app_has_is_named(delivery: Delivery, app: App, make_plan: Callable[..., Plan]) -> None:
    writer = {"app": 999_999, "key": "k"}
    plan = make_plan("private", environments=[{"name": "staging", "isolation": "branch", "writer": writer}])
    assert delivery.reason(plan, GITOPS_APP_KEY=delivery.forge.app_key(app)) == (
        "there is no GitHub App 999999: `writer.app` of the topology must be its id"
    )


@pytest.fixture
def shifted_clock(delivery: Delivery, tmp_path: Path) -> Callable[[int], None]:
    """Moves the clock of the job by seconds: python3 is a program that starts the real one with another time."""

    def shift(seconds: int) -> None:
        python = tmp_path / "clock" / "python3"
        python.parent.mkdir()
        moved = f"import time; now = time.time; time.time = lambda: now() + {seconds}\\n"
        python.write_text(f'#!/bin/bash\n{{ printf "{moved}"; cat; }} | exec {shutil.which("python3")} "$@"\n')
        python.chmod(0o755)
        delivery.path = f"{python.parent}:{delivery.path}"

    return shift


@pytest.mark.parametrize(("seconds", "way"), [(3600, "ahead"), (-3600, "behind")])
def test_a_wrong_clock_is_told_from_a_wrong_key(
    delivery: Delivery, app: App, plan_of: Callable[[App], Plan], shifted_clock: Any, *, seconds: int, way: str
) -> None:
    shifted_clock(seconds)
    reason = delivery.reason(plan_of(app), GITOPS_APP_KEY=delivery.forge.app_key(app))
    near = {str(abs(seconds) + off) for off in (-2, -1, 0, 1, 2)}
    told = re.fullmatch(rf"the clock of this machine is (\d+) s {way}, and GitHub refuses what it signs", reason)
    assert told is not None
    assert told[1] in near


def test_a_forge_that_gives_no_usable_answer_is_named_without_a_traceback(
    delivery: Delivery, app: App, plan_of: Callable[[App], Plan]
) -> None:
    given = {"GITOPS_APP_KEY": delivery.forge.app_key(app), "GITHUB_API_URL": "http://127.0.0.1:9"}
    assert delivery.reason(plan_of(app), **given) == "http://127.0.0.1:9 gave no usable answer: URLError"


def test_an_answer_of_another_shape_is_named_without_a_traceback(
    delivery: Delivery, app: App, plan_of: Callable[[App], Plan]
) -> None:
    """Such as the page of a proxy."""
    delivery.forge.before(lambda request: Response(200, []) if request.path.endswith("/installation") else None)
    reason = delivery.reason(plan_of(app), GITOPS_APP_KEY=delivery.forge.app_key(app))
    assert reason == f"{delivery.forge.api_url} gave no usable answer: AttributeError"


def test_a_token_that_cannot_be_revoked_is_told_and_the_promotion_counts(
    delivery: Delivery, app: App, plan_of: Callable[[App], Plan]
) -> None:
    refused = Response(503, {"message": "no server is available"})
    delivery.forge.before(lambda request: refused if request.path == "/installation/token" else None)
    done = delivery.promote(plan_of(app), "staging", GITOPS_APP_KEY=delivery.forge.app_key(app))
    assert (done.returncode, done.stderr) == (
        0,
        f"the token of GitHub App {app.id} could not be revoked: it is good for an hour\n",
    )
    assert delivery.head("env/staging") == delivery.head("main")


def test_an_app_that_the_ruleset_does_not_let_through_is_refused_by_the_forge(
    delivery: Delivery, app: App, plan_of: Callable[[App], Plan]
) -> None:
    other = delivery.forge.app("acme", "other", NEEDED)
    protect(delivery, "env/staging", {"actor_type": "Integration", "actor_id": other.id})
    done = delivery.promote(plan_of(app), "staging", GITOPS_APP_KEY=delivery.forge.app_key(app))
    assert done.returncode == 1
    assert "GH013" in done.stderr
    assert done.stderr.splitlines()[-1].startswith("acme/shop refused to move env/staging to ")
    assert delivery.head("env/staging") is None


def test_a_machine_user_moves_its_branch_over_ssh(
    delivery: Delivery, make_plan: Callable[..., Plan], tmp_path: Path
) -> None:
    private, public = ssh_key(tmp_path)
    delivery.forge.add_ssh_key("mover", public)
    delivery.forge.grant("acme/shop", "mover", "write")
    user = delivery.forge.user("mover").id
    protect(delivery, "env/staging", {"actor_type": "User", "actor_id": user})
    writer = {"user": "mover", "id": user, "key": "userKey"}
    plan = make_plan("private", environments=[{"name": "staging", "isolation": "branch", "writer": writer}])
    done = delivery.promote(plan, "staging", GITOPS_USER_KEY=private)
    assert done.returncode == 0, done.stderr
    assert "Bypassed rule violations for refs/heads/env/staging" in done.stderr
    assert delivery.head("env/staging") == delivery.head("main")


def test_a_machine_user_without_access_is_named(
    delivery: Delivery, make_plan: Callable[..., Plan], tmp_path: Path
) -> None:
    private, public = ssh_key(tmp_path)
    delivery.forge.add_ssh_key("mover", public)
    writer = {"user": "mover", "id": 9, "key": "userKey"}
    plan = make_plan("private", environments=[{"name": "staging", "isolation": "branch", "writer": writer}])
    done = delivery.promote(plan, "staging", GITOPS_USER_KEY=private)
    assert done.stderr.splitlines()[-1] == (
        "acme/shop does not let machine user mover in: GITOPS_USER_KEY must be an SSH key of that account, which needs "
        "the role write there"
    )


def test_under_shared_isolation_a_deploy_key_of_the_application_moves_the_branch(
    delivery: Delivery, make_plan: Callable[..., Plan], tmp_path: Path
) -> None:
    private, public = ssh_key(tmp_path)
    headers = {"Authorization": f"Bearer {delivery.forge.token('olivia')}"}
    body = {"title": "staging", "key": public, "read_only": False}
    url = f"{delivery.forge.api_url}/repos/acme/shop/keys"
    httpx.post(url, json=body, headers=headers, trust_env=False).raise_for_status()
    protect(delivery, "env/staging", {"actor_type": "DeployKey"})
    staging = {"name": "staging", "isolation": "shared", "accept_shared_bypass": True}
    done = delivery.promote(make_plan("private", environments=[staging]), "staging", GITOPS_DEPLOY_KEY=private)
    assert done.returncode == 0, done.stderr
    assert "Bypassed rule violations for refs/heads/env/staging" in done.stderr
    assert delivery.head("env/staging") == delivery.head("main")


@dataclass
class Pair:
    """Staging and production within acme/shop, each with an App of its own."""

    plan: Plan
    keys: dict[str, str]

    def promote(self, delivery: Delivery, target: str) -> subprocess.CompletedProcess[str]:
        return delivery.promote(self.plan, target, GITOPS_APP_KEY=self.keys[target])


@pytest.fixture
def pair(delivery: Delivery, make_plan: Callable[..., Plan]) -> Pair:
    apps = {name: delivery.forge.app("acme", f"shop-{name}-gitops", NEEDED) for name in ("staging", "production")}
    reviewers = {"production": [{"team": "platform", "id": 7}]}
    environments = [
        {
            "name": name,
            "isolation": "branch",
            "writer": {"app": app.id, "key": "k"},
            "reviewers": reviewers.get(name),
            "required_deployments": ["staging"] if name == "production" else None,
        }
        for name, app in apps.items()
    ]
    keys = {name: delivery.forge.app_key(app) for name, app in apps.items()}
    return Pair(make_plan("private", environments=environments), keys)


def test_production_takes_what_the_branch_of_staging_is_at_in_the_same_private_repository(
    delivery: Delivery, pair: Pair
) -> None:
    """No record of deployments is read: the job may not."""
    early = pair.promote(delivery, "production")
    assert (early.returncode, early.stderr) == (1, "staging runs nothing yet: promote to staging first\n")
    for target in ("staging", "production"):
        done = pair.promote(delivery, target)
        assert (done.returncode, done.stderr) == (0, ""), target
    assert delivery.head("env/production") == delivery.head("env/staging") == delivery.head("main")


def test_the_deployment_that_production_requires_is_the_one_that_staging_recorded(
    delivery: Delivery, pair: Pair
) -> None:
    required = {
        "type": "required_deployments",
        "parameters": {"required_deployment_environments": ["staging"]},
    }
    protect(delivery, "env/production", rules=[required])
    assert pair.promote(delivery, "staging").returncode == 0
    [deployment] = delivery.forge.store.deployments.values()
    assert (deployment.environment, deployment.sha) == ("staging", delivery.head("env/staging"))
    deployment.state = "failure"
    done = pair.promote(delivery, "production")
    assert done.returncode == 1
    assert "GH013" in done.stderr
    deployment.state = "success"
    assert pair.promote(delivery, "production").returncode == 0
    assert delivery.head("env/production") == deployment.sha
