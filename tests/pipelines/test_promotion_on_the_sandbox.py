"""A private delivery on the sandbox forge: real SSH with real keys, real job tokens, GitHub's record of deployments."""

import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from gitops_infra.pipelines.promotion_script import promotion_script
from gitops_infra.plan.model import Plan
from gitops_infra.sandbox.forge.git.bare import BareRepository
from gitops_infra.sandbox.forge.jobs import JobGrant
from gitops_infra.sandbox.forge.server import Sandbox

READS = {"contents": "read", "deployments": "read"}


@pytest.fixture
def forge(tmp_path: Path) -> Iterator[Sandbox]:
    with Sandbox(tmp_path / "sandbox") as running:
        running.add_user("olivia")
        running.add_organization("acme", owners=["olivia"], price_plan="enterprise")
        running.add_repository("acme/shop", auto_init=True)
        for name in ("staging", "production"):
            running.add_repository(f"acme/shop-env-{name}")
        yield running


@pytest.fixture
def keys(forge: Sandbox, tmp_path: Path) -> dict[str, str]:
    """Private key by environment; the public half is the write deploy key of its state repository."""
    made = {}
    headers = {"Authorization": f"Bearer {forge.token('olivia')}"}
    with httpx.Client(base_url=forge.api_url, headers=headers, trust_env=False) as http:
        for name in ("staging", "production"):
            path = tmp_path / name
            subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(path)], check=True)
            body = {"title": name, "key": path.with_suffix(".pub").read_text().strip(), "read_only": False}
            http.post(f"/repos/acme/shop-env-{name}/keys", json=body).raise_for_status()
            made[name] = path.read_text()
    return made


def run(forge: Sandbox, delivery: Any, plan: Plan, target: str, key: str) -> subprocess.CompletedProcess[str]:
    """One job of the default branch that promotes, ended as GitHub ends it."""
    [promotion] = [each for each in plan.promotions if each.target == target]
    grant = forge.job(
        repository="acme/shop",
        event="push",
        ref="refs/heads/main",
        environment=target,
        actor="olivia",
        permissions=READS,
    )
    assert isinstance(grant, JobGrant)
    done = delivery.run(
        promotion_script(plan, promotion),
        target,
        GITHUB_SERVER_URL=forge.url,
        GITHUB_API_URL=forge.api_url,
        GITHUB_SHA=grant.sha,
        GITHUB_TOKEN=grant.token,
        GITOPS_STATE_URL=forge.ssh_url(f"acme/shop-env-{target}"),
        GITOPS_KNOWN_HOSTS=forge.known_hosts,
        GITOPS_DEPLOY_KEY=key,
    )
    forge.finish(grant, "failure" if done.returncode else "success")
    return done


def head(forge: Sandbox, repository: str, ref: str) -> str | None:
    found = forge.repository(repository)
    return BareRepository(forge.store.git_dir(found)).resolve(ref)


def test_a_commit_goes_to_staging_and_what_staging_runs_goes_to_production(
    forge: Sandbox, keys: dict[str, str], delivery: Any, make_plan: Callable[..., Plan]
) -> None:
    plan = make_plan("private")
    early = run(forge, delivery, plan, "production", keys["production"])
    assert (early.returncode, early.stderr) == (1, "staging runs nothing yet: promote to staging first\n")
    for target in ("staging", "production"):
        done = run(forge, delivery, plan, target, keys[target])
        assert (done.returncode, done.stderr) == (0, "")
    main = head(forge, "acme/shop", "refs/heads/main")
    assert main is not None
    assert head(forge, "acme/shop-env-staging", "refs/heads/env/staging") == main
    assert head(forge, "acme/shop-env-production", "refs/heads/env/production") == main


def test_the_key_of_another_environment_is_not_let_in(
    forge: Sandbox, keys: dict[str, str], delivery: Any, make_plan: Callable[..., Plan]
) -> None:
    done = run(forge, delivery, make_plan("private"), "staging", keys["production"])
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1] == (
        "acme/shop-env-staging does not let the deploy key in: if the key was rotated meanwhile, run this job again"
    )
    assert head(forge, "acme/shop-env-staging", "refs/heads/env/staging") is None
