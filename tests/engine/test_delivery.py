"""The generated workflows with what `pulumi up` gave their jobs: from a commit of `main` to production."""

import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from gitops_infra.pipelines.github_actions import promotion_path, workflows
from gitops_infra.plan.build import plan
from gitops_infra.plan.model import Plan
from gitops_infra.sandbox.forge.git.bare import BareRepository
from gitops_infra.sandbox.forge.jobs import JobGrant, JobWaiting
from gitops_infra.topology.validate import validate

pytestmark = pytest.mark.engine

NEEDED = {"contents": "write", "workflows": "write"}


def run_job(world: Any, made: Plan, target: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """The steps of the workflow's one job, each with exactly the variables that its `env` names."""
    [promotion] = [each for each in made.promotions if each.target == target]
    job = workflows(made)[promotion_path(promotion)]["jobs"]["promote"]
    asked = {"repository": "acme/shop", "event": "push", "ref": "refs/heads/main", "actor": "mara"}
    grant = world.forge.job(**asked, environment=job["environment"]["name"], permissions=job["permissions"])
    if isinstance(grant, JobWaiting):
        grant = world.forge.approve(grant.deployment_id, "rita")
    assert isinstance(grant, JobGrant), grant
    folder.mkdir()
    runner = {
        "PATH": os.environ["PATH"],
        "HOME": str(folder),
        "RUNNER_TEMP": str(folder),
        "GIT_CONFIG_NOSYSTEM": "1",
        "GITHUB_SERVER_URL": world.forge.url,
        "GITHUB_API_URL": world.forge.api_url,
        "GITHUB_REPOSITORY": "acme/shop",
        "GITHUB_SHA": grant.sha,
        # SSH has a port of its own here.
        "GITOPS_STATE_URL": world.forge.ssh_url("acme/shop"),
    }
    known = {
        "${{ github.token }}": grant.token,
        "${{ inputs.sha }}": "",
        **{f"${{{{ secrets.{name} }}}}": value for name, value in grant.secrets.items()},
        **{f"${{{{ vars.{name} }}}}": value for name, value in grant.variables.items()},
    }
    done = None
    for step in job["steps"]:
        given = {name: known[value] for name, value in step["env"].items()}
        done = subprocess.run(
            ["bash"], input=step["run"], env=runner | given, cwd=folder, capture_output=True, text=True, check=False
        )
        if done.returncode:
            break
    assert done is not None
    world.forge.finish(grant, "failure" if done.returncode else "success")
    return done


def head(world: Any, branch: str) -> str | None:
    git_dir = world.forge.store.git_dir(world.forge.repository("acme/shop"))
    return BareRepository(git_dir).resolve(f"refs/heads/{branch}")


def test_an_app_and_a_machine_user_deliver_within_one_repository_past_its_gates(world: Any, tmp_path: Path) -> None:
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(tmp_path / "bot")], check=True)
    bot = world.forge.add_user("acme-bot", (tmp_path / "bot.pub").read_text())
    world.forge.add_member("acme", "acme-bot")
    world.forge.grant("acme/shop", "acme-bot", "write")
    app = world.forge.app("acme", "shop-staging", NEEDED, ["acme/shop"])
    world.secret("stagingKey", world.forge.app_key(app))
    world.secret("botKey", (tmp_path / "bot").read_text())
    topology = {
        "owner": "acme",
        "github_plan": "enterprise",
        "application": {"name": "shop", "existing": True, "visibility": "private", "code_owners": True},
        "environments": [
            {"name": "staging", "isolation": "branch", "writer": {"app": app.id, "key": "stagingKey"}},
            {
                "name": "production",
                "isolation": "branch",
                "writer": {"user": "acme-bot", "id": bot.id, "key": "botKey"},
                "reviewers": [{"team": "platform"}],
                "required_deployments": ["staging"],
            },
        ],
        "known_hosts": [world.forge.known_hosts.strip()],
    }
    world.change(**topology)
    world.up()
    made = plan(validate(topology))
    early = run_job(world, made, "production", tmp_path / "early")
    assert (early.returncode, early.stderr) == (1, "staging runs nothing yet: promote to staging first\n")
    for target in ("staging", "production"):
        done = run_job(world, made, target, tmp_path / target)
        assert done.returncode == 0, done.stderr
        assert f"Bypassed rule violations for refs/heads/env/{target}" in done.stderr
    assert head(world, "env/production") == head(world, "env/staging") == head(world, "main")
